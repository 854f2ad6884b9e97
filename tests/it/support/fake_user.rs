//! An MCP client with a person in front of it, who answers what they are asked.

use std::sync::{Arc, Mutex};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
        ElicitationAction, ElicitationCapability, ExtensionCapabilities, Implementation,
        JsonObject, ProgressNotificationParam, ProtocolVersion, ResourceUpdatedNotificationParam,
    },
    service::{
        ClientLifecycleMode, ClientServiceExt as _, NotificationContext, RequestContext,
        RunningService,
    },
};
use serde_json::{Value, json};
use tailsteward::{
    mcp::{Server, Setup},
    tailnet::Tailnets,
};

/// What the person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Yes,
    /// Accepts the form without ticking the box.
    Unticked,
    No,
    Cancel,
    /// Their client cannot ask them.
    CannotAsk,
    /// Their client shows no forms, but opens pages for them.
    OpensPages,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    Sessions,
    Stateless,
}

/// How far something is, and of how much.
type Told = (f64, Option<f64>);

type Meanwhile = Arc<dyn Fn() -> tokio::task::JoinHandle<()> + Send + Sync>;

#[derive(Clone)]
pub struct FakeUser {
    says: Says,
    /// What happens while they think.
    meanwhile: Option<Meanwhile>,
    pub asked: Arc<Mutex<Vec<String>>>,
    pub progress: Arc<Mutex<Vec<Told>>>,
    /// What the notifications of progress said.
    pub told: Arc<Mutex<Vec<String>>>,
    pub updated: Arc<Mutex<Vec<String>>>,
    /// The settings of the extension for views, if their client announces it.
    views: Option<JsonObject>,
}

impl ClientHandler for FakeUser {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = match self.says {
            Says::CannotAsk => ClientCapabilities::default(),
            Says::OpensPages => {
                let elicitation = ElicitationCapability::new().with_url(<_>::default());
                ClientCapabilities::builder().enable_elicitation_with(elicitation).build()
            }
            _ => ClientCapabilities::builder().enable_elicitation().build(),
        };
        capabilities.extensions = self.views.clone().map(|settings| {
            ExtensionCapabilities::from([("io.modelcontextprotocol/ui".to_owned(), settings)])
        });
        ClientConfig::new(capabilities, Implementation::new("person", "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, rmcp::ErrorData> {
        let asked = match request {
            ElicitRequestParams::FormElicitationParams { message, .. } => message,
            ElicitRequestParams::UrlElicitationParams { url, .. } => url,
            other => panic!("{other:?}"),
        };
        self.asked.lock().unwrap().push(asked);
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile().await.unwrap();
        }
        let accept = |yes: bool| {
            ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "confirm": yes }))
        };
        Ok(match self.says {
            Says::Yes => accept(true),
            Says::OpensPages => ElicitResult::new(ElicitationAction::Accept),
            Says::Unticked => accept(false),
            Says::No => ElicitResult::new(ElicitationAction::Decline),
            Says::Cancel | Says::CannotAsk => ElicitResult::new(ElicitationAction::Cancel),
        })
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.progress.lock().unwrap().push((params.progress, params.total));
        self.told.lock().unwrap().extend(params.message);
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.updated.lock().unwrap().push(params.uri);
    }
}

impl FakeUser {
    pub fn who(says: Says) -> Self {
        Self {
            says,
            meanwhile: None,
            asked: Arc::default(),
            progress: Arc::default(),
            told: Arc::default(),
            updated: Arc::default(),
            views: None,
        }
    }

    /// Their client shows views, and says so with these settings.
    pub fn with_views(mut self, settings: Value) -> Self {
        self.views = settings.as_object().cloned();
        self
    }

    /// `what` happens while they think.
    pub fn meanwhile(
        mut self,
        what: impl Fn() -> tokio::task::JoinHandle<()> + Send + Sync + 'static,
    ) -> Self {
        self.meanwhile = Some(Arc::new(what));
        self
    }

    pub async fn at(self, tailnets: impl Into<Tailnets>, setup: Setup, era: Era) -> Session {
        self.before(Server::new(tailnets, setup), era).await
    }

    /// In front of this server.
    pub async fn before(self, server: Server, era: Era) -> Session {
        let (here, there) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            Box::pin(rmcp::ServiceExt::serve(server, there)).await.unwrap().waiting().await
        });
        let lifecycle = match era {
            Era::Sessions => ClientLifecycleMode::Initialize,
            Era::Stateless => ClientLifecycleMode::Discover {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            },
        };
        let person = self.clone();
        let client = self.serve_with_lifecycle(here, lifecycle).await.unwrap();
        Session { person, client }
    }
}

/// A person with a connection.
pub struct Session {
    pub person: FakeUser,
    pub client: RunningService<RoleClient, FakeUser>,
}

impl Session {
    /// What the tool answers, and whether that is a failure.
    pub async fn call(&self, tool: &'static str, arguments: Value) -> (Value, bool) {
        let mut request = CallToolRequestParams::new(tool);
        if let Value::Object(arguments) = arguments {
            request = request.with_arguments(arguments);
        }
        let result = self.client.call_tool(request).await.unwrap();
        let text = result.content.first().and_then(|it| it.as_text()).unwrap().text.clone();
        (serde_json::from_str(&text).unwrap(), result.is_error == Some(true))
    }

    pub async fn done(&self, tool: &'static str, arguments: Value) -> Value {
        let (answer, failed) = self.call(tool, arguments).await;
        assert!(!failed, "{tool}: {answer}");
        answer
    }

    pub async fn fails(&self, tool: &'static str, arguments: Value) -> Value {
        let (answer, failed) = self.call(tool, arguments).await;
        assert!(failed, "{tool}: {answer}");
        answer
    }

    pub fn asked(&self) -> Vec<String> {
        self.person.asked.lock().unwrap().clone()
    }
}
