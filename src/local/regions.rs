//! DERP regions, and the exit node that the daemon suggests.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Daemon, MAX_SMALL, null};
use crate::client::Result;

/// A region of DERP relays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Region {
    /// Code, such as `fra`.
    #[serde(rename = "RegionCode", deserialize_with = "null")]
    pub code: String,
    /// Name, such as `Frankfurt`.
    #[serde(rename = "RegionName", deserialize_with = "null")]
    pub name: String,
}

impl Daemon {
    /// The DERP regions that this node knows, by ID (`GET derpmap`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn regions(&self) -> Result<BTreeMap<String, Region>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Map {
            #[serde(default, deserialize_with = "null")]
            regions: BTreeMap<String, Region>,
        }
        let map: Map = self.get("derpmap", MAX_SMALL).await?.json("derpmap")?;
        Ok(map.regions)
    }

    /// Stable ID of the exit node that the daemon suggests (`GET suggest-exit-node`). None if none of the
    /// nodes may be suggested.
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn suggested_exit_node(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Suggested {
            #[serde(rename = "ID", default, deserialize_with = "null")]
            id: String,
        }
        let found: Suggested =
            self.get("suggest-exit-node", MAX_SMALL).await?.json("suggest-exit-node")?;
        Ok(Some(found.id).filter(|it| !it.is_empty()))
    }
}
