//! Every operation that writes, through each door: by name, by its own tool, and in a terminal.

use serde_json::{Value, json};
use tailsteward::{
    Operation, Tailnet, catalogue,
    catalogue::{Offer, Selectors, ToolSelection},
    mcp::Setup,
    sandbox::Sandbox,
    tool::{Risk, ToolDef},
};

use crate::{
    cli::command_line::program,
    support::fake_user::{Era, FakeUser, Says, Session},
};

/// The toolsets with a tool of its own for each operation.
const GENERATED: &str = "api";

/// A person who declines everything.
pub struct Doors {
    url: String,
    decliner: Session,
    /// The same, where nothing destructive is allowed.
    careful: Session,
}

fn setup(access: Risk) -> Setup {
    let mut words = Selectors::default();
    words.toolsets = vec!["all".to_owned(), GENERATED.to_owned()];
    let mut setup = Setup::new(access).unwrap();
    setup.offer = Offer::new(access, ToolSelection::read(&words).unwrap(), Vec::new());
    setup
}

impl Doors {
    pub async fn of(sandbox: &Sandbox, tailnet: &Tailnet) -> Self {
        let session =
            async |access| FakeUser::who(Says::No).at(tailnet, setup(access), Era::Sessions).await;
        Self {
            url: sandbox.base_url(),
            decliner: session(Risk::Danger).await,
            careful: session(Risk::Change).await,
        }
    }

    /// Calls the operation through every door. Either each asks, and nothing happens, or none does. Gives the
    /// answer of the first door if the operation was carried out.
    pub async fn walk(&self, operation: Operation, parameters: &Value) -> Option<Value> {
        let by_name = json!({ "operation": operation.id(), "parameters": parameters });
        let asked = self.decliner.asked().len();
        let (answer, _) = self.decliner.call("call_api_operation", by_name.clone()).await;
        let is_asked = self.decliner.asked().len() > asked;

        let own = own_tool(operation);
        let (other, _) = self.decliner.call(own.name, parameters.clone()).await;
        let asked_by_own = self.decliner.asked().len() > asked + usize::from(is_asked);
        assert_eq!(asked_by_own, is_asked, "{}: {other}", own.name);

        let in_terminal = self.in_a_terminal(&by_name).await;
        let refused = in_terminal.contains("must be confirmed in a terminal");
        assert_eq!(refused, is_asked, "{operation}: {in_terminal}");

        if is_asked {
            for (tool, arguments) in [("call_api_operation", &by_name), (own.name, parameters)] {
                let (refusal, failed) = self.careful.call(tool, arguments.clone()).await;
                let told = refusal.to_string();
                assert!(failed && told.contains("danger"), "{tool}, {operation}: {told}");
            }
            assert!(self.careful.asked().is_empty(), "{operation}");
            return None;
        }
        assert_eq!(operation.risk(), Risk::Change, "{operation} is not asked about: {answer}");
        Some(answer)
    }

    async fn in_a_terminal(&self, arguments: &Value) -> String {
        let mut command = program(&["call", "call_api_operation", &arguments.to_string()]);
        command.args(["--access", "danger", "--store", "memory"]);
        command.env("TAILSCALE_API_KEY", Sandbox::API_KEY).env("TAILSCALE_BASE_URL", &self.url);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The generated tool.
fn own_tool(operation: Operation) -> &'static ToolDef {
    let is_its_own = |it: &&ToolDef| it.name.starts_with("api_") && it.operations == [operation];
    catalogue::every().find(is_its_own).unwrap()
}
