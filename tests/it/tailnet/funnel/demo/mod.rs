//! The demo of `scripts/start-funnel-demo.sh`.

mod real_daemon;
