//! What an administrator does not want changed, and when changes may be made.

mod window;
