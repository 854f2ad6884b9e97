//! `[[receiver]]` entries of the config file. Error messages never repeat values from the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::{
    super::receiver::{Receiver, ReceiverKind, SmtpTls},
    Place, Profiles,
    profile::is_variable,
};
use crate::client::{Error, Result, resolve};

const COMMAND: &str = "command";
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
const MAX_RECEIVERS: usize = 50;
const MAX_LIST: usize = 20;
const MAX_TEXT: usize = 2048;

/// A kind of receiver: the keys that it must have, and those that it may have.
type Shape = (&'static str, &'static [(&'static str, Form)], &'static [(&'static str, Form)]);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// A URL in the file, or where it is stored.
    Url,
    /// Where a secret is stored.
    Secret,
    Text,
    List,
}

const SHAPES: &[Shape] = &[
    ("webhook", &[("url", Form::Url)], &[("secret", Form::Secret)]),
    ("slack", &[("url", Form::Url)], &[]),
    ("ntfy", &[("url", Form::Url)], &[("secret", Form::Secret)]),
    ("pagerduty", &[("routing_key", Form::Secret)], &[("url", Form::Url)]),
    ("alertmanager", &[("url", Form::Url)], &[("secret", Form::Secret)]),
    (
        "email",
        &[("server", Form::Text), ("from", Form::Text), ("to", Form::List)],
        &[("user", Form::Text), ("secret", Form::Secret), ("tls", Form::Text)],
    ),
    (COMMAND, &[("command", Form::List)], &[]),
];

/// An entry whose keys fit its kind. Its secrets are not read yet.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    kind: &'static str,
    private: bool,
    values: BTreeMap<&'static str, Given>,
}

#[derive(Debug)]
enum Given {
    Text(String),
    Place(Place),
    List(Vec<String>),
}

/// Checks all entries of the file.
pub(super) fn check(entries: Vec<Map<String, Value>>) -> Result<Vec<Entry>> {
    if entries.len() > MAX_RECEIVERS {
        let why = format!("the config file has more than {MAX_RECEIVERS} receivers");
        return Err(Error::config(why, "remove some"));
    }
    let mut names = BTreeSet::new();
    let mut checked = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let entry = Entry::check(index, entry)?;
        if !names.insert(entry.name.clone()) {
            return Err(wrong(&entry.name, "name", "is the name of another receiver, too"));
        }
        checked.push(entry);
    }
    Ok(checked)
}

impl Entry {
    fn check(index: usize, mut entry: Map<String, Value>) -> Result<Self> {
        let name = name(index, entry.remove("name"))?;
        let (kind, must, may) = shape(&name, entry.remove("kind").as_ref())?;
        let private = match entry.remove("private") {
            None => false,
            Some(_) if kind == COMMAND => return Err(not_taken(&name, "private", kind)),
            Some(Value::Bool(private)) => private,
            Some(_) => return Err(wrong(&name, "private", "must be true or false")),
        };
        let mut values = BTreeMap::new();
        for (key, form) in must.iter().chain(may) {
            if let Some(value) = entry.remove(*key) {
                let given = given(*form, value).map_err(|should| wrong(&name, key, should))?;
                values.insert(*key, given);
            }
        }
        if let Some(key) = entry.keys().next() {
            return Err(not_taken(&name, key, kind));
        }
        if let Some((key, form)) = must.iter().find(|(key, _)| !values.contains_key(key)) {
            let should = format!("is missing; it {}", words(*form));
            return Err(wrong(&name, key, &should));
        }
        let entry = Self { name, kind, private, values };
        entry.check_values()?;
        Ok(entry)
    }

    fn check_values(&self) -> Result<()> {
        if let Some(Given::Text(url)) = self.values.get("url") {
            let parsed = check_url(url, self.private).map_err(|it| self.wrong("url", it))?;
            if !parsed.username().is_empty() || parsed.password().is_some() {
                let should = "must not have a user or password in the file: write \
                              `url = { env = \"NAME\" }` or `{ file = \"path\" }`";
                return Err(self.wrong("url", should));
            }
        }
        if self.kind == "email" {
            self.smtp()?;
            let from = self.text("from").into_iter();
            let to = self.list("to").iter().map(String::as_str);
            for (key, address) in from.map(|it| ("from", it)).chain(to.map(|it| ("to", it))) {
                if !address.contains('@') || address.contains(char::is_control) {
                    return Err(self.wrong(key, "must be an e-mail address"));
                }
            }
            if self.values.contains_key("user") != self.values.contains_key("secret") {
                return Err(self.wrong("secret", "and `user` must be given together"));
            }
        }
        Ok(())
    }

    /// The receiver, with the secrets that `read` returns; relative paths start in `folder`.
    pub(super) fn receiver(
        &self,
        folder: &Path,
        read: impl Fn(&str, &str, &Place) -> Result<SecretString>,
    ) -> Result<Receiver> {
        let secret = |key: &str| match self.values.get(key) {
            Some(Given::Place(place)) => read(&self.name, key, place).map(Some),
            _ => Ok(None),
        };
        let needed = |key: &str| secret(key)?.ok_or_else(|| self.wrong(key, "is missing"));
        let url = || {
            if let Some(url) = self.text("url") {
                return Ok(SecretString::from(url));
            }
            let url = needed("url")?;
            check_url(url.expose_secret(), self.private).map_err(|it| self.wrong("url", it))?;
            Ok(url)
        };
        let kind = match self.kind {
            "webhook" => ReceiverKind::Webhook { url: url()?, secret: secret("secret")? },
            "slack" => ReceiverKind::Slack { url: url()? },
            "ntfy" => ReceiverKind::Ntfy { url: url()?, secret: secret("secret")? },
            "pagerduty" => ReceiverKind::PagerDuty {
                url: if self.values.contains_key("url") { url()? } else { PAGERDUTY.into() },
                routing_key: needed("routing_key")?,
            },
            "alertmanager" => ReceiverKind::Alertmanager { url: url()?, secret: secret("secret")? },
            "email" => {
                let (server, port, tls) = self.smtp()?;
                let user = self.text("user").map(str::to_owned);
                ReceiverKind::Email {
                    server,
                    port,
                    tls,
                    from: self.text("from").unwrap_or_default().to_owned(),
                    to: self.list("to").to_vec(),
                    login: user.zip(secret("secret")?),
                }
            }
            _ => ReceiverKind::Command {
                command: program(self.list("command"), folder),
                folder: folder.to_owned(),
            },
        };
        Ok(Receiver { name: self.name.clone(), private: self.private, kind })
    }

    /// The SMTP server, its port, and how the connection is encrypted.
    fn smtp(&self) -> Result<(String, u16, SmtpTls)> {
        let server = self.text("server").unwrap_or_default();
        let should = "must be a name such as `smtp.example.com`, or one with a port: \
                      `smtp.example.com:587`";
        // As a URL, so that an IPv6 address is understood.
        let url = Url::parse(&format!("smtp://{server}")).ok();
        let host = url.as_ref().and_then(Url::host_str).filter(|it| !it.is_empty());
        let (Some(url), Some(host)) = (&url, host) else {
            return Err(self.wrong("server", should));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let bare = url.username().is_empty() && url.password().is_none() && url.path().len() <= 1;
        if !bare || url.query().is_some() || server.contains(char::is_whitespace) {
            return Err(self.wrong("server", should));
        }
        let (tls, usual) = match (self.text("tls"), url.port()) {
            (Some("tls"), _) | (None, Some(465)) => (SmtpTls::Tls, 465),
            (Some("starttls") | None, _) => (SmtpTls::StartTls, 587),
            (Some("off"), _) if self.private => (SmtpTls::Off, 25),
            (Some("off"), _) => {
                return Err(self.wrong("tls", "may be `off` only with `private = true`"));
            }
            _ => return Err(self.wrong("tls", "must be `starttls`, `tls` or `off`")),
        };
        Ok((host, url.port().unwrap_or(usual), tls))
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Given::Text(text)) => Some(text.trim()),
            _ => None,
        }
    }

    fn list(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            Some(Given::List(items)) => items,
            _ => &[],
        }
    }

    fn wrong(&self, key: &str, should: &str) -> Error {
        wrong(&self.name, key, should)
    }
}

