//! Injected faults: what goes wrong, for which requests, and how often.

mod deliver;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::operations::{Lookup, find};

pub(crate) use deliver::{deliver, refusal};

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FaultKind {
    /// Responds with 429 and `Retry-After`, in seconds or as a date. The request is not executed.
    RateLimit {
        /// The value of `Retry-After` in seconds.
        #[serde(default)]
        seconds: u32,
        /// Whether `Retry-After` is a date instead of seconds.
        #[serde(default)]
        as_date: bool,
    },
    /// Responds with this status and a JSON error message. The request is not executed.
    Status {
        /// Any status, such as 500 or 504.
        status: u16,
    },
    /// Responds with this status and this JSON error message, as if the API refused the request. The request
    /// is not executed.
    Refused {
        /// Any status, such as 400.
        status: u16,
        /// The error message.
        message: String,
    },
    /// Responds with this status and an HTML page instead of JSON, as proxies do. The request is not
    /// executed.
    NotJson {
        /// Any status, including 200.
        status: u16,
    },
    /// Responds with 401, as if the token had expired. The request is not executed.
    Unauthorized,
    /// Responds with 412, as if somebody else had changed the policy file. The request is not executed.
    StaleEtag,
    /// Resets the connection without executing the request.
    Reset,
    /// Executes the request, then resets the connection: the response is lost.
    LostResponse,
    /// Executes the request, and closes the connection after half of the response.
    Truncated,
    /// Executes the request, and responds late.
    Slow {
        /// The delay in milliseconds.
        milliseconds: u64,
    },
    /// Executes the request, and sends half of the response; the rest never arrives.
    Stalled,
}

/// A fault, and the requests that it affects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Only requests of this operation, named as in the API documentation, such as `listTailnetDevices`;
    /// `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only requests with this HTTP method; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests with this path below `/api/v2`; `*` matches one segment. `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many matching requests succeed first.
    #[serde(default)]
    pub after: u32,
    /// How many matching requests then fail; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The probability that a matching request fails, from 0 to 1. Random numbers depend on the sandbox's
    /// seed.
    #[serde(default = "always")]
    pub probability: f64,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault that affects every request.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            operation: None,
            method: None,
            path: None,
            after: 0,
            times: None,
            probability: always(),
        }
    }

    /// Limits the fault to one operation.
    #[must_use]
    pub fn on(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// Limits how many requests the fault affects.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Parses a fault. Unknown fields are errors: a misspelled condition would otherwise have no effect.
    pub(crate) fn read(value: &serde_json::Value) -> Result<Self, String> {
        let known = [
            "fault",
            "seconds",
            "asDate",
            "status",
            "message",
            "milliseconds",
            "operation",
            "method",
            "path",
            "after",
            "times",
            "probability",
        ];
        let fields = value.as_object().ok_or("a fault is an object")?;
        if let Some(odd) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("unknown field {odd:?}"));
        }
        let fault: Self = serde_json::from_value(value.clone()).map_err(|it| it.to_string())?;
        if !(0.0..=1.0).contains(&fault.probability) {
            return Err("probability must be from 0 to 1".to_owned());
        }
        if let FaultKind::Status { status }
        | FaultKind::Refused { status, .. }
        | FaultKind::NotJson { status } = fault.kind
            && !(200..=599).contains(&status)
        {
            return Err("status must be from 200 to 599".to_owned());
        }
        Ok(fault)
    }

    fn concerns(&self, method: &str, path: &str) -> bool {
        let path = path.strip_prefix("/api/v2").unwrap_or(path);
        let is_operation = |wanted: &String| match find(method, path) {
            Lookup::Found(operation, _) => operation.id == wanted,
            _ => false,
        };
        self.method.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|it| is_path(it, path))
            && self.operation.as_ref().is_none_or(is_operation)
    }
}

fn is_path(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut actual) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), actual.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == "*" || one == other => {}
            _ => return false,
        }
    }
}

/// The faults that are still active.
#[derive(Debug)]
pub(crate) struct Faults {
    rng: Rng,
    list: Vec<Fault>,
}

impl Faults {
    pub(crate) fn new(seed: u64, list: Vec<Fault>) -> Self {
        Self { rng: Rng::with_seed(seed.wrapping_add(4)), list }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.list.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The first fault that applies to a request and is due, if any.
    pub(crate) fn next(&mut self, method: &str, path: &str) -> Option<FaultKind> {
        let mut kind = None;
        for fault in &mut self.list {
            if kind.is_some() || !fault.concerns(method, path) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times != Some(0) && self.rng.f64() < fault.probability {
                fault.times = fault.times.map(|left| left - 1);
                kind = Some(fault.kind.clone());
            }
        }
        self.list.retain(|fault| fault.times != Some(0));
        kind
    }
}
