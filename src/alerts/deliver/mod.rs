//! Delivers notices: one file for each kind of receiver. `text.rs` makes the texts of others harmless, `http.rs`
//! posts.

mod alertmanager;
mod command;
#[cfg(feature = "email")]
mod email;
mod http;
mod json;
mod ntfy;
mod pagerduty;
mod slack;
mod text;
mod webhook;

use std::time::Duration;

use self::{
    alertmanager::Alertmanager, command::Command, ntfy::Ntfy, pagerduty::PagerDuty, slack::Slack,
    webhook::Webhook,
};
use super::{notice::Notice, receivers::Outcome};
use crate::{
    client::post::Poster,
    config::{Receiver, ReceiverKind},
};

/// Where a notice is delivered.
pub(super) struct Target {
    pub(super) private: bool,
    kind: Kind,
}

enum Kind {
    Webhook(Webhook),
    Slack(Slack),
    Ntfy(Ntfy),
    PagerDuty(PagerDuty),
    Alertmanager(Alertmanager),
    #[cfg(feature = "email")]
    Email(Box<email::Email>),
    Command(Command),
}

impl Target {
    /// # Errors
    ///
    /// What is wrong with the receiver.
    pub(super) fn new(receiver: Receiver) -> Result<Self, String> {
        let private = receiver.private;
        let kind = match receiver.kind {
            ReceiverKind::Webhook { url, secret } => {
                Kind::Webhook(Webhook::new(http::Endpoint::new(url, private)?, secret)?)
            }
            ReceiverKind::Slack { url } => {
                Kind::Slack(Slack { endpoint: http::Endpoint::new(url, private)? })
            }
            ReceiverKind::Ntfy { url, secret } => {
                Kind::Ntfy(Ntfy::new(http::Endpoint::new(url, private)?, secret.as_ref())?)
            }
            ReceiverKind::PagerDuty { url, routing_key } => Kind::PagerDuty(PagerDuty {
                endpoint: http::Endpoint::new(url, private)?.with_secret(&routing_key),
                routing_key,
            }),
            ReceiverKind::Alertmanager { url, secret } => Kind::Alertmanager(Alertmanager::new(
                http::Endpoint::new(url, private)?,
                secret.as_ref(),
            )?),
            #[cfg(feature = "email")]
            ReceiverKind::Email { server, port, tls, from, to, login } => {
                let server = email::Server { name: server, port, tls, private, login };
                Kind::Email(Box::new(email::Email::new(server, &from, &to)?))
            }
            #[cfg(not(feature = "email"))]
            ReceiverKind::Email { .. } => {
                return Err(
                    "this build sends no e-mail: build it with `--features email`".to_owned()
                );
            }
            ReceiverKind::Command { command, folder } => Kind::Command(Command { command, folder }),
        };
        Ok(Self { private, kind })
    }

    pub(super) fn resends(&self) -> Option<Duration> {
        matches!(self.kind, Kind::Alertmanager(_)).then_some(alertmanager::RESEND_INTERVAL)
    }

    pub(super) async fn deliver(
        &self,
        poster: &Poster,
        allow_command: bool,
        notice: &Notice,
    ) -> Outcome {
        match &self.kind {
            Kind::Webhook(it) => it.deliver(poster, notice).await,
            Kind::Slack(it) => it.deliver(poster, notice).await,
            Kind::Ntfy(it) => it.deliver(poster, notice).await,
            Kind::PagerDuty(it) => it.deliver(poster, notice).await,
            Kind::Alertmanager(it) => it.deliver(poster, notice).await,
            #[cfg(feature = "email")]
            Kind::Email(it) => it.deliver(notice).await,
            Kind::Command(it) if allow_command => it.deliver(notice).await,
            Kind::Command(_) => Outcome::Failed {
                why: "a server that others reach runs no commands; they run over stdio and when \
                      looking once"
                    .to_owned(),
            },
        }
    }
}
