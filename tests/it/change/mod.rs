//! Changes: recorded, rolled back, undone.

mod journal;
mod killed;
mod store;
mod undo;
mod unrecorded;
