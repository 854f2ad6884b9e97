//! Announces which resources a change touched, to its listeners.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::change::{Plan, Report};

/// Changes that a slow listener may lag behind.
const MAX_LAG: usize = 64;

/// What one change touched.
#[derive(Debug)]
pub(crate) struct Touched {
    /// Its number in the journal.
    pub(crate) change: Option<i64>,
    /// Kind, id and name of each resource.
    pub(crate) resources: Vec<(&'static str, String, String)>,
}

/// Announces changes.
pub(crate) struct News(broadcast::Sender<Arc<Touched>>);

impl News {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(MAX_LAG))
    }

    /// Announces what `plan` touched. One that failed may have changed something, too.
    pub(crate) fn announce(&self, plan: &Plan, report: Option<&Report>) {
        let resources = plan.items().iter();
        let resources =
            resources.map(|item| (item.kind(), item.id().to_owned(), item.name().to_owned()));
        let touched =
            Touched { change: report.and_then(|it| it.change), resources: resources.collect() };
        // That nobody listens is no failure.
        let _ = self.0.send(Arc::new(touched));
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
