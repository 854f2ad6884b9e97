//! The compliance audit: what the checks look at, read at once, and their results.
//!
//! ```no_run
//! # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
//! use tailsteward::tailnet::devices::Filter;
//!
//! let report = tailnet.compliance().audit(&Filter::default(), &[]).await?;
//! println!("{}", report.score);
//! # Ok(()) }
//! ```

#[cfg(feature = "journal")]
pub mod accept;
mod convert;
mod read;
#[cfg(feature = "server")]
pub(crate) mod tools;

use crate::{
    checks::{self, Exception, Facts, Report},
    client::Result,
    tailnet::{Tailnet, devices::Filter, policy_file::compute::compute},
};

/// The compliance audit of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Compliance<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> Compliance<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Runs all checks. `filter` narrows the devices that device checks look at. What cannot be read
    /// makes the checks that need it unknown.
    ///
    /// # Errors
    ///
    /// The error of the list of devices if nothing at all can be read;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if no device has a value that `filter` asks for.
    pub async fn audit(&self, filter: &Filter, exceptions: &[Exception]) -> Result<Report> {
        let facts = self.facts(filter).await?;
        let exceptions = exceptions.to_vec();
        compute(move || checks::run(&facts, &exceptions)).await
    }

    /// Reads what the checks look at, with about 14 requests at once.
    ///
    /// # Errors
    ///
    /// Same as [`audit`](Self::audit).
    pub async fn facts(&self, filter: &Filter) -> Result<Facts> {
        read::facts(self.tailnet, filter).await
    }
}
