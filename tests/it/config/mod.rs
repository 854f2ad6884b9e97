//! Where settings come from: variables, or a file with profiles.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tailsteward::{
    Credential, Error, ErrorKind, IdentityToken, Result, Settings,
    config::{CredentialKind, Keychain, Place, Profile, Profiles, from_variables},
};
use tempfile::TempDir;

mod guardrails;
mod profiles;
mod receivers;
mod variables;

/// A folder with a config file and a keychain.
struct Home {
    folder: TempDir,
    keychain: Arc<Memory>,
}

impl Home {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder, keychain: Arc::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<Profiles> {
        let profiles = Profiles::load(Some(&self.path("config.toml")))?;
        Ok(profiles.with_keychain(self.keychain.clone()).with_variables(|_| None))
    }
}

#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, SecretString>>);

impl Memory {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

impl Keychain for Memory {
    fn get(&self, profile: &str) -> Result<Option<SecretString>> {
        Ok(self.0.lock().unwrap().get(profile).cloned())
    }

    fn set(&self, profile: &str, secret: &SecretString) -> Result<()> {
        self.0.lock().unwrap().insert(profile.to_owned(), secret.clone());
        Ok(())
    }

    fn delete(&self, profile: &str) -> Result<()> {
        self.0.lock().unwrap().remove(profile);
        Ok(())
    }
}

fn kept(place: Place) -> Profile {
    Profile::new(CredentialKind::ApiKey, place)
}

fn profile(name: &str, place: &str) -> String {
    format!("[profiles.{name}]\nrate = 1\ncredential = {{ kind = 'api_key', {place} }}\n")
}

fn from(variables: &[(&str, &str)]) -> Result<Settings> {
    from_variables(&|name| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned()))
}

fn from_with_key(name: &str, value: &str) -> Result<Settings> {
    from(&[("TAILSCALE_API_KEY", "tskey-api-1"), (name, value)])
}

fn secret(settings: &Settings) -> &str {
    match &settings.credential {
        Credential::ApiKey(secret) => secret.expose_secret(),
        Credential::OAuth { client_secret, .. } => client_secret.expose_secret(),
        other => panic!("{other:?} has no secret here"),
    }
}

/// All that a person gets to read.
fn whole(error: &Error) -> String {
    format!("{error} {error:?} {:?}", error.remedy())
}
