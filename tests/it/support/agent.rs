//! An MCP client over an in-memory pipe: tests go through the same door as an assistant.

use rmcp::{
    RoleClient, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResult, ReadResourceRequestParams, ResourceContents, Tool,
    },
    service::RunningService,
};
use serde_json::Value;
use tailsteward::{
    Tailnet, alerts,
    catalogue::{Offer, Selectors, ToolSelection},
    history::{History, Source},
    mcp::{Server, Setup},
    tailnet::{Tailnets, alerts::Judge},
    tool::Risk,
};

pub struct Agent {
    client: RunningService<RoleClient, ()>,
}

impl Agent {
    pub async fn of(tailnet: &Tailnet, access: Risk) -> Self {
        let mut setup = Setup::new(access).unwrap();
        // What is asked, and how, has tests of its own.
        setup.yes = true;
        Self::with(tailnet.clone(), setup).await
    }

    pub async fn with(tailnets: impl Into<Tailnets>, setup: Setup) -> Self {
        let (here, there) = tokio::io::duplex(1 << 16);
        let server = Server::new(tailnets, setup);
        tokio::spawn(async move { Box::pin(server.serve(there)).await.unwrap().waiting().await });
        Self { client: ().serve(here).await.unwrap() }
    }

    /// One with these toolsets, in a tailnet that somebody has looked at a minute ago, and now. Nobody is asked.
    pub async fn of_watched(tailnet: &Tailnet, alerts: alerts::Setup, toolsets: &[&str]) -> Self {
        let tailnet = tailnet.with_history(History::in_memory()).with_alert_setup(alerts);
        let mut poller = tailnet.watch("agent").await.unwrap().unwrap();
        let now = jiff::Timestamp::now().as_second();
        for at in [now - 60, now] {
            poller.look(&Source::devices(), at).await.unwrap();
        }
        let _ = Judge::default().judge(tailnet.alerts(), &mut poller, now).await.unwrap();
        let mut words = Selectors::default();
        words.toolsets = toolsets.iter().map(|it| (*it).to_owned()).collect();
        let mut setup = Setup::new(Risk::Danger).unwrap();
        setup.offer = Offer::new(Risk::Danger, ToolSelection::read(&words).unwrap(), Vec::new());
        setup.yes = true;
        Self::with(&tailnet, setup).await
    }

    pub async fn tools(&self) -> Vec<Tool> {
        self.client.list_all_tools().await.unwrap()
    }

    /// What the tool answers; panics if it fails.
    pub async fn call(&self, tool: &'static str, arguments: Value) -> Value {
        let (value, failed) = self.ask(tool, arguments).await;
        assert!(!failed, "{tool}: {value}");
        value
    }

    /// The failure that the tool answers; panics if it does not fail.
    pub async fn fail(&self, tool: &'static str, arguments: Value) -> Value {
        let (value, failed) = self.ask(tool, arguments).await;
        assert!(failed, "{tool}: {value}");
        value
    }

    pub async fn text(&self, tool: &'static str, arguments: Value) -> String {
        text(&self.send(tool, arguments).await)
    }

    pub async fn ask(&self, tool: &'static str, arguments: Value) -> (Value, bool) {
        let result = self.send(tool, arguments).await;
        let value = serde_json::from_str(&text(&result)).unwrap();
        (value, result.is_error == Some(true))
    }

    async fn send(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        let mut request = CallToolRequestParams::new(tool);
        if let Value::Object(arguments) = arguments {
            request = request.with_arguments(arguments);
        }
        self.client.call_tool(request).await.unwrap()
    }

    /// The text of a resource.
    pub async fn read(&self, uri: &str) -> String {
        let read = self.client.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
        match read.contents.into_iter().next() {
            Some(ResourceContents::TextResourceContents { text, .. }) => text,
            other => panic!("{other:?}"),
        }
    }

    pub fn instructions(&self) -> String {
        self.client.peer_info().unwrap().instructions.clone().unwrap_or_default()
    }
}

fn text(result: &CallToolResult) -> String {
    result.content.first().and_then(|it| it.as_text()).map(|it| it.text.clone()).unwrap()
}
