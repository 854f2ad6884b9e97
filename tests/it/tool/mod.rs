//! What a tool is.

mod schema;
