//! Keeps the journal somewhere of one's own: here in memory.
//!
//! `cargo run --example own_journal --no-default-features --features sandbox`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "an example prints, and stops where it cannot go on"
)]

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tailsteward::{
    Credential, Error, ErrorKind, Result, Settings, Tailnet,
    change::{
        Actor, Journal, Outcome,
        journal::{BoxFuture, Entry, Find, Intent, Step},
    },
    sandbox::{Options, Sandbox},
};

/// Entries with their steps. Numbers count from 1.
#[derive(Debug, Default)]
struct Notebook(Mutex<Vec<(Entry, Vec<Step>)>>);

impl Notebook {
    fn with<T>(&self, use_it: impl FnOnce(&mut Vec<(Entry, Vec<Step>)>) -> T) -> Result<T> {
        let mut pages = self.0.lock().map_err(|_| Error::of_journal("the notebook is torn"))?;
        Ok(use_it(&mut pages))
    }
}

fn ready<'a, T: Send + 'a>(result: Result<T>) -> BoxFuture<'a, Result<T>> {
    Box::pin(std::future::ready(result))
}

impl Journal for Notebook {
    fn begin<'a>(&'a self, intent: &'a Intent<'a>) -> BoxFuture<'a, Result<i64>> {
        ready(self.with(|pages| {
            let number = i64::try_from(pages.len()).unwrap_or(i64::MAX - 1) + 1;
            pages.push((Entry::begun(number, Timestamp::now(), intent), Vec::new()));
            number
        }))
    }

    fn intend<'a>(&'a self, entry: i64, step: &'a Step) -> BoxFuture<'a, Result<i64>> {
        ready(self.with(|pages| {
            let Some((_, steps)) = pages.iter_mut().find(|(it, _)| it.change == entry) else {
                return 0;
            };
            steps.push(step.clone());
            // Unique over all entries: the entry, and the step in it.
            entry * 1_000_000 + i64::try_from(steps.len()).unwrap_or_default()
        }))
    }

    fn settle<'a>(
        &'a self,
        step: i64,
        outcome: Outcome,
        id: Option<&'a str>,
        after: Option<&'a Value>,
        why: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        ready(self.with(|pages| {
            let (entry, place) = (step / 1_000_000, step % 1_000_000 - 1);
            let steps = pages.iter_mut().find(|(it, _)| it.change == entry).map(|(_, it)| it);
            let place = usize::try_from(place).unwrap_or_default();
            let Some(step) = steps.and_then(|steps| steps.get_mut(place)) else { return };
            step.outcome = Some(outcome);
            step.why = why.map(str::to_owned);
            if let Some(id) = id {
                id.clone_into(&mut step.id);
            }
            if let Some(after) = after {
                step.change.to = after.clone();
            }
        }))
    }

    fn end(&self, entry: i64, outcome: Outcome) -> BoxFuture<'_, Result<()>> {
        ready(self.with(|pages| {
            if let Some((entry, _)) = pages.iter_mut().find(|(it, _)| it.change == entry) {
                entry.outcome = outcome;
                entry.running = false;
            }
        }))
    }

    fn list<'a>(&'a self, find: &'a Find) -> BoxFuture<'a, Result<(Vec<Entry>, u64)>> {
        ready(self.with(|pages| {
            let older = |it: &&Entry| find.before.is_none_or(|before| it.change < before);
            let all = pages.iter().rev().map(|(entry, _)| entry);
            let mine: Vec<&Entry> = all.filter(|it| it.tailnet == find.tailnet).collect();
            let page = mine.iter().copied().filter(older).take(find.limit).cloned().collect();
            (page, mine.len() as u64)
        }))
    }

    fn entry(&self, entry: i64) -> BoxFuture<'_, Result<Option<Entry>>> {
        ready(
            self.with(|pages| {
                pages.iter().map(|(it, _)| it).find(|it| it.change == entry).cloned()
            }),
        )
    }

    fn steps(&self, entry: i64, skip: usize, limit: usize) -> BoxFuture<'_, Result<Vec<Step>>> {
        ready(self.with(|pages| {
            let steps = pages.iter().find(|(it, _)| it.change == entry).map(|(_, steps)| steps);
            steps.into_iter().flatten().skip(skip).take(limit).cloned().collect()
        }))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let sandbox = Sandbox::start(Options::default()).await.expect("a port of this machine");
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    let journal = Arc::new(Notebook::default());
    let tailnet = Tailnet::new(settings).acting_as(Actor::new("example", Some(journal)));

    let plan = tailnet.devices().plan_authorized("web-01", false).await?;
    let number = tailnet.apply(&plan).await?.change.expect("a journal numbers its changes");
    let listed = tailnet.changes().get(number, 0, 10).await?;
    println!("{} {:?}: {:?}", listed.entry.resource, listed.entry.outcome, listed.steps);

    let undo = tailnet.changes().plan_undo(number).await?;
    tailnet.apply(&undo).await?;
    let again = tailnet.changes().plan_undo(number).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Refused, "{again}");
    Ok(())
}
