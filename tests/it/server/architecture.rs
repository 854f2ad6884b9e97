//! Who may know whom. The compiler cannot see it; this can.

use std::{fs, path::Path};

/// (files whose path contains this, may not mention this, because)
const RULES: &[(&str, &str, &str)] = &[
    ("src/", "rmcp::", "only src/mcp/ and src/server/ know the protocol"),
    ("src/mcp/", "crate::server", "the protocol does not know how it is reached"),
    ("src/server/", "crate::cli::", "the transports do not know who starts them"),
    ("src/", "reqwest::Client", "requests leave the process in src/client/ only"),
    ("src/", "crate::sandbox", "only the command line starts the sandbox"),
    ("src/", "std::env::var", "configuration is read in src/config/ only"),
    ("/tools", "crate::api", "a tool talks to its domain, never to the generated client"),
    ("src/tailnet/", "crate::mcp", "a domain does not know who serves it"),
    ("src/tailnet/", "crate::cli", "a domain does not know who serves it"),
    ("src/policy/", "crate::client", "the policy engine is pure"),
    ("src/policy/", "crate::tailnet", "the policy engine is pure"),
    ("src/policy/", "tokio", "the policy engine is pure"),
    ("src/policy/", "async ", "the policy engine is pure"),
    ("src/client/", "crate::tailnet", "the transport knows no domain"),
    ("src/client/", "crate::tool", "the transport knows no tool"),
    ("src/sandbox/", "crate::client", "the sandbox shares nothing with the client it tests"),
    ("src/sandbox/", "crate::api", "the sandbox shares nothing with the client it tests"),
    ("src/sandbox/", "crate::tailnet", "the sandbox shares nothing with the client it tests"),
    ("src/sandbox/", "crate::wire", "the sandbox shares nothing with the client it tests"),
];

/// Where a rule does not hold.
const EXCEPT: &[(&str, &str)] = &[
    ("src/mcp/", "rmcp::"),
    ("src/server/", "rmcp::"),
    ("src/client/", "reqwest::Client"),
    ("src/cli/", "crate::sandbox"),
    ("src/sandbox/", "crate::sandbox"),
    ("src/config/", "std::env::var"),
];

/// As long as a file gets before somebody splits it.
const MAX_FILE_LINES: usize = 420;

#[test]
fn the_layers_point_one_way() {
    let mut broken = Vec::new();
    visit(Path::new("src"), &mut |path, text| {
        for (place, word, because) in RULES {
            let excused = EXCEPT.iter().any(|(at, what)| path.contains(at) && what == word);
            if path.contains(place) && text.contains(word) && !excused {
                broken.push(format!("{path} mentions `{word}`: {because}"));
            }
        }
    });
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut long = Vec::new();
    for folder in ["src", "build", "tests"] {
        visit(Path::new(folder), &mut |path, text| {
            let lines = text.lines().count();
            if lines > MAX_FILE_LINES {
                long.push(format!("{path}: {lines} lines; split it"));
            }
        });
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// The crate, organisation and registry entry of that name belong to another project.
#[test]
fn the_old_name_is_nowhere() {
    let old = [["tailscale", "mcp"].join("-"), ["tailscale", "mcp"].join("_")];
    let mut found = Vec::new();
    for_each_file(Path::new("."), &mut |path| {
        // What is no text has no names in it.
        let text = fs::read_to_string(path).unwrap_or_default().to_lowercase();
        let name = path.to_string_lossy().to_lowercase();
        if old.iter().any(|old| text.contains(old) || name.contains(old)) {
            found.push(path.display().to_string());
        }
    });
    assert!(found.is_empty(), "the old name is another project's: {found:?}");
}

fn visit(folder: &Path, check: &mut impl FnMut(&str, &str)) {
    for_each_file(folder, &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.to_str().unwrap().replace('\\', "/");
            check(&name, &fs::read_to_string(path).unwrap());
        }
    });
}

fn for_each_file(folder: &Path, visit: &mut impl FnMut(&Path)) {
    const NOT_OURS: &[&str] = &[".git", "target", "node_modules"];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !NOT_OURS.contains(&name.as_ref()) {
            for_each_file(&path, visit);
        } else if path.is_file() {
            visit(&path);
        }
    }
}
