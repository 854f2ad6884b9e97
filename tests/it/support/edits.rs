//! What holds for the tools of every domain, whatever they change.

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    catalogue::{Offer, Selectors, ToolSelection},
    mcp::Setup,
    sandbox::{self, FaultKind, Options, Sandbox},
    tool::Risk,
};

use super::{
    agent::Agent,
    fake_user::{Era, FakeUser, Says, Session},
    loopback::plain_http,
    proxy::{Fault, faulty},
    tailnet::{sandbox_of, settings},
};

/// A server that offers every tool, and asks.
pub fn everything() -> Setup {
    let mut words = Selectors::default();
    words.toolsets = vec!["all".to_owned()];
    let mut setup = Setup::new(Risk::Danger).unwrap();
    setup.offer = Offer::new(Risk::Danger, ToolSelection::read(&words).unwrap(), Vec::new());
    setup
}

/// An assistant that may use every tool.
pub async fn agent(tailnet: &Tailnet) -> Agent {
    let mut setup = everything();
    setup.yes = true;
    Agent::with(tailnet.clone(), setup).await
}

/// A person who agrees to everything, in front of every tool.
pub async fn session(tailnet: &Tailnet) -> Session {
    FakeUser::who(Says::Yes).at(tailnet, everything(), Era::Sessions).await
}

