//! Serves over stdin and stdout, with one message per line.

use std::{io, sync::Arc};

use rmcp::{
    RoleServer, ServerHandler, ServiceExt as _,
    model::{
        ClientJsonRpcMessage, ClientRequest, ErrorData, GetMeta as _, ProtocolVersion, RequestId,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::error::Category;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    sync::Mutex,
};
use tokio_util::sync::CancellationToken;

use crate::client::{Error, Result};

/// The longest line that is read. Larger than the limit of HTTP bodies, for clients that send files.
const MAX_LINE_BYTES: usize = 16 << 20;

/// Serves over stdin and stdout until the client closes them.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if there is no MCP client on stdin.
pub async fn serve_stdio<H: ServerHandler>(handler: H) -> Result<()> {
    let failed = |why: String| {
        Error::config(
            format!("no MCP client on stdin: {why}"),
            "have an MCP host start this program, or call one tool with `tailsteward call`",
        )
    };
    let (read, write) = rmcp::transport::stdio_pipes();
    let lines = Lines::new(read, write);
    let stopped = lines.stopped.clone();
    let running = handler.serve(lines).await;
    let running = running.map_err(|error| failed(error.to_string()))?;
    let ended = std::pin::pin!(running.waiting());
    // Dropped before the session, so that the calls that the session then cancels know that nobody reads
    // their responses.
    let _stopped = stopped.drop_guard();
    ended.await.map(drop).map_err(|error| failed(error.to_string()))
}

/// A transport with one message per line. Unlike rmcp's own, it responds to lines that are not JSON, and
/// tolerates notifications before the session has started.
struct Lines<R, W> {
    read: BufReader<R>,
    /// The part of the current line read so far; stored here because `receive` may be cancelled.
    line: Vec<u8>,
    /// Whether the rest of the current line is skipped because it is too long.
    skipping: bool,
    write: Arc<Mutex<W>>,
    /// Whether a request that starts the session was passed on.
    opened: bool,
    /// Whether the client closed stdin.
    closed: bool,
    /// Cancelled when the server no longer waits for the session to end.
    stopped: CancellationToken,
}

impl<R: AsyncRead + Unpin + Send, W: AsyncWrite + Unpin + Send + 'static> Lines<R, W> {
    fn new(read: R, write: W) -> Self {
        Self {
            read: BufReader::new(read),
            line: Vec::new(),
            skipping: false,
            write: Arc::new(Mutex::new(write)),
            opened: false,
            closed: false,
            stopped: CancellationToken::new(),
        }
    }

    /// The next line; `None` at the end of the input.
    async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            let read = self.read.fill_buf().await;
            let read = read.inspect_err(|error| tracing::error!(%error, "stdin cannot be read"));
            let part = read.ok().filter(|it| !it.is_empty())?;
            let end = part.iter().position(|it| *it == b'\n');
            let used = end.map_or(part.len(), |it| it + 1);
            if !self.skipping {
                self.line.extend(part.iter().take(used));
            }
            self.read.consume(used);
            if self.line.len() > MAX_LINE_BYTES {
                self.line = Vec::new();
                self.skipping = true;
                self.refuse(
                    ErrorData::invalid_request("the line is longer than 16 MiB", None),
                    None,
                );
            }
            if end.is_some() && !std::mem::take(&mut self.skipping) {
                return Some(std::mem::take(&mut self.line));
            }
        }
    }

    /// Parses a line. Returns the message to pass on, if it has one.
    fn message(&mut self, line: &[u8]) -> Option<ClientJsonRpcMessage> {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return None;
        }
        match serde_json::from_slice(line) {
            Ok(message) if self.opened || opens(&message) => {
                self.opened = true;
                Some(message)
            }
            Ok(message @ ClientJsonRpcMessage::Request(_)) => Some(message),
            Ok(message) => {
                tracing::debug!(?message, "ignored: the session is not initialized");
                None
            }
            Err(error) => {
                self.refuse_line(line, &error);
                None
            }
        }
    }

    fn refuse_line(&mut self, line: &[u8], error: &serde_json::Error) {
        tracing::debug!(%error, "a line on stdin is not an MCP message");
        match (error.classify(), serde_json::from_slice(line)) {
            // An unknown notification; it gets no answer.
            (Category::Data, Ok(Outline { id: None, method: Some(_) })) => {}
            (Category::Data, outline) => {
                let id = outline.ok().and_then(|it| it.id);
                self.refuse(ErrorData::invalid_request("this is not an MCP message", None), id);
            }
            _ => self.refuse(ErrorData::parse_error("this line is not JSON", None), None),
        }
    }

    /// Responds to an invalid message. Not awaited: `receive` may be cancelled, and a partial line would
    /// corrupt the next one.
    fn refuse(&mut self, error: ErrorData, id: Option<RequestId>) {
        tokio::spawn(self.send(TxJsonRpcMessage::<RoleServer>::error(error, id)));
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The fields of an invalid message that its response needs.
#[derive(Deserialize)]
struct Outline {
    id: Option<RequestId>,
    method: Option<IgnoredAny>,
}

/// Whether rmcp starts a session with `message`. Until then, rmcp accepts only requests, and ends on
/// anything else.
fn opens(message: &ClientJsonRpcMessage) -> bool {
    let ClientJsonRpcMessage::Request(request) = message else { return false };
    match &request.request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => {
            let meta = other.get_meta();
            let known = |it: ProtocolVersion| ProtocolVersion::KNOWN_VERSIONS.contains(&it);
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
                && meta.protocol_version().is_some_and(known)
        }
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let write = Arc::clone(&self.write);
        // A host that closed stdin before it stops the process no longer reads, and a late response makes
        // some clients fail.
        let gone = self.closed && self.stopped.is_cancelled();
        async move {
            if gone {
                return Ok(());
            }
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut write = write.lock().await;
            write.write_all(&line).await?;
            write.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let Some(line) = self.next_line().await else {
                self.closed = true;
                return None;
            };
            if let Some(message) = self.message(&line) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.write.lock().await.shutdown().await
    }
}