fn name(index: usize, name: Option<Value>) -> Result<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name {
        Some(Value::String(name))
            if (1..=64).contains(&name.len())
                && name.chars().all(fits)
                && !name.starts_with('-') =>
        {
            Ok(name)
        }
        _ => Err(Error::config(
            format!("receiver {} of the config file: `name` is missing or not a name", index + 1),
            "give it a name of 1 to 64 small letters, digits and `-`",
        )),
    }
}

fn shape(name: &str, kind: Option<&Value>) -> Result<Shape> {
    let kind = kind.and_then(Value::as_str).unwrap_or_default();
    SHAPES.iter().find(|(it, ..)| *it == kind).copied().ok_or_else(|| {
        let kinds: Vec<_> = SHAPES.iter().map(|(it, ..)| *it).collect();
        wrong(name, "kind", &format!("must be one of {}", kinds.join(", ")))
    })
}

fn given(form: Form, value: Value) -> Result<Given, &'static str> {
    let fits = |text: &str| !text.trim().is_empty() && text.len() <= MAX_TEXT;
    match (form, value) {
        (Form::Url | Form::Text, Value::String(text)) if fits(&text) => Ok(Given::Text(text)),
        (Form::Url | Form::Secret, Value::Object(fields)) => {
            place(&fields).map(Given::Place).ok_or_else(|| words(form))
        }
        (Form::List, Value::Array(items)) if (1..=MAX_LIST).contains(&items.len()) => {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) if fits(&text) => Ok(text),
                _ => Err(words(form)),
            });
            texts.collect::<Result<_, _>>().map(Given::List)
        }
        _ => Err(words(form)),
    }
}

