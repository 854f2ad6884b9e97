//! Stores the secrets of all profiles in one age-encrypted file.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use age::{
    Decryptor, Encryptor, IdentityFile, NoCallbacks, Recipient,
    armor::{ArmoredReader, ArmoredWriter, Format},
    x25519,
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use toml_edit::DocumentMut;

use super::files;
use crate::client::{Error, Result};

/// The encrypted file of secrets, and the identity that decrypts it.
#[derive(Debug)]
pub(super) struct Vault {
    /// The encrypted file: TOML with one secret per profile.
    pub(super) secrets: PathBuf,
    /// The file with the age identity (private key).
    pub(super) identity: PathBuf,
    /// Whether the identity file was set explicitly; only the default one is created if missing.
    pub(super) named: bool,
}

impl Vault {
    pub(super) fn get(&self, profile: &str) -> Result<Option<SecretString>> {
        let secrets = self.open()?;
        Ok(secrets.get(profile).and_then(|it| it.as_str()).map(Into::into))
    }

    pub(super) fn set(&self, profile: &str, secret: &SecretString) -> Result<()> {
        self.ensure_identity()?;
        let mut secrets = self.open()?;
        secrets.insert(profile, toml_edit::value(secret.expose_secret()));
        self.seal(&secrets)
    }

    pub(super) fn delete(&self, profile: &str) -> Result<()> {
        let mut secrets = self.open()?;
        if secrets.remove(profile).is_none() {
            return Ok(());
        }
        if secrets.is_empty() { files::remove(&self.secrets) } else { self.seal(&secrets) }
    }

    fn open(&self) -> Result<DocumentMut> {
        let Some(sealed) = files::read(&self.secrets)? else { return Ok(DocumentMut::new()) };
        let text = self.decrypt(&sealed)?;
        // The parser's message may contain a secret.
        text.parse().map_err(|_| {
            self.broken("does not contain secrets", "set the secrets of its profiles again")
        })
    }

    fn decrypt(&self, sealed: &str) -> Result<Zeroizing<String>> {
        let identities = self.identities()?;
        let mut text = Zeroizing::new(String::new());
        Decryptor::new_buffered(ArmoredReader::new(sealed.as_bytes()))
            .and_then(|it| it.decrypt(identities.iter().map(|it| &**it as &dyn age::Identity)))
            .map_err(|error| self.closed(&error))?
            .read_to_string(&mut text)
            .map_err(|_| self.broken("is damaged", "restore the file, or set its secrets again"))?;
        Ok(text)
    }

    fn seal(&self, secrets: &DocumentMut) -> Result<()> {
        let text = Zeroizing::new(secrets.to_string());
        let recipients =
            self.identity_file()?.to_recipients().map_err(|error| self.unusable(&error))?;
        let sealed = encrypt(&recipients, text.as_bytes()).map_err(|error| {
            self.broken(&format!("cannot be encrypted: {error}"), "try another identity")
        })?;
        files::write(&self.secrets, &sealed)
    }

    fn identities(&self) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>> {
        self.identity_file()?.into_identities().map_err(|error| self.unusable(&error))
    }

    fn identity_file(&self) -> Result<IdentityFile<NoCallbacks>> {
        IdentityFile::from_file(self.identity.display().to_string()).map_err(|error| {
            Error::config(
                format!("cannot read the age identity {}: {error}", self.identity.display()),
                "set TAILSTEWARD_AGE_IDENTITY, or `identity` of `[age]`, to an identity file \
                 created by `age-keygen`",
            )
        })
    }

    /// Creates the default identity, unless there already are secrets, which it could not decrypt.
    fn ensure_identity(&self) -> Result<()> {
        if self.named || self.identity.exists() || self.secrets.exists() {
            return Ok(());
        }
        let identity = x25519::Identity::generate();
        let text = Zeroizing::new(format!(
            "# Decrypts the secrets of tailsteward. Keep it private, and keep a copy.\n# public \
             key: {}\n{}\n",
            identity.to_public(),
            identity.to_string().expose_secret()
        ));
        files::write(&self.identity, text.as_bytes())
    }

    fn closed(&self, error: &age::DecryptError) -> Error {
        match error {
            age::DecryptError::NoMatchingKeys => self.broken(
                &format!("cannot be decrypted with the identity in {}", self.identity.display()),
                "set TAILSTEWARD_AGE_IDENTITY to the identity that it was encrypted for",
            ),
            error => self.broken(
                &format!("is not an age file: {error}"),
                "restore the file, or remove it and set its secrets again",
            ),
        }
    }

    fn unusable(&self, error: &impl std::fmt::Display) -> Error {
        Error::config(
            format!("cannot use the age identity {}: {error}", self.identity.display()),
            "use an X25519 identity, as created by `age-keygen`",
        )
    }

    fn broken(&self, how: &str, remedy: &str) -> Error {
        Error::config(format!("{} {how}", self.secrets.display()), remedy)
    }
}

fn encrypt(recipients: &[Box<dyn Recipient + Send>], text: &[u8]) -> io::Result<Vec<u8>> {
    let recipients = recipients.iter().map(|it| &**it as &dyn Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let mut sealed = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    writer.write_all(text)?;
    writer.finish()?.finish()?;
    Ok(sealed)
}
