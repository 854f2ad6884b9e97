//! Profiles: named sets of settings in a TOML file. Their secrets are stored elsewhere.

mod edit;
mod guardrails;
mod keychain;
mod profile;
mod receivers;
mod redacted_toml;
mod vault;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use serde_json::Value;
use toml_edit::DocumentMut;

use self::{profile::ConfigFile, vault::Vault};
use super::files;
use crate::{
    client::{Credential, Error, IdentityToken, Result, Settings, resolve},
    guardrails::Guardrails,
};

pub use keychain::{Keychain, SystemKeychain};
pub use profile::{CredentialKind, Place, Profile};

const AGE_IDENTITY: &str = "TAILSTEWARD_AGE_IDENTITY";

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The profiles of a config file. Changes stay in memory until [`save`](Self::save).
pub struct Profiles {
    path: PathBuf,
    document: DocumentMut,
    read: Read,
    keychain: Arc<dyn Keychain>,
    variables: Arc<Variables>,
    /// Secrets that the next `save` stores.
    to_keep: BTreeMap<String, (Place, SecretString)>,
    /// Secrets that the next `save` deletes.
    to_forget: Vec<(String, Place)>,
}

/// The parsed content of the config file.
#[derive(Default)]
struct Read {
    default: Option<String>,
    profiles: BTreeMap<String, Profile>,
    identity: Option<PathBuf>,
    receivers: Vec<receivers::Entry>,
    alert_rules: Vec<Value>,
    guardrails: Guardrails,
}

