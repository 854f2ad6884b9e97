//! Handles MCP tool calls: identifies the caller, asks for confirmation, and builds the response.

use std::sync::Arc;

use rmcp::{
    RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
        ProgressNotificationParam, ProtocolVersion, Resource,
    },
    service::RequestContext,
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    Server,
    confirm::{Later, McpConfirm},
};
use crate::{
    catalogue::{self, Offer, failure},
    change::Progress,
    client::Result,
    guard::{Caller, Done, Principal},
    tool::{Link, written},
};

/// A tool call, its caller, and the tools that the caller is offered.
pub(super) struct Call<'a> {
    pub(super) server: &'a Server,
    pub(super) principal: Principal,
    pub(super) offer: Offer,
    pub(super) context: &'a RequestContext<RoleServer>,
}

impl Call<'_> {
    /// Runs the call. An error becomes a tool result too, so that the model can act on it.
    pub(super) async fn run(self, request: CallToolRequestParams) -> CallToolResponse {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let ask = McpConfirm {
            server: self.server,
            context: self.context,
            answers: request.input_responses,
            state: request.request_state,
        };
        let version = self.context.protocol_version();
        let knows_links = version >= Some(ProtocolVersion::V_2025_06_18);
        match self.done(&request.name, arguments, &ask).await {
            Ok(Done::Answer(text) | Done::Later(Later::Show(text))) => {
                let links = catalogue::named(&request.name).is_ok_and(|it| it.links);
                let link = (links && knows_links).then(|| link(&text)).flatten();
                let mut content = content(text);
                content.extend(link);
                CallToolResult::success(content).into()
            }
            Ok(Done::Report(report)) => match written(&*report) {
                // A batch of which nothing was done has failed, like a change of one resource.
                Ok(text) if report.has_failures() && !report.applied => {
                    CallToolResult::error(content(text)).into()
                }
                Ok(text) => success(text).into(),
                Err(error) => CallToolResult::error(content(failure(&error))).into(),
            },
            Ok(Done::Later(Later::Ask(question))) => CallToolResponse::InputRequired(*question),
            Err(error) => CallToolResult::error(content(failure(&error))).into(),
        }
    }

    /// Calls a read-only tool and returns its result.
    pub(super) async fn query(self, tool: &str, arguments: Value) -> Result<String> {
        let ask =
            McpConfirm { server: self.server, context: self.context, answers: None, state: None };
        match self.done(tool, arguments, &ask).await? {
            Done::Answer(text) | Done::Later(Later::Show(text)) => Ok(text),
            Done::Report(report) => written(&*report),
            Done::Later(Later::Ask(_)) => Ok(String::new()),
        }
    }

    async fn done(self, tool: &str, arguments: Value, ask: &McpConfirm<'_>) -> Result<Done<Later>> {
        let (progress, notified) = progress(self.context);
        let cancelled = self.context.ct.clone();
        let caller = Caller { principal: self.principal, offer: self.offer, progress, cancelled };
        let done = self.server.guard().call(&caller, tool, arguments, ask).await;
        // Send all progress notifications before the response.
        drop(caller);
        if let Some(notified) = notified {
            let _ = notified.await;
        }
        done
    }
}

/// How much progress a notification between two resources stands for; hours of them are less than a
/// resource.
const STEP: f64 = 1e-6;

/// The progress reporter for a batch, if the client wants progress, and the task that sends the
/// notifications.
fn progress(context: &RequestContext<RoleServer>) -> (Option<Progress>, Option<JoinHandle<()>>) {
    let Some(token) = context.meta.get_progress_token() else { return (None, None) };
    let (sender, mut steps) = mpsc::unbounded_channel::<(usize, usize, String)>();
    let peer = context.peer.clone();
    let task = tokio::spawn(async move {
        let mut reached = 0.0_f64;
        while let Some((done, of, last)) = steps.recv().await {
            #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 devices")]
            let (value, total) = (done as f64, of as f64);
            // Progress must grow with each notification, also between two resources.
            reached = value.max(reached + STEP);
            let progress = ProgressNotificationParam::new(token.clone(), reached);
            let progress = if of == 0 {
                progress.with_message(last)
            } else {
                progress.with_total(total).with_message(format!("{last}: {done} of {of}"))
            };
            let _ = peer.notify_progress(progress).await;
        }
    });
    let report = move |done, of, last: &str| drop(sender.send((done, of, last.to_owned())));
    (Some(Arc::new(report)), Some(task))
}

/// The link to the resource that an answer names.
fn link(answer: &str) -> Option<ContentBlock> {
    let link: Link = serde_json::from_str(answer).ok()?;
    let resource = Resource::new(link.uri, link.name).with_mime_type(link.mime_type);
    let size = u64::try_from(link.bytes).unwrap_or(u64::MAX);
    Some(ContentBlock::resource_link(resource.with_size(size)))
}

fn success(text: String) -> CallToolResult {
    CallToolResult::success(content(text))
}

fn content(text: String) -> Vec<ContentBlock> {
    vec![ContentBlock::text(text)]
}
