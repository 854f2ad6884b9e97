//! Where the daemon takes requests on each platform.

use crate::client::program::Door;

/// The sockets of Tailscale's packages, of Synology, QNAP and gokrazy.
#[cfg(all(unix, not(target_os = "macos")))]
const SOCKETS: &[&str] = &[
    "/var/run/tailscale/tailscaled.sock",
    "/var/packages/Tailscale/var/tailscaled.sock",
    "/var/packages/Tailscale/etc/tailscaled.sock",
    "/tmp/tailscale/tailscaled.sock",
    "/perm/tailscaled/tailscaled.sock",
];
#[cfg(target_os = "macos")]
const SOCKETS: &[&str] = &["/var/run/tailscaled.socket"];

/// Where to look, in this order.
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn doors() -> Vec<Door> {
    SOCKETS.iter().map(|it| Door::Socket(it.into())).collect()
}

/// Where to look, in this order: the app's port, then the socket of the open-source daemon.
#[cfg(target_os = "macos")]
pub(super) fn doors() -> Vec<Door> {
    let app = macos::standalone().or_else(macos::app_store);
    app.into_iter().chain(SOCKETS.iter().map(|it| Door::Socket(it.into()))).collect()
}

/// Where to look.
#[cfg(windows)]
pub(super) fn doors() -> Vec<Door> {
    vec![Door::Pipe(r"\\.\pipe\ProtectedPrefix\Administrators\Tailscale\tailscaled".to_owned())]
}

/// Where it was looked for, for an error.
pub(super) fn looked() -> String {
    let names = doors().into_iter().map(|door| match door {
        Door::Socket(path) => path.display().to_string(),
        Door::Pipe(name) => name,
        Door::Port(port, _) => format!("port {port}"),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The password and the port of the macOS apps.
#[cfg(any(target_os = "macos", test))]
mod macos {
    use secrecy::SecretString;

    use crate::client::program::Door;

    /// The app of Tailscale's own package: a link whose target is the port, and a file with the password.
    #[cfg(target_os = "macos")]
    pub(super) fn standalone() -> Option<Door> {
        let folder = std::path::Path::new("/Library/Tailscale");
        let port = std::fs::read_link(folder.join("ipnport")).ok()?;
        let port = port.to_str()?.parse().ok()?;
        let password =
            std::fs::read_to_string(folder.join(format!("sameuserproof-{port}"))).ok()?;
        Some(door(port, password.trim()))
    }

    /// The app of the App Store: both are in the name of a file that it has open.
    #[cfg(target_os = "macos")]
    pub(super) fn app_store() -> Option<Door> {
        let user = rustix::process::getuid().as_raw().to_string();
        let listed = std::process::Command::new("lsof")
            .args(["-n", "-a", &format!("-u{user}"), "-c", "IPNExtension", "-F"])
            .output()
            .ok()?;
        open_file(&String::from_utf8_lossy(&listed.stdout))
    }

    /// The port and the password in `lsof`'s list of open files.
    pub(super) fn open_file(listed: &str) -> Option<Door> {
        listed.lines().find_map(|line| {
            let (folder, proof) = line.split_once("/sameuserproof-")?;
            let (port, password) = proof.split_once('-')?;
            let is_ours = folder.ends_with(".tailscale.ipn.macos");
            let port = port.parse().ok().filter(|_| is_ours && !password.is_empty())?;
            Some(door(port, password))
        })
    }

    fn door(port: u16, password: &str) -> Door {
        Door::Port(port, SecretString::from(password))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{Door, macos::open_file};

    #[test]
    fn the_app_store_app_has_its_password_in_the_name_of_a_file() {
        let listed = "p501\nfcwd\nn/\nf12\nn/Users/ann/Library/Group Containers/W5364U7YZB.\
                      io.tailscale.ipn.macos/sameuserproof-49172-0a1b2c3d\n";
        let Some(Door::Port(port, password)) = open_file(listed) else { unreachable!() };
        assert_eq!((port, password.expose_secret()), (49172, "0a1b2c3d"));
    }

    #[test]
    fn a_file_of_another_program_is_no_password() {
        assert!(open_file("n/tmp/sameuserproof-49172-0a1b2c3d").is_none());
        assert!(open_file("n/x.tailscale.ipn.macos/sameuserproof-port-0a1b").is_none());
        assert!(open_file("n/x.tailscale.ipn.macos/sameuserproof-1-").is_none());
        assert!(open_file("").is_none());
    }
}
