//! Background jobs of a running server.

mod alert_news;
mod end_funnels;
mod heard;
mod heartbeat;
mod revoke_rotated;
mod watch;

pub(crate) use self::{
    alert_news::alert_news,
    end_funnels::{FUNNEL_INTERVAL, end_funnels},
    heard::Heard,
    heartbeat::Heartbeat,
    revoke_rotated::{POLL_INTERVAL, revoke_rotated},
    watch::{Duties, watch},
};
