//! The file of a database.

use std::{io::Read as _, path::Path};

use super::Purpose;
use crate::client::Result;

/// What an `SQLite` file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Creates the file and its folder, readable only by the owner.
pub(super) fn prepare(path: &Path, purpose: Purpose) -> Result<()> {
    let name = purpose.name();
    let failed = |error: std::io::Error| {
        purpose.error(
            format!("the {name} {}: {error}", path.display()),
            if error.kind() == std::io::ErrorKind::PermissionDenied {
                format!(
                    "name another file; the {name} of another user is private: run this as that user, or keep \
                     the {name} in a Postgres database, which several users can open"
                )
            } else {
                format!("keep the {name} in another file")
            },
        )
    };
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    is_database(path).map_err(failed)?;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    // A file that was there already may be readable by others.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let own = std::fs::Permissions::from_mode(mode & 0o700);
            file.set_permissions(own).map_err(failed)?;
            tracing::warn!(
                path = %path.display(),
                "the {name} could be read by others; now it cannot"
            );
        }
    }
    drop(file);
    Ok(())
}

/// An error if there is a file that is something else: it must not be touched.
fn is_database(path: &Path) -> std::io::Result<()> {
    let mut start = [0; MAGIC.len()];
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let is_whole = file.read_exact(&mut start).is_ok();
    if is_whole && start == *MAGIC {
        Ok(())
    } else {
        Err(std::io::Error::other("is not a database"))
    }
}
