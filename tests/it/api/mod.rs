//! The typed client, as it is generated.

mod fixtures;