impl Profiles {
    /// Reads the config file at `path`. Without a path, it reads the one in the platform's config folder,
    /// which may be missing: then there are no profiles.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if `path` cannot be read, or the file contains a secret or an
    /// unknown key.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        match path {
            Some(path) if !path.exists() => Err(Error::config(
                format!("no config file at {}", path.display()),
                "give another path, or create it with `tailsteward auth set`",
            )),
            _ => Self::load_or_new(path),
        }
    }

    /// Reads the config file like [`load`](Self::load), but a missing file is not an error: the next
    /// [`save`](Self::save) creates it.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), except for a missing file.
    pub fn load_or_new(path: Option<&Path>) -> Result<Self> {
        let path =
            path.map_or_else(|| files::default_path("config.toml"), |it| Ok(it.to_owned()))?;
        let text = files::read(&path)?.unwrap_or_default();
        let (document, read) = parse(&path, &text)?;
        Ok(Self {
            path,
            document,
            read,
            keychain: Arc::new(SystemKeychain),
            variables: Arc::new(super::variable),
            to_keep: BTreeMap::new(),
            to_forget: Vec::new(),
        })
    }

    /// Uses `keychain` instead of the platform's.
    #[must_use]
    pub fn with_keychain(mut self, keychain: Arc<dyn Keychain>) -> Self {
        self.keychain = keychain;
        self
    }

    /// Uses `variables` instead of the environment.
    #[must_use]
    pub fn with_variables(
        mut self,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.variables = Arc::new(variables);
        self
    }

    /// The path of the config file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all profiles, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.read.profiles.keys().map(String::as_str)
    }

    /// The default profile: the one named in the file, or the only one.
    pub fn default_name(&self) -> Option<&str> {
        let mut names = self.names();
        let only = names.next().filter(|_| names.next().is_none());
        self.read.default.as_deref().or(only)
    }

    /// Returns `name` if such a profile exists; without a name, that of the default profile.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if there is no such profile, or no default profile.
    pub fn choose<'a>(&'a self, name: Option<&'a str>) -> Result<&'a str> {
        let Some(name) = name.or_else(|| self.default_name()) else {
            return Err(Error::config(
                format!("{} has no default profile", self.path.display()),
                self.known("NAME"),
            ));
        };
        self.get(name).map(|_| name)
    }

    /// The profile `name`.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it does not exist.
    pub fn get(&self, name: &str) -> Result<&Profile> {
        self.read.profiles.get(name).ok_or_else(|| {
            Error::config(
                format!("unknown profile `{name}` in {}", self.path.display()),
                self.known(name),
            )
        })
    }

    /// The settings of the profile `name`, including its secret.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if there is no such profile, or its secret cannot be
    /// read.
    pub fn settings(&self, name: &str) -> Result<Settings> {
        let profile = self.get(name)?;
        let credential = match (&profile.credential, &profile.secret) {
            (CredentialKind::ApiKey, place) => Credential::ApiKey(self.secret(name, place)?),
            (CredentialKind::OAuth { client_id, scopes }, place) => Credential::OAuth {
                client_id: client_id.clone(),
                client_secret: self.secret(name, place)?,
                scopes: scopes.clone(),
            },
            (CredentialKind::Federated { client_id }, place) => Credential::Federated {
                client_id: client_id.clone(),
                identity: self.identity_token(name, place)?,
            },
        };
        Ok(profile.settings(credential, self.folder()))
    }

    /// The alert rules of the config file, as they are written.
    pub fn alert_rules(&self) -> &[Value] {
        &self.read.alert_rules
    }

    /// The guardrails of the config file, which apply at every access level.
    pub fn guardrails(&self) -> &Guardrails {
        &self.read.guardrails
    }

    /// Adds or replaces the profile `name`. `secret` is stored where the profile says; `None` keeps the
    /// stored one.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the name or a value is invalid or reserved, the secret is of another
    /// kind, or the profile's place is not one that this program writes to (keychain or age).
    pub fn set(
        &mut self,
        name: &str,
        profile: &Profile,
        secret: Option<SecretString>,
    ) -> Result<()> {
        profile::check_name(name)?;
        profile::check_reserved(name)?;
        let before = self.read.profiles.get(name).map(|it| it.secret.clone());
        secret.iter().try_for_each(|it| profile.credential.check_secret(it))?;
        let staged = self.to_keep.get(name).map(|it| &it.0) == Some(&profile.secret);
        let is_there = staged || before.as_ref() == Some(&profile.secret);
        match (&secret, profile.secret.is_kept()) {
            (None, true) if !is_there => return Err(no_secret(name)),
            (Some(_), false) => return Err(no_place(name)),
            _ => {}
        }
        self.change(|document| edit::set(document, name, profile))?;
        self.to_forget.retain(|it| it != &(name.to_owned(), profile.secret.clone()));
        if let Some(place) = before.filter(|it| it.is_kept() && *it != profile.secret) {
            self.to_keep.remove(name);
            self.to_forget.push((name.to_owned(), place));
        }
        if let Some(secret) = secret {
            self.to_keep.insert(name.to_owned(), (profile.secret.clone(), secret));
        }
        Ok(())
    }

    /// Makes the profile `name` the default.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it does not exist.
    pub fn set_default(&mut self, name: &str) -> Result<()> {
        self.get(name)?;
        self.change(|document| {
            edit::set_default(document, name);
            Ok(())
        })
    }

    /// Removes the profile `name`, and its secret from the keychain or the age file.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it does not exist.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let place = self.get(name)?.secret.clone();
        self.change(|document| {
            edit::remove(document, name);
            Ok(())
        })?;
        self.to_keep.remove(name);
        if place.is_kept() {
            self.to_forget.push((name.to_owned(), place));
        }
        Ok(())
    }

    /// Writes all changes: first new secrets, then the file, then deletions of old secrets, so that the
    /// file is consistent even if this is interrupted.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a secret or the file cannot be written.
    pub fn save(&mut self) -> Result<()> {
        for (name, (place, secret)) in &self.to_keep {
            match place {
                Place::Keychain => self.keychain.set(name, secret)?,
                _ => self.vault().set(name, secret)?,
            }
        }
        files::write(&self.path, self.document.to_string().as_bytes())?;
        self.to_keep.clear();
        for (name, place) in std::mem::take(&mut self.to_forget) {
            self.forget(&name, &place).map_err(|error| {
                let remedy = error.remedy().unwrap_or_default();
                Error::config(
                    format!(
                        "saved, but an old secret of `{name}` could not be removed from \
                             {place}: {error}"
                    ),
                    remedy,
                )
            })?;
        }
        Ok(())
    }

    fn forget(&self, name: &str, place: &Place) -> Result<()> {
        match place {
            Place::Keychain => self.keychain.delete(name),
            _ => self.vault().delete(name),
        }
    }

    fn secret(&self, name: &str, place: &Place) -> Result<SecretString> {
        let found = match place {
            Place::Env(variable) => match (self.variables)(variable) {
                Some(value) if !value.trim().is_empty() => return resolve(variable, &value),
                _ => None,
            },
            Place::File(path) => {
                let file = format!("file:{}", self.folder().join(path).display());
                return resolve(&format!("profile `{name}`"), &file);
            }
            Place::Keychain => self.keychain.get(name)?,
            Place::Age => self.vault().get(name)?,
        };
        found.ok_or_else(|| {
            let remedy = match place {
                Place::Env(variable) => format!("set {variable}"),
                _ => format!("run `tailsteward auth set {name}`"),
            };
            Error::config(format!("profile `{name}` has no secret in {place}"), remedy)
        })
    }

    fn identity_token(&self, name: &str, place: &Place) -> Result<IdentityToken> {
        Ok(match place {
            Place::File(path) => IdentityToken::File(self.folder().join(path)),
            place => IdentityToken::Value(self.secret(name, place)?),
        })
    }

    fn vault(&self) -> Vault {
        let variable = super::present(&|name| (self.variables)(name), AGE_IDENTITY);
        let written = self.read.identity.as_ref().map(|it| self.folder().join(it));
        let named = variable.map(PathBuf::from).or(written);
        Vault {
            secrets: self.folder().join("secrets.age"),
            named: named.is_some(),
            identity: named.unwrap_or_else(|| self.folder().join("identity.age.txt")),
        }
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Changes the document, unless the result would be invalid.
    fn change(&mut self, change: impl FnOnce(&mut DocumentMut) -> Result<()>) -> Result<()> {
        let mut document = self.document.clone();
        change(&mut document)?;
        (self.document, self.read) = parse(&self.path, &document.to_string())?;
        Ok(())
    }

    fn known(&self, wanted: &str) -> String {
        let names = self.names().collect::<Vec<_>>().join(", ");
        let create = format!("create it with `tailsteward auth set {wanted}`");
        match (names.as_str(), wanted) {
            ("", "NAME") => "create a profile with `tailsteward auth set NAME`".to_owned(),
            ("", _) => create,
            (names, "NAME") => format!("known profiles: {names}"),
            (names, _) => format!("known profiles: {names}; or {create}"),
        }
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiles")
            .field("path", &self.path)
            .field("profiles", &self.read.profiles)
            .finish_non_exhaustive()
    }
}

