//! The policy file, understood offline.

mod agreement;
mod approve;
mod ask;
mod edit;
mod effect;
mod findings;
mod form;
mod hujson;
mod merge;
mod validate;
mod world;
