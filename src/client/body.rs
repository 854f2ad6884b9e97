//! Where the body of a successful response goes: into memory, or part by part to a sink.

use std::time::Duration;

use bytes::Bytes;

use super::{Error, ErrorKind, Result, http as connection};

/// What takes the parts of a body.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> Result<()> + Send + 'a;

/// How long a response to a sink may take: a list of 100,000 devices has 130 MB.
pub(super) const STREAM_DEADLINE: Duration = Duration::from_mins(15);
/// How long the next part of such a response may take.
const STALLED: Duration = Duration::from_mins(1);

/// Where the body of a response goes.
pub(super) struct Body<'a> {
    sink: Option<&'a mut Sink<'a>>,
    has_begun: bool,
}

impl<'a> Body<'a> {
    /// It goes to `sink`.
    pub(super) fn to(sink: &'a mut Sink<'a>) -> Self {
        Self { sink: Some(sink), has_begun: false }
    }
}

impl Body<'_> {
    /// It is read into memory as a whole.
    pub(super) fn whole() -> Self {
        Self { sink: None, has_begun: false }
    }

    /// The deadline of a call, which usually is `usual`.
    pub(super) fn deadline(&self, usual: Duration) -> Duration {
        if self.sink.is_some() { usual.max(STREAM_DEADLINE) } else { usual }
    }

    /// Whether the sink has taken a part.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Reads the body of `response`; of one that goes to a sink, nothing is left. What is no success is read
    /// into memory, up to `limit` bytes.
    pub(super) async fn read(
        &mut self,
        mut response: reqwest::Response,
        limit: usize,
    ) -> Result<Bytes> {
        let Some(sink) = self.sink.as_mut().filter(|_| response.status().is_success()) else {
            return connection::body(response, limit).await;
        };
        let stalled = |_| Error::new(ErrorKind::Timeout, "the response stalled");
        let early = |_| Error::new(ErrorKind::Truncated, "the response ended early");
        loop {
            let chunk = tokio::time::timeout(STALLED, response.chunk()).await;
            match chunk.map_err(stalled)?.map_err(early)? {
                None => return Ok(Bytes::new()),
                Some(chunk) => {
                    self.has_begun = true;
                    sink(&chunk)?;
                }
            }
        }
    }
}
