//! The policy file, understood offline.

mod agreement;
