//! The lists that names, devices and locations are picked from.

use super::super::devices::Hardware;

/// A computer model and its operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    os: &'static str,
    os_version: &'static str,
    distro: Option<(&'static str, &'static str, &'static str)>,
    reports_identity: bool,
}

impl Model {
    /// The hardware with this version of the Tailscale client.
    pub(crate) fn with(self, client_version: &'static str, update_available: bool) -> Hardware {
        let distro = |(name, version, code): (&'static str, &'static str, &'static str)| {
            (name.into(), version.into(), code.into())
        };
        Hardware {
            os: self.os.into(),
            os_version: self.os_version.into(),
            distro: self.distro.map(distro),
            client_version: client_version.into(),
            update_available,
            reports_identity: self.reports_identity,
        }
    }
}

pub(crate) const FIRST_NAMES: &[&str] = &[
    "Alice", "Amara", "Amir", "Ana", "Bao", "Bella", "Ben", "Carla", "Chen", "Clara", "Dana",
    "David", "Diego", "Elena", "Emil", "Eva", "Farah", "Felix", "Grace", "Hana", "Hugo", "Ida",
    "Imani", "Ines", "Ivan", "Jack", "Jana", "Jonas", "Kai", "Kofi", "Lara", "Leo", "Lin", "Luca",
    "Maja", "Marco", "Mei", "Milan", "Mina", "Nadia", "Nia", "Noah", "Nora", "Omar", "Oscar",
    "Paula", "Priya", "Quinn", "Rafael", "Ravi", "Rosa", "Sam", "Sara", "Sofia", "Tariq", "Tessa",
    "Tom", "Uma", "Vera", "Viktor", "Wei", "Yara", "Yusuf", "Zoe",
];

pub(crate) const LAST_NAMES: &[&str] = &[
    "Abbott", "Ahmed", "Baker", "Banerjee", "Becker", "Bianchi", "Brandt", "Castro", "Cohen",
    "Costa", "Diaz", "Dubois", "Eriksen", "Fischer", "Flores", "Fujita", "Garcia", "Greene",
    "Haddad", "Hansen", "Hoffman", "Ibrahim", "Ito", "Jensen", "Kaplan", "Keller", "Khan", "Kim",
    "Kovacs", "Kumar", "Larsen", "Lee", "Lopez", "Mbeki", "Meyer", "Moreau", "Murphy", "Nakamura",
    "Nguyen", "Novak", "Okafor", "Olsen", "Park", "Patel", "Pereira", "Petrov", "Quist", "Reyes",
    "Rossi", "Sato", "Schmidt", "Silva", "Singh", "Stone", "Suzuki", "Tanaka", "Torres", "Ueda",
    "Varga", "Weber", "Wong", "Yilmaz", "Young", "Zhang",
];

/// Client versions, oldest first. Only the last one is up to date.
pub(crate) const CLIENT_VERSIONS: &[&str] = &[
    "1.78.1-t3f2a9c1d0-g51b7e0a4c",
    "1.80.3-tb4c6d2e91-g0e7f3a85d",
    "1.82.5-t7d1e8f3a2-g9c2b4d60f",
    "1.84.2-tc9e5a7b60-g3d8f1e72b",
    "1.86.2-t1a6f4d8c3-ge05b9c3a7",
    "1.88.4-t92b0e7c5d-g6a1d8f4e3",
    "1.90.9-te3d5f1b74-g28c7a0b9d",
    "1.92.3-t5c8a2e6f9-gf4b1d7e30",
];

/// DERP regions with a typical latency to each in microseconds, one list per area.
pub(crate) const REGIONS: &[[(&str, u32); 4]] = &[
    [("New York City", 9_000), ("Toronto", 21_000), ("Chicago", 24_000), ("Dallas", 41_000)],
    [("San Francisco", 8_000), ("Seattle", 24_000), ("Denver", 31_000), ("Dallas", 43_000)],
    [("Frankfurt", 7_000), ("Amsterdam", 14_000), ("Paris", 16_000), ("London", 19_000)],
    [("Singapore", 11_000), ("Hong Kong", 39_000), ("Tokyo", 71_000), ("Sydney", 96_000)],
];

pub(crate) const UNKNOWN: Model =
    Model { os: "linux", os_version: "6.8.0-51-generic", distro: None, reports_identity: false };

const UBUNTU: Model = Model { distro: Some(("ubuntu", "24.04", "noble")), ..UNKNOWN };
const JAMMY: Model = Model {
    os_version: "5.15.0-130-generic",
    distro: Some(("ubuntu", "22.04", "jammy")),
    ..UNKNOWN
};
const DEBIAN: Model =
    Model { os_version: "6.1.0-28-amd64", distro: Some(("debian", "12.8", "bookworm")), ..UNKNOWN };
const FEDORA: Model =
    Model { os_version: "6.12.9-200.fc41.x86_64", distro: Some(("fedora", "41", "")), ..UNKNOWN };

pub(crate) const SERVERS: &[Model] = &[UBUNTU, UBUNTU, JAMMY, DEBIAN];
pub(crate) const LINUX_LAPTOPS: &[Model] = &[UBUNTU, FEDORA, DEBIAN];
pub(crate) const MACS: &[Model] = &[
    Model { os: "macOS", os_version: "15.2.0", reports_identity: true, ..UNKNOWN },
    Model { os: "macOS", os_version: "14.7.2", reports_identity: true, ..UNKNOWN },
];
pub(crate) const WINDOWS: &[Model] = &[
    Model { os: "windows", os_version: "10.0.26100.2605", reports_identity: true, ..UNKNOWN },
    Model { os: "windows", os_version: "10.0.19045.5247", reports_identity: true, ..UNKNOWN },
];
pub(crate) const IPHONES: &[Model] = &[
    Model { os: "iOS", os_version: "18.2.0", ..UNKNOWN },
    Model { os: "iOS", os_version: "17.7.2", ..UNKNOWN },
];
pub(crate) const ANDROIDS: &[Model] = &[
    Model { os: "android", os_version: "15", ..UNKNOWN },
    Model { os: "android", os_version: "14", ..UNKNOWN },
];
