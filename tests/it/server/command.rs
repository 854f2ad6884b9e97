//! The commands: `token`, and what `serve --http` refuses to start with.

use std::process::Output;

use crate::{cli::command_line::program, support::http::token_file};

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn out(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The refusal of a server over HTTP with these options.
fn serve(options: &[&str]) -> String {
    refused(&[&["--sandbox", "serve", "--http"], options].concat())
}

#[test]
fn a_token_is_printed_once_and_listed_by_what_it_may_do() {
    let (_folder, path, _) = token_file();
    let tokens = ["--tokens", path.to_str().unwrap()];
    let token = |arguments: &[&str]| out(&[&["token"], arguments, &tokens].concat());

    let made = token(&["add", "eve", "--read-only", "--toolsets", "devices", "--expires", "30d"]);
    token(&["add", "prometheus", "--metrics"]);
    token(&["add", "inventory", "--tailnet-metrics"]);
    token(&["add", "both", "--metrics", "--tailnet-metrics"]);
    let list = token(&["list"]);
    token(&["remove", "eve"]);

    assert!(made.starts_with("tailsteward_") && made.lines().count() == 1, "{made}");
    assert!(list.contains("ci: all tools of the server"), "{list}");
    assert!(list.contains("eve: read-only tools; toolsets devices; until 20"), "{list}");
    // first-use 30: whole seconds.
    let until = list.lines().find(|it| it.starts_with("eve")).unwrap();
    assert!(until.ends_with('Z') && !until.contains('.'), "{until}");
    assert!(list.contains("prometheus: metrics only"), "{list}");
    assert!(list.contains("inventory: metrics of the tailnet only"), "{list}");
    assert!(list.contains("both: metrics of the server and of the tailnet only"), "{list}");
    assert!(!list.contains(made.trim()) && !token(&["list"]).contains("eve"));
    let unknown = refused(&[&["token", "add", "x", "--toolsets", "device"], &tokens[..]].concat());
    assert!(unknown.contains("did you mean `devices`"), "{unknown}");
}

#[test]
fn it_does_not_start_unguarded_by_accident() {
    let (_folder, path, _) = token_file();
    let path = path.to_str().unwrap();

    let no_token = serve(&[]);
    assert!(no_token.contains("token add") && no_token.contains("--no-auth"), "{no_token}");
    assert!(serve(&["0.0.0.0:0", "--no-auth"]).contains("other machines"));
    assert!(serve(&["0", "--tokens", path, "--stateless"]).contains("openssl rand"));
    assert!(serve(&["0", "--tokens", path, "--allowed-origin", "evil"]).contains("not an origin"));
    assert!(serve(&["0", "--no-auth", "--idle-timeout", "1m"]).contains("long call"));
    let client = serve(&["0", "--tokens", path, "--oauth-client-id", "x"]);
    assert!(client.contains("--oauth-client-id only applies to access tokens"), "{client}");
    assert!(serve(&["nonsense", "--no-auth"]).contains("127.0.0.1:8710"));
    assert!(refused(&["--sandbox", "serve", "--no-auth"]).contains("--http"));
}

/// The refusal of a server over HTTP with a variable.
fn serve_with(name: &str, value: &str, options: &[&str]) -> String {
    let serve = ["--sandbox", "serve", "--http", "0", "--no-auth"];
    let output = program(&[&serve, options].concat()).env(name, value).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_variable_that_is_wrong_is_named_and_not_repeated() {
    let secret = "TAILSTEWARD_WEBHOOK_SECRET";
    for value in ["file:/nowhere/hunter2", " , ,"] {
        let refusal = serve_with(secret, value, &[]);
        assert!(refusal.contains(secret), "{refusal}");
    }
    let off = serve_with(secret, "hunter2", &["--history", "off"]);
    assert!(off.contains("--history") && !off.contains("hunter2"), "{off}");
    let url = "TAILSTEWARD_HEARTBEAT_URL";
    for value in ["hunter2", "ftp://a.example/hunter2", "http://a.example/hunter2"] {
        let refusal = serve_with(url, value, &["--watch"]);
        assert!(refusal.contains(url) && !refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn a_sealing_key_that_is_none_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "c2hvcnQtc2VjcmV0").unwrap();
    let key = key.to_str().unwrap();
    let text = serve(&["0", "--no-auth", "--stateless", "--sealing-key-file", key]);
    assert!(text.contains("32 bytes") && !text.contains("c2hvcnQ"), "{text}");
}

// L12: a sealing key that others could read was used as it was.
#[cfg(unix)]
#[test]
fn a_sealing_key_that_others_could_read_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "c2hvcnQtc2VjcmV0").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();

    serve(&["0", "--no-auth", "--stateless", "--sealing-key-file", key.to_str().unwrap()]);

    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}
