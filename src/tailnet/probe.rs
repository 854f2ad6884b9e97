//! Whether the API answers, and as whom.

use std::time::{Duration, Instant};

use http::header;
use jiff::{SignedDuration, Timestamp};

use super::Tailnet;
use crate::{ErrorKind, api::types::DeviceFields, client::Result};

/// What one small read tells about the API.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probe {
    /// How long the answer took, its turn included.
    pub round_trip: Duration,
    /// How far this machine's clock is ahead of the API's; absent if the API does not say.
    pub clock_ahead: Option<SignedDuration>,
}

impl Tailnet {
    /// Reads something small (`GET /tailnet/{tailnet}/settings`, or the devices where the
    /// credential may not) to see whether the API can be reached and takes the credential.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way.
    pub async fn probe(&self) -> Result<Probe> {
        let started = Instant::now();
        let headers = match self.api()?.get_tailnet_settings().send().await {
            Ok(response) => response.headers().clone(),
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let request = self.api()?.list_tailnet_devices().fields(DeviceFields::Default);
                request.send().await?.headers().clone()
            }
            Err(error) => return Err(error),
        };
        let date = headers.get(header::DATE).and_then(|it| it.to_str().ok());
        let date = date.and_then(|it| httpdate::parse_http_date(it).ok());
        let date = date.and_then(|it| Timestamp::try_from(it).ok());
        Ok(Probe {
            round_trip: started.elapsed(),
            clock_ahead: date.map(|it| Timestamp::now().duration_since(it)),
        })
    }
}
