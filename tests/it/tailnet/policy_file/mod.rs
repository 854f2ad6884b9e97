//! The policy file: tried out, planned, written, verified and brought back.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    change::{Actor, Journal, Report, store::Store},
    mcp::Setup,
    sandbox::Sandbox,
    tailnet::policy_file::Draft,
    tool::Risk,
};

use crate::support::{
    proxy::{Asked, Fault, proxied},
    tailnet::{sandbox, settings},
};

mod asking;
mod deploy;
mod reading;
mod refused;
mod together;
mod versions;

const ACL: &str = "/acl";
const VALIDATE: &str = "/acl/validate";

/// A sandbox, a client of it, and a client by way of a proxy, with a journal.
struct Setting {
    sandbox: Sandbox,
    direct: Tailnet,
    tailnet: Tailnet,
    /// The text before anything was done.
    old: String,
}

impl Setting {
    async fn with(script: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Self {
        let (sandbox, direct) = sandbox().await;
        let proxy = proxied(&sandbox.base_url(), script).await;
        let store = Arc::new(Store::in_memory());
        let journal: Arc<dyn Journal> = store.clone();
        let tailnet = Tailnet::new(settings(&proxy));
        let tailnet = tailnet.acting_as(Actor::new("ann", Some(journal)));
        let old = direct.policy_file().get().await.unwrap().text;
        Self { sandbox, direct, tailnet, old }
    }

    async fn quiet() -> Self {
        Self::with(|_| Fault::Pass).await
    }

    /// What is live, past the proxy.
    async fn live(&self) -> String {
        self.direct.policy_file().get().await.unwrap().text
    }

    async fn is_untouched(&self) -> bool {
        self.live().await == self.old
    }

    /// A draft of `text`, made from what is live.
    async fn draft(&self, text: &str) -> Draft {
        Draft::new(text, self.tailnet.policy_file().get().await.unwrap().etag)
    }

    /// Plans `text` and carries it out.
    async fn deploy(&self, text: &str) -> tailsteward::Result<Report> {
        let draft = self.draft(text).await;
        let plan = self.tailnet.policy_file().plan_text(&draft).await?;
        self.tailnet.apply(&plan).await
    }

    /// What `list_changes` says of the newest change.
    async fn outcome(&self) -> Option<&'static str> {
        let mut find = tailsteward::change::journal::Find::default();
        find.limit = 1;
        let list = self.tailnet.changes().list(&find).await.unwrap();
        list.changes.first().map(|it| it.outcome.as_str())
    }

    fn writes(&self) -> usize {
        let wrote = |it: &&(String, String, u16)| it.0 == "POST" && it.1.ends_with(ACL);
        self.sandbox.requests().iter().filter(wrote).count()
    }
}

/// A server that goes as far as `danger`, and asks.
fn setup() -> Setup {
    Setup::new(Risk::Danger).unwrap()
}

/// The printer speaks another protocol.
fn printer(text: &str) -> String {
    text.replace("tcp:631", "tcp:9100")
}

/// Everyone but the printer: far from what [`printer`] changes.
fn funnel(text: &str) -> String {
    text.replace("\"target\": [\"tag:web\"]", "\"target\": [\"tag:web\", \"tag:ci\"]")
}

/// The arguments for a complete new text.
fn update(text: &str, etag: &Value) -> Value {
    json!({ "text": text, "etag": etag })
}
