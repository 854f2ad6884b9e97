//! The policy file, understood offline.

mod agreement;
mod ask;
mod effect;
mod findings;
mod merge;
mod validate;
mod world;
