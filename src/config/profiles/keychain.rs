//! The platform's keychain.

use keyring::Entry;
use secrecy::{ExposeSecret, SecretString};

use crate::client::{Error, Result};

const SERVICE: &str = "tailsteward";

/// Stores one secret per profile, outside the config file.
pub trait Keychain: Send + Sync {
    /// Reads the secret of `profile`, if there is one.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the keychain cannot be read.
    fn get(&self, profile: &str) -> Result<Option<SecretString>>;

    /// Stores `secret` for `profile`, replacing an earlier one.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the keychain cannot store it.
    fn set(&self, profile: &str, secret: &SecretString) -> Result<()>;

    /// Deletes the secret of `profile`, which need not exist.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the keychain cannot be changed.
    fn delete(&self, profile: &str) -> Result<()>;
}

/// The platform's keychain: Keychain Services on macOS, Credential Manager on Windows, or the Secret
/// Service of a Linux desktop session.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemKeychain;

impl Keychain for SystemKeychain {
    fn get(&self, profile: &str) -> Result<Option<SecretString>> {
        match with_entry(profile, |entry| entry.get_password()) {
            Ok(secret) => Ok(Some(secret.into())),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    fn set(&self, profile: &str, secret: &SecretString) -> Result<()> {
        with_entry(profile, |entry| entry.set_password(secret.expose_secret()))
            .map_err(|error| failed(&error))
    }

    fn delete(&self, profile: &str) -> Result<()> {
        match with_entry(profile, |entry| entry.delete_credential()) {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Runs `work` on a new thread: the Secret Service client may block on a runtime of its own, which is not
/// allowed on a thread that already runs one.
fn with_entry<T: Send>(
    profile: &str,
    work: impl FnOnce(Entry) -> keyring::Result<T> + Send,
) -> keyring::Result<T> {
    std::thread::scope(|scope| {
        scope
            .spawn(|| Entry::new(SERVICE, profile).and_then(work))
            .join()
            .unwrap_or(Err(keyring::Error::NoDefaultStore))
    })
}

/// Converts an error of the keychain without its text, which may contain the secret.
fn failed(error: &keyring::Error) -> Error {
    use keyring::Error as E;
    let (what, remedy) = match error {
        E::NoDefaultStore | E::PlatformFailure(_) | E::NotSupportedByStore(_) => (
            "no keychain is available",
            "store the secret elsewhere: `tailsteward auth set NAME` with --age, --file or --env",
        ),
        E::NoStorageAccess(_) => {
            ("the keychain is locked or denies access", "unlock it, or use --age or --file")
        }
        E::TooLong(..) => ("the secret is too long for the keychain", "use --age or --file"),
        E::Ambiguous(_) => (
            "the keychain has several secrets for this profile",
            "in the keychain, delete all but one entry of the service `tailsteward`",
        ),
        _ => ("the keychain's entry cannot be read", "set it again: `tailsteward auth set NAME`"),
    };
    Error::config(what, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_keychain_is_told_of_the_other_places() {
        let error = failed(&keyring::Error::NoDefaultStore);

        assert!(error.remedy().is_some_and(|it| it.contains("--age") && it.contains("--file")));
    }

    #[test]
    fn an_entry_that_is_no_text_is_not_printed() {
        let error = failed(&keyring::Error::BadEncoding(b"hunter2\xff".to_vec()));

        assert!(!format!("{error:?} {:?}", error.remedy()).contains("hunter2"));
    }
}
