//! The progress of what takes long: a bar on a terminal, lines in a log.

use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    change::Progress,
    cli::complain,
    client::observe::{Observer, observed},
    visible::visible_up_to,
};

/// Does `work`, and shows meanwhile how many requests it has sent, and whether it waits for the rate limit. A
/// log gets nothing of it.
pub(in crate::cli) async fn watched<T>(work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = Arc::new(Bar::default());
    let report = bar.reporter();
    let observer = Observer::new(move |seen| report(0, 0, &seen.to_string()));
    let done = observed(Some(Arc::new(observer)), work).await;
    bar.clear();
    done
}

/// How often a bar moves while nothing happens.
const TICK: Duration = Duration::from_millis(120);
/// The longest name beside a bar.
const MAX_NAME: usize = 60;

/// The progress of one call.
#[derive(Default)]
pub(in crate::cli) struct Bar {
    shown: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// What a call reports its progress to.
    pub(in crate::cli) fn reporter(self: &Arc<Self>) -> Progress {
        let bar = Arc::clone(self);
        Arc::new(move |done, of, last| bar.report(done, of, last))
    }

    /// Takes the bar away, so that something else can be written.
    pub(in crate::cli) fn clear(&self) {
        if let Some(bar) = self.shown.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    /// `of` is 0 while nobody knows how much there is to do.
    fn report(&self, done: usize, of: usize, last: &str) {
        if !std::io::stderr().is_terminal() {
            match of {
                0 => complain(last),
                1 => {}
                _ => complain(&format!("{done} of {of}: {last}")),
            }
            return;
        }
        if of == 1 {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = shown.get_or_insert_with(|| {
            let bar = ProgressBar::no_length().with_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        if of > 0 && bar.length() != Some(of as u64) {
            bar.set_style(style("{bar:24} {pos} of {len} {wide_msg}"));
            bar.set_length(of as u64);
        } else if of == 0 {
            bar.set_style(style("{spinner} {wide_msg}"));
        }
        bar.set_position(done as u64);
        bar.set_message(visible_up_to(last, MAX_NAME).into_owned());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
