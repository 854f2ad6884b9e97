//! Wraps every tool call: limits its duration, and counts it.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use super::metrics::Metrics;
use crate::{ErrorKind, catalogue::failure, client::Error};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
        CancelledNotificationParam, CompleteRequestParams, CompleteResult, ContentBlock,
        CustomNotification, CustomRequest, CustomResult, DiscoverResult, GetPromptRequestParams,
        GetPromptResponse, GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};

/// A handler that limits and counts tool calls, and forwards everything else unchanged.
#[derive(Clone)]
pub(super) struct Calls<H> {
    pub(super) handler: H,
    pub(super) longest: Duration,
    pub(super) metrics: Arc<Metrics>,
}

impl<H: ServerHandler> Calls<H> {
    async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = self.handler.get_tool(&request.name);
        let (name, cancelled) = (request.name.clone(), context.ct.clone());
        let started = Instant::now();
        let call = self.handler.call_tool(request, context);
        let answer = tokio::time::timeout(self.longest, call).await;
        let outcome = match &answer {
            _ if cancelled.is_cancelled() => "cancelled",
            Err(_) => "timed_out",
            Ok(Err(_)) => "refused",
            Ok(Ok(CallToolResponse::Complete(it))) if it.is_error == Some(true) => "failed",
            Ok(Ok(CallToolResponse::InputRequired(_))) => "asked",
            Ok(Ok(_)) => "done",
        };
        self.metrics.called(tool.is_some().then_some(&*name), outcome, started.elapsed());
        answer.unwrap_or_else(|_| Ok(self.took_too_long(tool.as_ref()).into()))
    }

    fn took_too_long(&self, tool: Option<&Tool>) -> CallToolResult {
        let longest = self.longest.as_secs();
        let error =
            Error::new(ErrorKind::Timeout, format!("the call did not finish within {longest} s"));
        let hints = tool.and_then(|it| it.annotations.as_ref());
        // A change continues after its caller was cancelled, so its effect is unknown.
        let reads = hints.is_some_and(|it| it.read_only_hint == Some(true));
        let error = if reads { error } else { error.with_unknown_effect() };
        CallToolResult::error(vec![ContentBlock::text(failure(&error))])
    }
}

/// Methods that forward requests unchanged.
macro_rules! handed_on {
    ($($name:ident: $request:ty => $answer:ty;)*) => {$(
        fn $name(
            &self,
            request: $request,
            context: RequestContext<RoleServer>,
        ) -> impl Future<Output = Result<$answer, ErrorData>> + Send + '_ {
            self.handler.$name(request, context)
        }
    )*};
}

/// Methods that forward notifications unchanged.
macro_rules! handed_on_silently {
    ($($name:ident: $notification:ty;)*) => {$(
        fn $name(
            &self,
            notification: $notification,
            context: NotificationContext<RoleServer>,
        ) -> impl Future<Output = ()> + Send + '_ {
            self.handler.$name(notification, context)
        }
    )*};
}

#[expect(deprecated, reason = "older revisions have these methods")]
impl<H: ServerHandler> ServerHandler for Calls<H> {
    fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send + '_ {
        self.call(request, context)
    }

    handed_on! {
        initialize: InitializeRequestParams => InitializeResult;
        complete: CompleteRequestParams => CompleteResult;
        set_level: rmcp::model::SetLevelRequestParams => ();
        get_prompt: GetPromptRequestParams => GetPromptResponse;
        list_prompts: Option<PaginatedRequestParams> => ListPromptsResult;
        list_resources: Option<PaginatedRequestParams> => ListResourcesResult;
        list_resource_templates: Option<PaginatedRequestParams> => ListResourceTemplatesResult;
        read_resource: ReadResourceRequestParams => ReadResourceResponse;
        subscribe: SubscribeRequestParams => ();
        unsubscribe: UnsubscribeRequestParams => ();
        list_tools: Option<PaginatedRequestParams> => ListToolsResult;
        on_custom_request: CustomRequest => CustomResult;
        get_task: GetTaskParams => GetTaskResult;
        update_task: UpdateTaskParams => ();
        cancel_task: CancelTaskParams => ();
    }

    handed_on_silently! {
        on_cancelled: CancelledNotificationParam;
        on_progress: ProgressNotificationParam;
        on_custom_notification: CustomNotification;
    }

    fn ping(
        &self,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send + '_ {
        self.handler.ping(context)
    }

    fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<DiscoverResult, ErrorData>> + Send + '_ {
        self.handler.discover(context)
    }

    fn listen(
        &self,
        context: SubscriptionContext,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send + '_ {
        self.handler.listen(context)
    }

    fn on_initialized(
        &self,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.handler.on_initialized(context)
    }

    fn on_roots_list_changed(
        &self,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.handler.on_roots_list_changed(context)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.handler.accepted_subscription_filter(requested)
    }

    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.handler.negotiate_initialize(request)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.handler.supported_protocol_versions()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.handler.get_tool(name)
    }

    fn get_info(&self) -> ServerConfig {
        self.handler.get_info()
    }
}
