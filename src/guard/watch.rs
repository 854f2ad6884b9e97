//! Tells the caller how far a call is: the resources of a batch, and meanwhile its requests.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    change::Progress,
    client::observe::{Observed, Observer},
};

/// What watches a call: the progress of its batch, and the observer of its requests.
#[derive(Clone, Default)]
pub(super) struct Watch {
    pub(super) progress: Option<Progress>,
    pub(super) observer: Option<Arc<Observer>>,
}

impl Watch {
    /// Tells everything to `tell`. `plans` is whether the call makes a plan first.
    pub(super) fn of(tell: Option<Progress>, plans: bool) -> Self {
        let Some(tell) = tell else { return Self::default() };
        let at = Arc::new(Mutex::new((0, 0)));
        let (seen, told) = (Arc::clone(&at), Arc::clone(&tell));
        let progress = move |done, of, last: &str| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = (done, of);
            if done > 0 {
                told(done, of, last);
            }
        };
        let observer = Observer::new(move |observed| {
            let (done, of) = *at.lock().unwrap_or_else(PoisonError::into_inner);
            tell(done, of, &words(observed, plans && of == 0));
        });
        Self { progress: Some(Arc::new(progress)), observer: Some(Arc::new(observer)) }
    }
}

fn words(observed: Observed, plans: bool) -> String {
    let at = if plans { "planning: " } else { "" };
    format!("{at}{observed}")
}
