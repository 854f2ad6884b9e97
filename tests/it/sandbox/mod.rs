//! The emulated admin API.
