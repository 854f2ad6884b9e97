//! Reports that are kept in the history.

use super::{Reports, changes::Snapshot, reason};
use crate::{
    Error, ErrorKind,
    client::Result,
    history::{History, KeptReport},
    report::Report,
};

impl Report {
    /// Its ID: when it was made, to the millisecond, such as `20261129-030116482`.
    pub fn id(&self) -> String {
        let digits: String = self.head.at.chars().filter(char::is_ascii_digit).collect();
        let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
        format!("{day}-{time}")
    }
}

impl Reports<'_> {
    /// The reports that are kept, the newest first. None without a history.
    ///
    /// # Errors
    ///
    /// [`History`](ErrorKind::History) if the history cannot be read.
    pub async fn kept(&self) -> Result<Vec<KeptReport>> {
        let Some(history) = self.tailnet.history() else { return Ok(Vec::new()) };
        history.reports(&self.tailnet.label()).await
    }

    /// A report that is kept, by its ID; `last` is the newest one.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if it is not kept any more, or never was; [`History`](ErrorKind::History) if
    /// no history is kept or it cannot be read.
    pub async fn read(&self, id: &str) -> Result<Report> {
        let history = self.tailnet.history();
        let history = history.ok_or_else(|| History::not_kept("reports are not kept"))?;
        let id = if id == "last" {
            self.kept().await?.into_iter().next().map(|it| it.id)
        } else {
            Some(id.to_owned())
        };
        let body = match &id {
            Some(id) => history.report(&self.tailnet.label(), id).await?,
            None => None,
        };
        let Some((body, _)) = body else {
            let what = id
                .map_or("no report is kept".to_owned(), |it| format!("there is no report `{it}`"));
            return Err(Error::new(ErrorKind::NotFound, what).with_remedy("make a new report"));
        };
        serde_json::from_str(&body).map_err(|error| {
            Error::new(ErrorKind::History, format!("the report cannot be read: {error}"))
                .with_remedy("make a new report")
        })
    }

    pub(super) async fn keep(&self, report: &Report, snapshot: &Snapshot) -> Result<()> {
        let Some(history) = self.tailnet.history().filter(|_| self.most > 0) else { return Ok(()) };
        let json = |error: serde_json::Error| Error::invalid_input("report", error.to_string());
        let body = serde_json::to_string(report).map_err(json)?;
        let facts = serde_json::to_string(snapshot).map_err(json)?;
        let (label, id) = (self.tailnet.label(), report.id());
        let at = report.head.at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
        let kept = KeptReport::new(id, at, self.is_scheduled);
        history.record_report(&label, &kept, &body, &facts).await?;
        history.keep_reports(&label, self.is_scheduled, self.most).await
    }

    /// What the last report keeps; `Err` is why there is nothing to compare with.
    pub(super) async fn snapshot(&self) -> std::result::Result<Snapshot, String> {
        let Some(history) = self.tailnet.history() else {
            return Err(reason(&History::not_kept(
                "reports are not kept, so none is compared with",
            )));
        };
        let label = self.tailnet.label();
        let read = async {
            let all = history.reports(&label).await?;
            // A weekly report is compared with the one of the week before.
            let last = all.into_iter().find(|it| it.is_scheduled || !self.is_scheduled);
            let Some(KeptReport { id, .. }) = last else { return Ok(None) };
            history.report(&label, &id).await
        };
        match read.await {
            Ok(Some((_, facts))) => serde_json::from_str(&facts)
                .map_err(|error| format!("what the last report keeps cannot be read: {error}")),
            Ok(None) => Err("this is the first report; the next one says what changed".to_owned()),
            Err(error) => Err(reason(&error)),
        }
    }
}
