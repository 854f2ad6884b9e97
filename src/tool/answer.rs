//! The results of tools, as text.

use serde::Serialize;

use crate::{Error, ErrorKind, client::Result, visible::visible_json};

/// The largest result in bytes, about 20,000 tokens. Pages of lists are smaller; anything larger would fill
/// a model's context.
pub(crate) const MAX_ANSWER_BYTES: usize = 72_000;

/// Returns `answer` unless it is too long for a model; then an error with the advice in `instead`.
pub(crate) fn short(answer: String, instead: &str) -> Result<String> {
    if answer.len() <= MAX_ANSWER_BYTES {
        return Ok(answer);
    }
    let message =
        format!("the result has {} kB, more than {MAX_ANSWER_BYTES} bytes", answer.len() / 1000);
    Err(Error::new(ErrorKind::TooLarge, message).with_remedy(instead))
}

/// What a tool gives back, as compact JSON without hidden characters.
pub(crate) fn written(output: &impl Serialize) -> Result<String> {
    serde_json::to_string(output)
        .map(|json| visible_json(&json).into_owned())
        .map_err(|error| Error::invalid_input("result", format!("cannot be written: {error}")))
}
