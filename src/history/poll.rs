//! Asks the API for a source, and records what changed.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use http::header;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Event, Held, History, Known, Lease, Look, Seconds, Source,
    diff::{Diff, Implausible, diff},
    look,
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
/// Above this many devices, they are looked at less often.
const MANY_DEVICES: usize = 20_000;
const MANY_DEVICES_EVERY: Seconds = 300;
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
    /// By the number of the source.
    known: HashMap<i64, Known>,
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
        Ok(Some(Self {
            client: client.clone(),
            label,
            history,
            lease,
            known: HashMap::new(),
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
            if !self.known.contains_key(&source.number) {
                let known = self.history.known(&self.lease, &source).await?;
                self.known.insert(source.number, known);
            }
        }
        Ok(())
    }

    /// When the devices were last looked at; none if nobody did, or if that is not read yet.
    pub fn looked_at(&self) -> Option<Seconds> {
        self.known.get(&Source::devices().number)?.looked_at
    }

    /// Runs `work` on what is remembered of each source, by its name, where it does not keep other calls
    /// waiting.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it did not end.
    pub async fn with_known<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&HashMap<&'static str, Known>) -> T + Send + 'static,
    ) -> Result<T> {
        let names: HashMap<i64, &'static str> =
            Source::all().into_iter().map(|it| (it.number, it.name)).collect();
        let known = std::mem::take(&mut self.known).into_iter();
        let known: HashMap<&'static str, Known> =
            known.filter_map(|(number, it)| Some((*names.get(&number)?, it))).collect();
        let done = tokio::task::spawn_blocking(move || (work(&known), known)).await;
        let (done, known) =
            done.map_err(|_| Error::new(ErrorKind::History, "what was seen could not be judged"))?;
        let numbers: HashMap<&str, i64> =
            names.iter().map(|(number, name)| (*name, *number)).collect();
        let back = known.into_iter().filter_map(|(name, it)| Some((*numbers.get(name)?, it)));
        self.known.extend(back);
        Ok(done)
    }

    /// How long to wait for the next look at `source`, in seconds. Many devices are looked at less often.
    pub fn interval(&self, source: &Source) -> Seconds {
        interval(source, self.known.get(&source.number).map_or(0, Known::len))
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
                self.known.remove(&source.number);
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

    async fn try_look(&mut self, source: &Source, now: Seconds) -> Result<Looked> {
        let known = match self.known.remove(&source.number) {
            Some(known) => known,
            None => self.history.known(&self.lease, source).await?,
        };
        if let Some(before) = known.looked_at.filter(|it| *it >= now) {
            self.known.insert(source.number, known);
            let apart = before - now;
            return Ok(Looked::Not(format!(
                "this machine's clock is {apart} s behind the last look, so nothing can be dated"
            )));
        }
        // How long a gap may be follows from how often it is really looked at.
        let source = &Source { interval: interval(source, known.len()), ..source.clone() };
        if matches!(source.shape, Shape::AuditLog) {
            self.known.insert(source.number, known);
            return self.look_at_audit_log(source, now).await;
        }
        let all_fields = self.asks_for_all_fields(&known, now);
        let answer = self.answer(source, all_fields).await;
        let body = match answer {
            Ok(body) => body,
            Err(error) => {
                self.known.insert(source.number, known);
                return Err(error);
            }
        };
        let (mut known, compared) = compare(source.clone(), body, known, all_fields, now).await?;
        let done = match compared {
            Err(why) => Ok(Looked::Not(why)),
            Ok((seen, diff)) => self.record(source, &diff, &mut known, seen, now).await,
        };
        if done.is_ok() {
            if all_fields && matches!(done, Ok(Looked::Recorded { .. })) {
                self.all_fields_at = now;
            }
            self.known.insert(source.number, known);
        }
        done
    }

    async fn record(
        &self,
        source: &Source,
        diff: &Diff,
        known: &mut Known,
        seen: usize,
        now: Seconds,
    ) -> Result<Looked> {
        let facts = diff.facts.iter().map(|it| it.1.len()).sum();
        Ok(match self.history.record(&self.lease, source, diff, known, now).await? {
            Held::Yes => Looked::Recorded { seen, facts },
            Held::No => Looked::TakenOver,
        })
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
        let (start, end) = (time((after - AUDIT_OVERLAP).min(until)), time(until));
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
        // Transitions are deleted only after they are summed up.
        if self.history.sum_up(&self.lease, &self.label, now).await? == 0 {
            self.history.prune(&self.lease, super::Kept::default(), now).await?;
        }
        Ok(())
    }
}

/// Seconds between two looks at `source`, of which so many things are known.
fn interval(source: &Source, known: usize) -> Seconds {
    let many = matches!(source.shape, Shape::Devices) && known > MANY_DEVICES;
    if many { source.interval.max(MANY_DEVICES_EVERY) } else { source.interval }
}

/// The number of things that were seen and what changed, or why it is not believed. Runs where it does not
/// keep other calls waiting.
async fn compare(
    source: Source,
    body: Bytes,
    mut known: Known,
    all_fields: bool,
    now: Seconds,
) -> Result<(Known, std::result::Result<(usize, Diff), String>)> {
    let work = move || {
        let look = read(&source, &body, all_fields)?;
        if look.without_id > 0 {
            let (source, records) = (source.name, look.without_id);
            tracing::warn!(source, records, "records have no ID, so they cannot be watched");
        }
        let compared = diff(&known, &look, now).map(|diff| (look.seen.len(), diff));
        let compared = compared.map_err(|it| {
            known.doubt();
            not_believed(&source, it)
        });
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
        return Ok(look::content(source.name, body));
    }
    let answer: Value = serde_json::from_slice(body).map_err(not_json)?;
    let fields = source.fields();
    Ok(match source.shape {
        Shape::List { member, key, name } => {
            Look::records(&records(answer, member), key, name, &fields)
        }
        Shape::Named(names) => look::named(&answer, names, &fields),
        Shape::LogStream(_) if answer.is_null() => Look { has_all_fields: true, ..Look::default() },
        _ => look::document(source.name, &answer, &fields),
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
