//! A failure as an answer.

use serde::Serialize;

use super::in_tools;
use crate::{Error, ErrorKind};

/// A failure as an answer that a model can read and act on: compact JSON.
pub fn failure(error: &Error) -> String {
    #[derive(Serialize)]
    struct Failure {
        kind: ErrorKind,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        may_have_had_effect: bool,
    }
    let failure = Failure {
        kind: error.kind(),
        message: error.to_string(),
        remedy: error.remedy().map(|remedy| in_tools(&remedy)),
        may_have_had_effect: error.may_have_had_effect(),
    };
    serde_json::to_string(&failure).unwrap_or(failure.message)
}
