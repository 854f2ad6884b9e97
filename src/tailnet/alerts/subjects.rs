//! Rules, acknowledgements and mutes, as resources that a plan can change.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Error, ErrorKind,
    change::{Change, Checks, Compare, Fields, Subject, Write, Written},
    client::Result,
    history::AlertDocument,
    tailnet::Tailnet,
    words::to_the_second,
};

/// The field that says when an alert was acknowledged.
const AT: &str = "at";

/// A sort of document about alerts, as a kind of resource with one field.
#[derive(Debug)]
pub(crate) struct AlertDocuments {
    kind: &'static str,
    field: &'static str,
    document: AlertDocument,
    /// What it is called to take it away.
    remove: &'static str,
}

/// Rules that somebody set.
pub(crate) static RULES: AlertDocuments = AlertDocuments {
    kind: "alert rule",
    field: "rule",
    document: AlertDocument::Rule,
    remove: "Remove",
};

/// Who takes care of which alert.
pub(crate) static ACKNOWLEDGEMENTS: AlertDocuments = AlertDocuments {
    kind: "alert",
    field: "acknowledged",
    document: AlertDocument::Acknowledgement,
    remove: "Withdraw the acknowledgement of",
};

/// What is muted.
pub(crate) static MUTES: AlertDocuments =
    AlertDocuments { kind: "mute", field: "mute", document: AlertDocument::Mute, remove: "End" };

impl AlertDocuments {
    /// The change of the document `id` to `to`; null removes it.
    pub(super) async fn change(&self, tailnet: &Tailnet, id: &str, to: Value) -> Result<Change> {
        let was = self.found(tailnet, id).await?;
        Ok(Change::new(self.field, was, to))
    }

    async fn found(&self, tailnet: &Tailnet, id: &str) -> Result<Value> {
        let all =
            tailnet.alerts().history()?.alert_documents(&tailnet.label(), self.document).await?;
        let Some((_, body)) = all.into_iter().find(|it| it.0 == id) else { return Ok(Value::Null) };
        serde_json::from_str(&body).map_err(|error| {
            Error::new(ErrorKind::History, format!("{} `{id}` cannot be read: {error}", self.kind))
        })
    }
}

#[async_trait]
impl Subject for AlertDocuments {
    fn kind(&self) -> &'static str {
        self.kind
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, _: &[&str]) -> Result<Fields> {
        let value = self.found(tailnet, id).await?;
        Ok([(self.field.to_owned(), value)].into_iter().collect())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let mut to = write.change.to.clone();
        // When it was acknowledged is when it is written, not when it was planned.
        if let (AlertDocument::Acknowledgement, Some(fields)) = (self.document, to.as_object_mut())
        {
            fields.entry(AT).or_insert_with(|| to_the_second(Timestamp::now()).into());
        }
        let body = (!to.is_null()).then(|| to.to_string());
        let label = tailnet.label();
        tailnet
            .alerts()
            .history()?
            .write_alert_document(&label, self.document, write.id, body.as_deref())
            .await?;
        Ok(Written::default())
    }

    fn is_kept_here(&self) -> bool {
        true
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for AlertDocuments {
    fn is_same(&self, _: &str, a: &Value, b: &Value) -> bool {
        let planned = |it: &Value| {
            let mut it = it.clone();
            it.as_object_mut().map(|fields| fields.remove(AT));
            it
        };
        planned(a) == planned(b)
    }

    fn verb(&self, change: &Change) -> Option<&'static str> {
        change.to.is_null().then_some(self.remove)
    }
}

impl Checks for AlertDocuments {}
