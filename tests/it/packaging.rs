//! What packages say of the program: name, version, environment variables and which of these are secret. It is in one
//! place each, `Cargo.toml` and `packaging/environment.toml`; here it is compared with the code, with `--help`, and with
//! every manifest that `packaging/pack` makes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use toml_edit::DocumentMut;

use crate::cli::command_line::program;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The subcommands whose help has variables that the main help lacks.
const COMMANDS: &[&[&str]] = &[&["--help"], &["serve", "--help"], &["watch", "--help"]];

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// A variable of the table.
struct Variable {
    secret: bool,
    asked: bool,
    default: Option<String>,
}

fn table() -> BTreeMap<String, Variable> {
    let document: DocumentMut = read("packaging/environment.toml").parse().unwrap();
    let variables = document["variable"].as_array_of_tables().unwrap();
    let flag = |it: Option<&toml_edit::Item>| it.is_some_and(|it| it.as_bool().unwrap());
    let row = |it: &toml_edit::Table| {
        let row = Variable {
            secret: flag(it.get("secret")),
            asked: flag(it.get("ask")),
            default: it.get("default").map(|it| it.as_str().unwrap().to_owned()),
        };
        (it["name"].as_str().unwrap().to_owned(), row)
    };
    let rows: BTreeMap<_, _> = variables.iter().map(row).collect();
    assert_eq!(rows.len(), variables.len(), "a variable is in the table twice");
    rows
}

/// The names between double quotes that look like one of our variables, in all code of the program.
fn read_by_the_code() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![Path::new(ROOT).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let ours = text.split('"').filter(|it| {
                let rest = it.strip_prefix("TAILSTEWARD_").or(it.strip_prefix("TAILSCALE_"));
                rest.is_some_and(|it| !it.is_empty() && it.bytes().all(is_of_a_name))
            });
            names.extend(ours.map(str::to_owned));
        }
    }
    names
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_'
}

#[test]
fn the_table_of_variables_has_those_that_the_code_reads() {
    let named: BTreeSet<_> = table().into_keys().collect();
    assert_eq!(named, read_by_the_code());
}

#[test]
fn the_configuration_guide_has_every_variable() {
    let guide = read("docs/configuration.md");
    let words: BTreeSet<_> =
        guide.split(|it: char| !(it.is_ascii_uppercase() || it == '_')).collect();
    // Hidden in the help, too: tests look at a Funnel through it.
    for (name, _) in table().iter().filter(|it| it.0 != "TAILSTEWARD_FUNNEL_INGRESS") {
        assert!(words.contains(name.as_str()), "{name} is not in docs/configuration.md");
    }
}

/// clap prints `[env: NAME=value]`, and `[env: NAME]` for a variable whose value it hides.
#[test]
fn help_hides_the_values_of_secret_variables_and_of_no_others() {
    let table = table();
    let mut seen = BTreeSet::new();
    for arguments in COMMANDS {
        let output = program(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for part in text.split("[env: ").skip(1) {
            let (inside, _) = part.split_once(']').unwrap();
            let name = inside.split('=').next().unwrap();
            let variable = table.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
            assert_eq!(variable.secret, !inside.contains('='), "{name} in {arguments:?}");
            seen.insert(name.to_owned());
        }
    }
    assert!(seen.contains("TAILSTEWARD_STORE") && seen.len() > 20, "{seen:?}");
}

fn facts() -> (String, String) {
    let cargo: DocumentMut = read("Cargo.toml").parse().unwrap();
    let fact = |it: &toml_edit::Item| it.as_str().unwrap().to_owned();
    let repository = fact(&cargo["workspace"]["package"]["repository"]);
    (fact(&cargo["package"]["description"]), repository)
}

/// Variables as manifests list them, by name: whether they are secret, and their defaults.
fn agrees(variables: BTreeMap<String, (bool, Option<String>)>, of: &str) {
    let asked = table().into_iter().filter(|it| it.1.asked);
    let expected: BTreeMap<_, _> =
        asked.map(|(name, it)| (name, (it.secret, it.default))).collect();
    assert_eq!(variables, expected, "{of}");
}

fn server_json_agrees(server: &Value) {
    let (description, repository) = facts();
    let owner = repository.rsplit('/').nth(1).unwrap();
    assert_eq!(server["name"], format!("io.github.{owner}/tailsteward"));
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(server["repository"]["url"], repository);
    assert!(description.starts_with(server["description"].as_str().unwrap()));
    let packages = server["packages"].as_array().unwrap();
    assert!(packages.len() >= 3);
    for package in packages {
        let identifier = package["identifier"].as_str().unwrap();
        assert!(identifier.contains("tailsteward"), "{identifier}");
        match package["registryType"].as_str().unwrap() {
            "oci" => assert!(identifier.ends_with(concat!(":", env!("CARGO_PKG_VERSION")))),
            _ => assert_eq!(package["version"], env!("CARGO_PKG_VERSION")),
        }
        let listed = package["environmentVariables"].as_array().unwrap().iter().map(|it| {
            let default = it["default"].as_str().map(str::to_owned);
            let name = it["name"].as_str().unwrap().to_owned();
            (name, (it["isSecret"].as_bool().unwrap_or(false), default))
        });
        agrees(listed.collect(), identifier);
    }
}

#[test]
fn server_json_agrees_with_cargo_and_the_table() {
    server_json_agrees(&json("server.json"));
}

#[test]
fn the_image_is_labelled_with_what_cargo_says_and_runs_as_nobody() {
    let file = read("packaging/Containerfile");
    let builder = read("packaging/image");
    for (label, argument, fact) in [
        ("org.opencontainers.image.title", "NAME", "name"),
        ("org.opencontainers.image.version", "VERSION", "version"),
        ("org.opencontainers.image.source", "REPOSITORY", "repository"),
        ("io.modelcontextprotocol.server.name", "MCP_NAME", "mcp_name"),
    ] {
        assert!(file.contains(&format!("{label}=\"${{{argument}}}\"")), "{label}");
        let passed = [format!("{argument}=$(value {fact})"), format!("{argument}=${fact}")];
        assert!(passed.iter().any(|it| builder.contains(it.as_str())), "{argument}");
    }
    assert!(file.contains("\nUSER 65532:65532\n") && file.contains("\nFROM scratch\n"));
    let secret = table().into_iter().filter(|it| it.1.secret).map(|it| it.0);
    for name in secret {
        assert!(!file.contains(&name), "{name} would be in the layers of the image");
    }
}

/// Python 3.11 or later, which the packages are made with.
fn python() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|name| {
        let output = Command::new(name).args(["-c", "import tomllib"]).output();
        output.is_ok_and(|it| it.status.success())
    })
}

