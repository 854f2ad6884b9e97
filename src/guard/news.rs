//! Announces to listeners which resources a change affected.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::{
    Tailnet,
    change::{Plan, Report},
};

/// How many changes a slow listener may lag behind.
const MAX_LAG: usize = 64;

/// The resources that a change affected.
#[derive(Debug)]
pub(crate) struct Touched {
    /// The name of the tailnet, if it has one.
    pub(crate) tailnet: Option<String>,
    /// The number of the change in the journal.
    pub(crate) change: Option<i64>,
    /// Type, ID and name of each resource.
    pub(crate) resources: Vec<(&'static str, String, String)>,
    /// Whether nobody changed anything: what was seen is different.
    pub(crate) is_by_itself: bool,
}

/// Announces changes to listeners.
pub(crate) struct News(broadcast::Sender<Arc<Touched>>);

impl News {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(MAX_LAG))
    }

    /// Announces the resources in `plan`, even if it failed: it may have changed something.
    pub(crate) fn announce(&self, tailnet: &Tailnet, plan: &Plan, report: Option<&Report>) {
        let resources = plan.items().iter();
        let resources =
            resources.map(|item| (item.kind(), item.id().to_owned(), item.name().to_owned()));
        let touched = Touched {
            tailnet: tailnet.name().map(str::to_owned),
            change: report.and_then(|it| it.change),
            resources: resources.collect(),
            is_by_itself: false,
        };
        // It is not an error if nobody listens.
        let _ = self.0.send(Arc::new(touched));
    }

    /// Announces that what was seen of a kind of resource is different.
    pub(crate) fn announce_seen(&self, tailnet: &Tailnet, kind: &'static str) {
        let touched = Touched {
            tailnet: tailnet.name().map(str::to_owned),
            change: None,
            resources: vec![(kind, String::new(), String::new())],
            is_by_itself: true,
        };
        let _ = self.0.send(Arc::new(touched));
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Touched>> {
        self.0.subscribe()
    }
}

impl Clone for News {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
