//! Results that link to a resource.

use serde::{Deserialize, Serialize};

/// The fields of a result that link to a resource, which has what would be too long for a result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    /// The URI of the resource.
    pub(crate) uri: String,
    /// The name of the file.
    pub(crate) name: String,
    /// The MIME type.
    pub(crate) mime_type: String,
    /// The size in bytes.
    pub(crate) bytes: usize,
}
