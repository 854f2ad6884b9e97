//! The text format of Prometheus.

use std::{
    borrow::Cow,
    fmt::{Display, Write as _},
};

use crate::visible::visible_up_to;

/// The longest value of a label, in characters.
const MAX_LABEL: usize = 200;

/// Samples in the text format of Prometheus. All are gauges.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    /// The head of the family, until its first sample is written: a family without samples is left out.
    head: Option<String>,
    name: &'static str,
}

impl Exposition {
    /// Begins a family of samples.
    pub(super) fn family(&mut self, name: &'static str, help: &str) {
        self.head = Some(format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        self.name = name;
    }

    /// Writes a sample of the family.
    pub(super) fn sample(&mut self, labels: &Labels, value: impl Display) {
        self.text.extend(self.head.take());
        let (name, labels) = (self.name, &labels.0);
        // Writing into a string does not fail.
        let _ = writeln!(self.text, "{name}{{{labels}}} {value}");
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// The labels of a sample, as they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels(String);

impl Labels {
    /// The labels and one more. An empty value is left out: to Prometheus it is the same.
    #[must_use]
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut labels = self.clone();
        if value.is_empty() {
            return labels;
        }
        let comma = if labels.0.is_empty() { "" } else { "," };
        let _ = write!(labels.0, "{comma}{name}=\"{}\"", escaped(value));
        labels
    }
}

/// The value of a label. Names that others chose cannot end it, and nothing in them is hidden.
fn escaped(value: &str) -> Cow<'_, str> {
    let value = visible_up_to(value, MAX_LABEL);
    if !value.contains(['\\', '"', '\n']) {
        return value;
    }
    Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