/// Sends something to the API past the tools.
pub async fn raw(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Value {
    let url = format!("{}/api/v2{path}", sandbox.base_url());
    let request = plain_http().request(method.parse().unwrap(), url);
    let request = request.bearer_auth(Sandbox::API_KEY).header("content-type", "application/json");
    let request = if body.is_null() { request } else { request.body(body.to_string()) };
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// A call of a tool that changes something, and the calls that make it possible.
pub struct Edit {
    pub first: Vec<(&'static str, Value)>,
    pub tool: &'static str,
    pub arguments: Value,
}

impl Edit {
    pub fn new(tool: &'static str, arguments: Value) -> Self {
        Self { first: Vec::new(), tool, arguments }
    }

    pub fn after(mut self, tool: &'static str, arguments: Value) -> Self {
        self.first.push((tool, arguments));
        self
    }

    /// A tailnet for which it is the next thing to do.
    async fn ready(&self) -> (Sandbox, Tailnet) {
        let (sandbox, direct) = sandbox_of(40).await;
        let agent = agent(&direct).await;
        for (tool, arguments) in &self.first {
            agent.call(tool, arguments.clone()).await;
        }
        (sandbox, direct)
    }
}

async fn all(sandbox: &Sandbox, paths: &[&str]) -> Value {
    let mut states = Vec::new();
    for path in paths {
        let mut state = raw(sandbox, "GET", path, Value::Null).await;
        timeless(&mut state);
        states.push(state);
    }
    json!(states)
}

/// Sandboxes that are started one after the other have clocks of their own.
fn timeless(state: &mut Value) {
    match state {
        Value::Object(fields) => {
            for time in ["created", "updated", "expires", "revoked", "lastSeen"] {
                fields.remove(time);
            }
            fields.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        _ => {}
    }
}

/// Every write of every edit is refused once, and once its answer gets lost. What is at `paths` is
/// then as it was, or as it shall be.
pub async fn fail_once(edits: &[Edit], paths: &[&str]) {
    for edit in edits {
        let (sandbox, direct) = edit.ready().await;
        let before = all(&sandbox, paths).await;
        let count =
            |sandbox: &Sandbox| sandbox.requests().iter().filter(|it| it.0 != "GET").count();
        let earlier = count(&sandbox);
        let done = agent(&direct).await.call(edit.tool, edit.arguments.clone()).await;
        let after = all(&sandbox, paths).await;
        assert_eq!(done["applied"], true, "{}: {done}", edit.tool);
        assert_ne!(before, after, "{} is not visible at {paths:?}", edit.tool);
        for nth in 0..count(&sandbox) - earlier {
            for fault in [Fault::Refused, Fault::AnswerLost] {
                let (sandbox, _) = edit.ready().await;
                let proxy = faulty(&sandbox.base_url(), nth, fault.clone()).await;
                let agent = agent(&Tailnet::new(settings(&proxy))).await;
                let (answer, failed) = agent.ask(edit.tool, edit.arguments.clone()).await;
                let now = all(&sandbox, paths).await;
                let place = format!("write {nth} of {}, {fault:?}: {answer}", edit.tool);
                if fault == Fault::Refused {
                    assert!(failed && answer["kind"] == "rejected", "{place}");
                    assert_ne!(answer["may_have_had_effect"], true, "{place}");
                    assert_eq!(now, before, "{place}");
                } else {
                    assert!(!failed && answer["applied"] == true, "{place}");
                    assert_eq!(now, after, "{place}");
                }
            }
        }
    }
}

/// Every edit is taken back, and what is at `paths` is then as it was.
pub async fn come_back(edits: &[Edit], paths: &[&str]) {
    for edit in edits {
        let (sandbox, direct) = edit.ready().await;
        let before = all(&sandbox, paths).await;
        let session = session(&direct).await;
        let done = session.done(edit.tool, edit.arguments.clone()).await;
        assert_ne!(all(&sandbox, paths).await, before, "{} changed nothing", edit.tool);

        session.done("undo_change", json!({ "change": done["change"] })).await;

        assert_eq!(all(&sandbox, paths).await, before, "{} came not back", edit.tool);
    }
}

/// A dry run of every edit shows the changes that it would make, and makes none.
pub async fn show_first(edits: &[Edit]) {
    for edit in edits {
        let (sandbox, direct) = edit.ready().await;
        let agent = agent(&direct).await;
        let mut dry = edit.arguments.clone();
        dry["dry_run"] = json!(true);
        let writes =
            |sandbox: &Sandbox| sandbox.requests().iter().filter(|it| it.0 != "GET").count();
        let earlier = writes(&sandbox);

        let shown = agent.call(edit.tool, dry).await;

        assert_eq!(writes(&sandbox), earlier, "a dry run of {} wrote", edit.tool);
        assert_eq!(shown["applied"], false, "{shown}");
        let done = agent.call(edit.tool, edit.arguments.clone()).await;
        let fields = |it: &Value| -> Vec<Value> {
            it["changes"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect()
        };
        assert_eq!(fields(&shown), fields(&done), "{}", edit.tool);
    }
}

/// Each tool, called while `operation` fails, answers a failure with its kind and what to do.
pub async fn tell_failures(calls: &[(&'static str, Value, &str)]) {
    for (tool, arguments, operation) in calls {
        for (status, kind) in [(403, "forbidden"), (500, "upstream"), (404, "not_found")] {
            let (sandbox, tailnet) = sandbox_of(20).await;
            let agent = agent(&tailnet).await;
            sandbox.fail(sandbox::Fault::new(FaultKind::Status { status }).on(operation));

            let failure = agent.fail(tool, arguments.clone()).await;

            assert_eq!(failure["kind"], kind, "{tool}, {operation}: {failure}");
            assert!(failure["remedy"].is_string(), "{tool}, {operation}: {failure}");
        }
    }
}

/// Each call is refused with these words, and nothing is written.
pub async fn are_refused(cases: &[(&'static str, Value, &str, &str)]) {
    let options = Options { devices: 40, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let agent = agent(&Tailnet::new(settings(&sandbox.base_url()))).await;
    for (tool, arguments, kind, words) in cases {
        let failure = agent.fail(tool, arguments.clone()).await;
        assert_eq!(failure["kind"], *kind, "{tool} {arguments}: {failure}");
        let told = format!("{} {}", failure["message"], failure["remedy"]);
        assert!(told.contains(words), "{tool} {arguments}: {failure}");
    }
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "something was written");
}
