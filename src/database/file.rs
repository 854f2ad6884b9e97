//! The file of a database.

use std::path::Path;

use super::Purpose;
use crate::client::Result;

/// Creates the file and its folder, readable only by the owner.
pub(super) fn prepare(path: &Path, purpose: Purpose) -> Result<()> {
    let name = purpose.name();
    let failed = |error: std::io::Error| {
        purpose.error(
            format!("the {name} {}: {error}", path.display()),
            format!("keep the {name} in another file, or in memory"),
        )
    };
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
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