/// The manifests of all packages, made anew; `None` on a machine without Python.
fn manifests(folder: &Path) -> Option<()> {
    let Some(python) = python() else {
        println!("skipped: without Python 3.11 no package is made");
        return None;
    };
    let output = Command::new(python)
        .args(["-B", "packaging/pack", "--manifests"])
        .arg(folder)
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

fn folders(path: PathBuf) -> Vec<PathBuf> {
    let found: Vec<_> = fs::read_dir(path).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(found.len() >= 5);
    found
}

#[test]
fn every_manifest_agrees_with_cargo_and_the_table() {
    let folder = tempfile::tempdir().unwrap();
    if manifests(folder.path()).is_none() {
        return;
    }
    let made = json(folder.path().join("server.json"));
    server_json_agrees(&made);
    assert_eq!(made, json("server.json"), "run `packaging/pack --server-json`, and commit it");
    npm_agrees(folder.path());
    for folder in folders(folder.path().join("wheels")) {
        let name = concat!("tailsteward-", env!("CARGO_PKG_VERSION"), ".dist-info/METADATA");
        let metadata = read(folder.join(name));
        for line in [
            "Name: tailsteward".to_owned(),
            format!("Version: {}", env!("CARGO_PKG_VERSION")),
            format!("Summary: {}", facts().0),
            format!("<!-- mcp-name: {} -->", made["name"].as_str().unwrap()),
        ] {
            assert!(metadata.lines().any(|it| it == line), "no line `{line}`");
        }
    }
    for folder in folders(folder.path().join("mcpb")) {
        bundle_agrees(&json(folder.join("manifest.json")));
    }
}

fn npm_agrees(folder: &Path) {
    let wrapper = json(folder.join("npm/tailsteward/package.json"));
    assert_eq!(wrapper["mcpName"], json("server.json")["name"]);
    let mut platforms = BTreeSet::new();
    for folder in folders(folder.join("npm")) {
        let package = json(folder.join("package.json"));
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
        assert!(package.get("scripts").is_none(), "something runs when it is installed");
        if package["name"] != "tailsteward" {
            platforms.insert(package["name"].as_str().unwrap().to_owned());
        }
    }
    let optional = wrapper["optionalDependencies"].as_object().unwrap();
    assert_eq!(optional.keys().cloned().collect::<BTreeSet<_>>(), platforms);
    assert!(optional.values().all(|it| it == env!("CARGO_PKG_VERSION")));
}

fn bundle_agrees(manifest: &Value) {
    assert_eq!(manifest["name"], "tailsteward");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let settings = manifest["user_config"].as_object().unwrap();
    let passed = manifest["server"]["mcp_config"]["env"].as_object().unwrap();
    let listed = passed.iter().map(|(name, value)| {
        let key = value.as_str().unwrap();
        let key = key.strip_prefix("${user_config.").unwrap().strip_suffix('}').unwrap();
        let setting = &settings[key];
        let default = setting["default"].as_str().unwrap();
        let default = (!default.is_empty()).then(|| default.to_owned());
        (name.clone(), (setting["sensitive"].as_bool().unwrap_or(false), default))
    });
    agrees(listed.collect(), "the bundle");
}
