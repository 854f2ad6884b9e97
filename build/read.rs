//! Reads a document, in JSON or YAML.

use serde_json::Value;

/// Reads `text`: JSON if it starts like it, YAML otherwise.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }
}
