//! Asks the API for a source, and records what changed.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use http::header;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::OwnedRwLockReadGuard;

use super::{
    Event, Held, History, Known, Lease, Look, Memory, Seconds, Source, answers,
    diff::{Diff, Implausible, diff},
    memory::Cell,
    source::Shape,
};
use crate::{
    Error, ErrorKind, Operation,
    client::{
        Client, Result,
        call::{Call, odd, records},
    },
};

/// Above this many devices, most looks ask for the usual fields only.
const ALL_FIELDS_UP_TO: usize = 2_000;
/// How often a look at many devices asks for all fields, in seconds.
const ALL_FIELDS_EVERY: Seconds = 300;
/// How long entries of the audit log may take to appear, and how far windows overlap, in seconds.
const AUDIT_LAG: Seconds = 60;
const AUDIT_OVERLAP: Seconds = 300;
/// How far back the first look at the audit log goes, in seconds.
const AUDIT_FIRST: Seconds = 3_600;
/// How far this machine's clock may be off.
const CLOCK: SignedDuration = SignedDuration::from_mins(5);

/// Looks at the sources of one tailnet, as the one who has the right to.
#[derive(Debug)]
pub struct Poller {
    client: Client,
    label: String,
    history: Arc<History>,
    lease: Lease,
    memory: Arc<Memory>,
    all_fields_at: Seconds,
    audited_until: Option<Seconds>,
}

/// How a look ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looked {
    /// What changed is recorded.
    Recorded {
        /// How many things were seen.
        seen: usize,
        /// How many facts are new.
        facts: usize,
    },
    /// Nothing is recorded, for this reason; what was seen before stays as it is.
    Not(String),
    /// Somebody else watches now.
    TakenOver,
}

impl Poller {
    pub(crate) async fn of(
        client: &Client,
        label: String,
        history: Arc<History>,
        holder: &str,
    ) -> Result<Option<Self>> {
        let Some(lease) = history.take_lease(&label, holder).await? else { return Ok(None) };
        let memory = Arc::new(Memory::default());
        history.share(&label, &memory);
        Ok(Some(Self {
            client: client.clone(),
            label,
            history,
            lease,
            memory,
            all_fields_at: Seconds::MIN,
            audited_until: None,
        }))
    }