/// Where a secret is stored: exactly one of `env` and `file`.
fn place(fields: &Map<String, Value>) -> Option<Place> {
    let mut fields = fields.iter();
    let (Some((key, Value::String(text))), None) = (fields.next(), fields.next()) else {
        return None;
    };
    match key.as_str() {
        "env" if is_variable(text) => Some(Place::Env(text.clone())),
        "file" if !text.trim().is_empty() => Some(Place::File(PathBuf::from(text))),
        _ => None,
    }
}

fn words(form: Form) -> &'static str {
    match form {
        Form::Url => {
            "must be a URL, or where it is stored: `{ env = \"NAME\" }` or `{ file = \"path\" }`"
        }
        Form::Secret => "must be `{ env = \"NAME\" }` or `{ file = \"path\" }`",
        Form::Text => "must be a text of 1 to 2048 bytes",
        Form::List => "must be a list of 1 to 20 texts",
    }
}

fn check_url(url: &str, private: bool) -> Result<Url, &'static str> {
    let url = Url::parse(url.trim()).map_err(|_| "must be a URL such as `https://example.com`")?;
    if !url.has_host() || url.fragment().is_some() {
        return Err("must be a URL such as `https://example.com`, without `#`");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if private => Ok(url),
        "http" => Err("must be https, or http with `private = true`"),
        _ => Err("must be a URL such as `https://example.com`"),
    }
}

/// The program with its arguments. A relative path starts in the config file's folder; a bare name is
/// looked for in `PATH`.
fn program(command: &[String], folder: &Path) -> Vec<String> {
    let mut command = command.to_vec();
    if let Some(first) = command.first_mut()
        && Path::new(first.as_str()).components().count() > 1
    {
        *first = folder.join(first.as_str()).to_string_lossy().into_owned();
    }
    command
}

fn not_taken(name: &str, key: &str, kind: &str) -> Error {
    let shape = SHAPES.iter().find(|(it, ..)| *it == kind);
    let keys = shape.into_iter().flat_map(|(_, must, may)| must.iter().chain(*may));
    let common =
        ["name", "kind", "private"].into_iter().filter(|it| kind != COMMAND || *it != "private");
    let keys: Vec<_> = common.chain(keys.map(|it| it.0)).collect();
    Error::config(
        format!("receiver `{name}`: `{key}` is not a key of kind `{kind}`"),
        format!("it takes {}", keys.join(", ")),
    )
}

fn wrong(name: &str, key: &str, should: &str) -> Error {
    Error::config(format!("receiver `{name}`: `{key}` {should}"), "correct the receiver")
}

impl Profiles {
    /// The receivers of alerts that the config file names, including their secrets.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a secret cannot be read, or a URL that is stored as one is
    /// invalid.
    pub fn receivers(&self) -> Result<Vec<Receiver>> {
        let read = |name: &str, key: &str, place: &Place| self.receiver_secret(name, key, place);
        self.read.receivers.iter().map(|it| it.receiver(self.folder(), read)).collect()
    }

    fn receiver_secret(&self, name: &str, key: &str, place: &Place) -> Result<SecretString> {
        let whose = format!("`{key}` of receiver `{name}`");
        match place {
            Place::File(path) => {
                resolve(&whose, &format!("file:{}", self.folder().join(path).display()))
            }
            Place::Env(variable) => match (self.variables)(variable) {
                Some(value) if !value.trim().is_empty() => resolve(variable, &value),
                _ => Err(Error::config(
                    format!("{whose} is in the variable {variable}, which is not set"),
                    format!("set {variable}"),
                )),
            },
            Place::Keychain | Place::Age => {
                Err(Error::config(format!("{whose} cannot be stored there"), "use env or file"))
            }
        }
    }
}
