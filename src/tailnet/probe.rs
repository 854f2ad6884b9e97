//! Checks whether the API can be reached with the credential.

use std::time::{Duration, Instant};

use http::header;
use jiff::{SignedDuration, Timestamp};

use super::Tailnet;
use crate::{ErrorKind, api::types::DeviceFields, client::Result};

/// The result of a small test request to the API.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probe {
    /// Time until the answer, including the wait for the rate limiter.
    pub round_trip: Duration,
    /// How far this machine's clock is ahead of the API's; `None` if the answer has no valid date.
    pub clock_ahead: Option<SignedDuration>,
}

impl Tailnet {
    /// Sends a small request (`GET /tailnet/{tailnet}/settings`, or the device list if that is
    /// forbidden) to check that the API can be reached and accepts the credential.
    ///
    /// # Errors
    ///
    /// Any error of the request.
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