fn parse(path: &Path, text: &str) -> Result<(DocumentMut, Read)> {
    let file: ConfigFile = redacted_toml::parse(path, text)?;
    let document = text.parse().map_err(|_| {
        Error::config(format!("{} is not valid TOML", path.display()), "correct the config file")
    })?;
    let profiles = file
        .profiles
        .into_iter()
        .map(|(name, entry)| entry.check(&name).map(|it| (name, it)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    if file.default.as_ref().is_some_and(|it| !profiles.contains_key(it)) {
        return Err(Error::config(
            format!("{}: `default` is not the name of a profile", path.display()),
            "set it to an existing profile, or leave it out",
        ));
    }
    let receivers = receivers::check(file.receiver)?;
    let guardrails = guardrails::check(file.guardrails)?;
    let identity = file.age.identity;
    let alert_rules = file.alert.into_iter().map(Value::Object).collect();
    let default = file.default;
    Ok((document, Read { default, profiles, identity, receivers, alert_rules, guardrails }))
}

fn no_secret(name: &str) -> Error {
    Error::config(format!("no secret to store for profile `{name}`"), "enter a secret")
}

fn no_place(name: &str) -> Error {
    Error::config(
        format!(
            "the secret of profile `{name}` is read from a variable or a file, which this \
                 program does not write"
        ),
        "set it there yourself, or store it in the keychain or with age",
    )
}
