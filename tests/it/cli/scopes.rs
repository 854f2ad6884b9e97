//! `tailsteward scopes`: the least that a credential has to allow.

use std::collections::BTreeSet;

use serde_json::Value;
use tailsteward::{
    Credential, Settings, Tailnet,
    catalogue::{self, Offer, Selectors, ToolSelection},
    sandbox::Sandbox,
    tool::Risk,
};

use crate::{cli::command_line::program, support::tailnet::sandbox};

fn scopes(words: &[&str]) -> Vec<String> {
    let output = program(&["scopes", "--json"]).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(answer["scopes"].clone()).unwrap()
}

#[test]
fn what_writes_reads_too_and_tags_are_asked_for() {
    assert_eq!(scopes(&["dns"]), ["dns:read"]);
    assert_eq!(scopes(&["dns", "--access", "change"]), ["dns"]);
    let output = program(&["scopes", "key_management", "--access", "danger"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("api_access_tokens\nauth_keys\n"), "{text}");
    assert!(text.contains("auth_keys needs tags"), "{text}");
}

#[test]
fn toolsets_are_named_once_and_by_their_names() {
    for (words, message) in [
        (["dns", "--toolsets", "users"].as_slice(), "are given twice"),
        (&["usrs"], "unknown toolset `usrs`; did you mean `users`"),
    ] {
        let output = program(&["scopes"]).args(words).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(message), "{error}");
    }
}

/// With these scopes and no others, every tool is offered; and each of them is there for a tool.
#[tokio::test]
async fn they_are_enough_and_none_is_too_many() {
    let (sandbox, _tailnet) = sandbox().await;
    for access in [Risk::Read, Risk::Danger] {
        let least = scopes(&["all", "--access", access.to_string().as_str()]);
        let mut words = Selectors::default();
        words.toolsets = vec!["all".to_owned()];
        let offered = |scopes: Vec<String>| -> BTreeSet<&str> {
            let choice = ToolSelection::read(&words).unwrap();
            Offer::new(access, choice, scopes).tools().map(|it| it.name).collect()
        };
        let all = offered(Vec::new());
        assert_eq!(offered(least.clone()), all);
        for scope in &least {
            let needs =
                |name: &&str| catalogue::named(name).unwrap().scopes().contains(scope.as_str());
            assert!(all.iter().any(needs), "{access}: {scope} is not needed");
        }
    }
    // The sandbox knows each of them.
    let client = Credential::OAuth {
        client_id: Sandbox::OAUTH_CLIENT_ID.into(),
        client_secret: Sandbox::OAUTH_CLIENT_SECRET.into(),
        scopes: scopes(&["all", "--access", "danger"]),
    };
    let mut settings = Settings::new(client);
    settings.base_url = sandbox.base_url();
    assert!(Tailnet::new(settings).devices().list().await.is_ok());
}