    /// The right to watch.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Reads what is remembered of all sources, so that it can be judged before the first look.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn recall(&mut self) -> Result<()> {
        for source in Source::all() {
            if self.memory.cell(source.number).is_none() {
                let known = self.history.known(&self.lease, &source).await?;
                self.memory.put(source.number, known);
            }
        }
        Ok(())
    }

    /// When the devices were last looked at; none if nobody did, or if that is not read yet.
    pub fn looked_at(&self) -> Option<Seconds> {
        let cell = self.memory.cell(Source::devices().number)?;
        // Nobody writes between two looks.
        cell.try_read().ok()?.looked_at
    }

    /// Runs `work` on what is remembered of each source, by its name, where it does not keep other calls
    /// waiting.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it did not end.
    pub async fn with_known<T: Send + 'static>(
        &self,
        work: impl FnOnce(&HashMap<&'static str, &Known>) -> T + Send + 'static,
    ) -> Result<T> {
        let mut known = Vec::new();
        for source in Source::all() {
            if let Some(it) = self.memory.known(&source).await {
                known.push((source.name, it));
            }
        }
        let work = move || work(&known.iter().map(|(name, it)| (*name, &**it)).collect());
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Error::new(ErrorKind::History, "what was seen could not be judged"))
    }

    /// How long to wait for the next look at `source`, in seconds. Many devices are looked at less often.
    pub fn interval(&self, source: &Source) -> Seconds {
        let cell = self.memory.cell(source.number);
        // Nobody writes between two looks.
        let known = cell.as_ref().and_then(|it| it.try_read().ok()).map_or(0, |it| it.len());
        source.of_many(known).interval
    }

    /// What is remembered, for those who only read it.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Looks at `source`, at `now`, and records what changed. If the API does not answer, or with something
    /// that cannot be, that is recorded instead.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if nothing can be recorded. The next look tries again.
    pub async fn look(&mut self, source: &Source, now: Seconds) -> Result<Looked> {
        let done = self.try_look(source, now).await;
        let why = match done {
            Ok(Looked::Not(why)) => why,
            Err(error) if error.kind() == ErrorKind::History => {
                // Whether it is recorded or not: the database says.
                self.memory.forget(source.number);
                return Err(error);
            }
            Err(error) => error.to_string(),
            Ok(done) => return Ok(done),
        };
        match self.history.record_failure(&self.lease, source, &why, now).await? {
            Held::Yes => Ok(Looked::Not(why)),
            Held::No => Ok(Looked::TakenOver),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    async fn try_look(&mut self, source: &Source, now: Seconds) -> Result<Looked> {
        if matches!(source.shape, Shape::FlowLogs) {
            return self.look_at_flow_logs(source, now).await;
        }
        let cell = match self.memory.cell(source.number) {
            Some(cell) => cell,
            None => self.memory.put(source.number, self.history.known(&self.lease, source).await?),
        };
        let known = Arc::clone(&cell).read_owned().await;
        if let Some(before) = known.looked_at.filter(|it| *it >= now) {
            let apart = before - now;
            return Ok(Looked::Not(format!(
                "this machine's clock is {apart} s behind the last look, so nothing can be dated"
            )));
        }
        // How long a gap may be follows from how often it is really looked at.
        let source = &source.of_many(known.len());
        if matches!(source.shape, Shape::AuditLog) {
            return self.look_at_audit_log(source, now).await;
        }
        let all_fields = self.asks_for_all_fields(&known, now);
        let body = self.answer(source, all_fields).await?;
        let (known, compared) = compare(source.clone(), body, known, all_fields, now).await?;
        let (seen, diff) = match compared {
            Ok(compared) => compared,
            Err(why) => {
                drop(known);
                cell.write().await.doubt();
                return Ok(Looked::Not(not_believed(source, why)));
            }
        };
        let facts = diff.facts.iter().map(|it| it.1.len()).sum();
        if !self.record(source, &diff, known, &cell, now).await? {
            return Ok(Looked::TakenOver);
        }
        if all_fields {
            self.all_fields_at = now;
        }
        Ok(Looked::Recorded { seen, facts })
    }

    /// False if somebody else watches now.
    async fn record(
        &self,
        source: &Source,
        diff: &Diff,
        known: Remembering,
        cell: &Cell,
        now: Seconds,
    ) -> Result<bool> {
        let written = self.history.write(&self.lease, source, diff, &known, now).await?;
        let Some(ids) = written else { return Ok(false) };
        drop(known);
        cell.write().await.apply(diff, &ids, now);
        Ok(true)
    }

    fn asks_for_all_fields(&self, known: &Known, now: Seconds) -> bool {
        known.len() <= ALL_FIELDS_UP_TO
            || now.saturating_sub(self.all_fields_at) >= ALL_FIELDS_EVERY
    }

    async fn answer(&self, source: &Source, all_fields: bool) -> Result<Bytes> {
        let query: &[(&str, &str)] = match source.operation {
            Operation::ListTailnetDevices if all_fields => &[("fields", "all")],
            Operation::ListTailnetKeys => &[("all", "true")],
            _ => &[],
        };
        self.ask(source, query).await
    }

    async fn ask(&self, source: &Source, query: &[(&str, &str)]) -> Result<Bytes> {
        let owned = |it: &(&str, &str)| (it.0.to_owned(), it.1.to_owned());
        let query: Vec<_> = query.iter().map(owned).collect();
        let path = match source.shape {
            Shape::LogStream(log_type) => vec![("logType", log_type)],
            _ => Vec::new(),
        };
        let call = Call { path: &path, query: &query, ..Call::default() };
        let answer = match self.client.fetch(source.operation, call).await {
            // The stream is not set up.
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_empty() => {
                return Ok(Bytes::from_static(b"null"));
            }
            answer => answer?,
        };
        let date = answer.headers().get(header::DATE).and_then(|it| it.to_str().ok());
        checked_clock(date, Timestamp::now())?;
        Ok(answer.into_inner())
    }

    async fn look_at_audit_log(&mut self, source: &Source, now: Seconds) -> Result<Looked> {
        let until = now - AUDIT_LAG;
        let after = match self.audited_until {
            Some(at) => at,
            None => self.history.last_look(&self.lease, source).await?.map_or(
                now - AUDIT_FIRST,
                // Tailscale keeps 90 days.
                |it| (it - AUDIT_LAG).max(now - 90 * 86_400),
            ),
        };
        let time = |at: Seconds| Timestamp::from_second(at).unwrap_or_default().to_string();
        // What is there already need not wait; what comes late is in the overlap of the next window.
        let (start, end) = (time((after - AUDIT_OVERLAP).min(until)), time(now));
        let body = self.ask(source, &[("start", &start), ("end", &end)]).await?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| odd(source.operation, "the response is not JSON"))?;
        let entries = records(answer, "logs");
        let events: Vec<Event> = entries.iter().map(|it| Event::read(it, now)).collect();
        let recorded = self.history.record_events(&self.lease, source, &events, now).await?;
        if recorded == Held::No {
            return Ok(Looked::TakenOver);
        }
        self.audited_until = Some(until);
        Ok(Looked::Recorded { seen: events.len(), facts: 0 })
    }

    /// Sums up the days that are over, and deletes what is too old.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn tidy(&self, now: Seconds) -> Result<()> {
        self.history.roll_traffic(&self.lease, now).await?;
        // Transitions are deleted only after they are summed up.
        if self.history.sum_up(&self.lease, &self.label, now).await? == 0 {
            self.history.prune(&self.lease, super::Kept::default(), now).await?;
        }
        Ok(())
    }
}

