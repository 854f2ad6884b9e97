//! What the node that this program runs on serves to its tailnet (Serve) and to the internet (Funnel).
//!
//! A Funnel makes a program of this machine public. So everything it needs is checked first, it is always
//! confirmed, and it can have a time limit.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

mod certificate;
pub(crate) mod change;
mod due;
mod mend;
mod outside;
mod plan;
mod ready;
mod server;
mod target;
pub(crate) mod tools;

pub use self::{
    certificate::CertificateInfo,
    due::Due,
    outside::Outside,
    plan::{Expose, What},
    ready::{Ready, Requirement},
};
use crate::{
    ErrorKind, Tailnet,
    client::Result,
    local::{
        Daemon,
        serve::{Mount, Served},
    },
};

/// What this node serves, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Funnel<'a> {
    tailnet: &'a Tailnet,
}

/// What this node serves.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ServeStatus {
    /// Short name of the machine.
    pub machine: String,
    /// All that it serves.
    pub served: Vec<Served>,
}

/// What the internet reaches on this node.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FunnelStatus {
    /// Short name of the machine.
    pub machine: String,
    /// What the internet reaches.
    pub public: Vec<Public>,
    /// What Funnel needs, and whether each requirement is met.
    pub requirements: Vec<Requirement>,
    /// The ports that Funnel may use.
    pub ports: Vec<String>,
}

/// Something that the internet reaches.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Public {
    /// What is served.
    #[serde(flatten)]
    pub served: Served,
    /// The address for a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it closes automatically. None if it does not, or if it was not opened through this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// The change in the journal that opened it; none in the same cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<i64>,
}

impl<'a> Funnel<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }

    pub(crate) fn daemon(self) -> &'a Daemon {
        self.tailnet.daemon()
    }

    /// All that this node serves (LocalAPI `serve-config`).
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::status`].
    pub async fn served(&self) -> Result<ServeStatus> {
        let status = self.daemon().own_status().await?;
        let served = self.daemon().serve_config().await?.served();
        Ok(ServeStatus { machine: status.machine().to_owned(), served })
    }

    /// What the internet reaches on this node, and whether Funnel has what it needs.
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::status`], [`DaemonLoggedOut`](ErrorKind::DaemonLoggedOut), and
    /// [`Journal`](ErrorKind::Journal) if the journal cannot be read.
    pub async fn status(&self) -> Result<FunnelStatus> {
        let ready = self.ready().await?;
        let served = self.daemon().serve_config().await?.served();
        let timed = match self.timed().await {
            // Without a journal, nothing was opened with a time limit.
            Err(error) if error.kind() == ErrorKind::Unsupported => Vec::new(),
            timed => timed?,
        };
        let public = served.into_iter().filter(|it| it.funnel).map(|served| {
            let mount = mount_of(&served);
            let due = timed.iter().find(|it| Some(&it.mount) == mount.as_ref());
            let (ends, change) = (due.map(|it| it.until), due.map(|it| it.change));
            Public { url: mount.map(|it| it.url()), ends, change, served }
        });
        Ok(FunnelStatus {
            machine: ready.machine.clone(),
            public: public.collect(),
            requirements: ready.requirements,
            ports: ready.ports,
        })
    }
}

/// The place of something that is served over HTTPS.
fn mount_of(served: &Served) -> Option<Mount> {
    Mount::read(&format!("{}{}", served.at, served.path.as_deref()?)).ok()
}

/// The shortest and the longest time for which a Funnel can be asked.
const SHORTEST: SignedDuration = SignedDuration::from_secs(10);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 30);
