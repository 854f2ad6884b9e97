//! Runs the policy engine away from the threads that answer requests: a large policy file takes seconds, and
//! health checks and other callers must not wait for it.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::{Error, ErrorKind, client::Result};

/// Policy files that are judged at once. What takes longer than its caller waits keeps its permit.
static PERMITS: Semaphore = Semaphore::const_new(2);

/// How long a caller waits for the result.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Runs `work` on a thread of its own.
///
/// # Errors
///
/// [`Timeout`](ErrorKind::Timeout) if it takes too long, or others take that long before it.
pub(in crate::tailnet) async fn compute<T, W>(work: W) -> Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let computed = async {
        let permit = PERMITS.acquire().await.ok();
        let run = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(run).await.ok()
    };
    match tokio::time::timeout(TIMEOUT, computed).await {
        Ok(Some(result)) => Ok(result),
        Ok(None) => {
            Err(Error::new(ErrorKind::Rejected, "the policy engine broke off on this file")
                .with_remedy("report this, with the policy file"))
        }
        Err(_) => {
            let seconds = TIMEOUT.as_secs();
            let message = format!("the policy file could not be evaluated within {seconds} s");
            Err(Error::new(ErrorKind::Timeout, message)
                .with_remedy("try again later, or ask about a smaller policy file"))
        }
    }
}