/// What is known, which nobody changes meanwhile.
type Remembering = OwnedRwLockReadGuard<Known>;

/// The number of things that were seen and what changed, or why it is not believed. Runs where it does not
/// keep other calls waiting.
async fn compare(
    source: Source,
    body: Bytes,
    known: Remembering,
    all_fields: bool,
    now: Seconds,
) -> Result<(Remembering, std::result::Result<(usize, Diff), Implausible>)> {
    let work = move || {
        let look = read(&source, &body, all_fields)?;
        if look.without_id > 0 {
            let (source, records) = (source.name, look.without_id);
            tracing::warn!(source, records, "records have no ID, so they cannot be watched");
        }
        let compared = diff(&known, &look, now).map(|diff| (look.seen.len(), diff));
        Ok((known, compared))
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::new(ErrorKind::NotJson, "the answer could not be compared"))?
}

fn not_believed(source: &Source, it: Implausible) -> String {
    format!(
        "the API listed {} of {} known {}; that is believed if the next look says the same",
        it.seen, it.known, source.name
    )
}

fn read<'a>(source: &Source, body: &'a [u8], all_fields: bool) -> Result<Look<'a>> {
    let not_json = |_| odd(source.operation, "the response is not a list");
    if matches!(source.shape, Shape::Devices) {
        return Look::devices(body, all_fields).map_err(not_json);
    }
    if matches!(source.shape, Shape::Content) {
        return Ok(answers::content(source.name, body));
    }
    let answer: Value = serde_json::from_slice(body).map_err(not_json)?;
    let fields = source.fields();
    Ok(match source.shape {
        Shape::List { member, key, name } => {
            Look::records(&records(answer, member), key, name, &fields)
        }
        Shape::Named(names) => answers::named(&answer, names, &fields),
        Shape::LogStream(_) if answer.is_null() => Look { has_all_fields: true, ..Look::default() },
        _ => answers::document(source.name, &answer, &fields),
    })
}

/// Refuses to date anything with a clock that is far from the API's.
fn checked_clock(date: Option<&str>, now: Timestamp) -> Result<()> {
    let Some(date) = date.and_then(|it| httpdate::parse_http_date(it).ok()) else { return Ok(()) };
    let Ok(date) = Timestamp::try_from(date) else { return Ok(()) };
    let apart = now.duration_since(date);
    if apart.abs() <= CLOCK {
        return Ok(());
    }
    let which = if apart.is_positive() { "ahead of" } else { "behind" };
    let message = format!("this machine's clock is {} s {which} the API's", apart.abs().as_secs());
    Err(Error::config(message, "correct the clock; nothing is recorded until then"))
}
