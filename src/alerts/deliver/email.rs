//! Plain text by SMTP, one mail for each notice. Tries of the same notice have the same Message-ID.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    super::{notice::Notice, receivers::Outcome},
    http::without_secrets,
    text::{Reader, body, headline, identifier},
};
use crate::{
    client::{post::TIMEOUT, public_addresses},
    config::SmtpTls,
};

const MAX_BODY: usize = 16_000;

pub(super) struct Email {
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// What must not be repeated of an answer.
    secrets: Vec<SecretString>,
}

/// The SMTP server that takes the mails.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    pub(super) private: bool,
    pub(super) login: Option<(String, SecretString)>,
}

impl Email {
    /// # Errors
    ///
    /// If an address is none.
    pub(super) fn new(server: Server, from: &str, to: &[String]) -> Result<Self, String> {
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|_| format!("`{key}` must be an e-mail address"))
        };
        let secrets = server.login.iter().flat_map(|(user, password)| {
            let plain = format!("\0{user}\0{}", password.expose_secret());
            let encoded = [plain.as_str(), password.expose_secret()].map(|it| STANDARD.encode(it));
            encoded.map(SecretString::from).into_iter().chain([password.clone()])
        });
        let secrets = secrets.collect();
        let to = to.iter().map(|it| mailbox("to", it)).collect::<Result<_, _>>()?;
        Ok(Self { from: mailbox("from", from)?, to, secrets, server })
    }

    pub(super) async fn deliver(&self, notice: &Notice) -> Outcome {
        let sent = async {
            let mail = self.mail(notice).map_err(|why| Outcome::Failed { why })?;
            self.send(mail).await
        };
        match tokio::time::timeout(TIMEOUT, sent).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(outcome)) => outcome,
            Err(_) => retry("no response in time"),
        }
    }

    fn mail(&self, notice: &Notice) -> Result<Message, String> {
        let id =
            format!("<{}@{}>", identifier(&notice.id).replace(':', "."), self.from.email.domain());
        // So that an absence note does not answer.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mail = Message::builder()
            .from(self.from.clone())
            .subject(headline(notice, Reader::Plain))
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN);
        let mail = self.to.iter().fold(mail, |mail, to| mail.to(to.clone()));
        mail.body(body(notice, Reader::Plain, MAX_BODY))
            .map_err(|_| "the mail cannot be written".to_owned())
    }

    /// Sends it to the first address of the server that can be reached.
    async fn send(&self, mail: Message) -> Result<(), Outcome> {
        let server = &self.server;
        let hosts = if server.private {
            vec![server.name.clone()]
        } else {
            let found = public_addresses(&server.name, server.port).await;
            let found = found.map_err(|error| retry(&error.to_string()))?;
            found.iter().map(|at| at.ip().to_string()).collect()
        };
        let mut last = retry("its name has no address");
        for host in hosts {
            let Err(error) = self.transport(host)?.send(mail.clone()).await else { return Ok(()) };
            last = self.outcome(&error);
            if error.status().is_some() || error.is_tls() || error.is_client() {
                break;
            }
        }
        Err(last)
    }

    fn transport(&self, host: String) -> Result<AsyncSmtpTransport<Tokio1Executor>, Outcome> {
        let server = &self.server;
        let encrypted = || {
            let parameters = TlsParameters::new_rustls(server.name.clone());
            parameters.map_err(|_| retry("TLS cannot be set up"))
        };
        let tls = match server.tls {
            SmtpTls::StartTls => Tls::Required(encrypted()?),
            SmtpTls::Tls => Tls::Wrapper(encrypted()?),
            SmtpTls::Off => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        Ok(match &server.login {
            Some((user, password)) => {
                let password = password.expose_secret().to_owned();
                builder.credentials(Credentials::new(user.clone(), password)).build()
            }
            None => builder.build(),
        })
    }

    fn outcome(&self, error: &lettre::transport::smtp::Error) -> Outcome {
        let why = without_secrets(&self.secrets, &error.to_string());
        if error.is_permanent() || error.is_client() {
            Outcome::Failed { why }
        } else {
            Outcome::Retry { why, after: None }
        }
    }
}

fn retry(why: &str) -> Outcome {
    Outcome::Retry { why: why.to_owned(), after: None }
}
