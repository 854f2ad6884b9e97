//! Settings from variables alone.

use super::*;

#[test]
fn an_api_key_comes_before_an_oauth_client() {
    let settings = from(&[
        ("TAILSCALE_API_KEY", "tskey-api-1"),
        ("TAILSCALE_OAUTH_CLIENT_ID", "k1"),
        ("TAILSCALE_OAUTH_CLIENT_SECRET", "tskey-client-1"),
    ])
    .unwrap();

    assert_eq!(secret(&settings), "tskey-api-1");
    assert_eq!(settings.tailnet, "-");
    assert_eq!(settings.base_url, "https://api.tailscale.com");
}

#[test]
fn an_oauth_secret_comes_before_an_identity_token() {
    let settings = from(&[
        ("TAILSCALE_OAUTH_CLIENT_ID", "k1"),
        ("TAILSCALE_OAUTH_CLIENT_SECRET", "tskey-client-1"),
        ("TAILSCALE_IDENTITY_TOKEN", "a.b.c"),
    ])
    .unwrap();

    assert_eq!(settings.credential.kind(), "OAuth client");
}

#[test]
fn names_of_the_terraform_provider_without_prefix_count_last() {
    let both = from(&[
        ("OAUTH_CLIENT_ID", "old"),
        ("OAUTH_CLIENT_SECRET", "tskey-client-old"),
        ("TAILSCALE_OAUTH_CLIENT_SECRET", "tskey-client-new"),
    ])
    .unwrap();
    let token = from(&[("OAUTH_CLIENT_ID", "k1"), ("IDENTITY_TOKEN", "a.b.c")]).unwrap();

    assert_eq!(secret(&both), "tskey-client-new");
    assert!(matches!(both.credential, Credential::OAuth { client_id, .. } if client_id == "old"));
    assert_eq!(token.credential.kind(), "federated identity");
}

#[test]
fn a_blank_variable_is_as_good_as_none() {
    let error = from(&[("TAILSCALE_API_KEY", " ")]).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NoCredential);
    assert!(error.remedy().unwrap().contains("TAILSCALE_API_KEY"));
}

#[test]
fn a_value_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (key, rate) = (folder.path().join("key"), folder.path().join("rate"));
    fs::write(&key, "tskey-api-1\n").unwrap();
    fs::write(&rate, "2.5\n").unwrap();

    let settings = from(&[
        ("TAILSCALE_API_KEY", &format!("file:{}", key.display())),
        ("TAILSTEWARD_RATE", &format!("file:{}", rate.display())),
        ("TAILSTEWARD_CA_FILE", &key.display().to_string()),
    ])
    .unwrap();

    assert_eq!(secret(&settings), "tskey-api-1");
    assert!((settings.rate - 2.5).abs() < f64::EPSILON);
    assert_eq!(settings.ca_file, Some(key));
}

#[test]
fn limits_are_taken_from_variables() {
    let settings = from_with_key("TAILSTEWARD_BURST", "3").unwrap();
    assert_eq!(settings.burst.get(), 3);

    let settings = from_with_key("TAILSTEWARD_DEADLINE_SECONDS", "90").unwrap();
    assert_eq!(settings.deadline, Duration::from_secs(90));

    let settings = from_with_key("TAILSCALE_TAILNET", "acme.example").unwrap();
    assert_eq!(settings.tailnet, "acme.example");
}

#[test]
fn a_value_out_of_range_is_refused_by_name_and_not_repeated() {
    for (name, value) in [
        ("TAILSTEWARD_RATE", "0"),
        ("TAILSTEWARD_RATE", "-2"),
        ("TAILSTEWARD_RATE", "NaN"),
        ("TAILSTEWARD_RATE", "inf"),
        ("TAILSTEWARD_RATE", "1e-300"),
        ("TAILSTEWARD_RATE", "hunter2"),
        ("TAILSTEWARD_BURST", "0"),
        ("TAILSTEWARD_BURST", "2.5"),
        ("TAILSTEWARD_DEADLINE_SECONDS", "18446744073709551615"),
        ("TAILSTEWARD_DEADLINE_SECONDS", "0"),
        ("TAILSCALE_TAILNET", "a/b"),
        ("TAILSTEWARD_CA_FILE", "/nowhere/hunter2.pem"),
        ("TAILSCALE_BASE_URL", "hunter2"),
    ] {
        let error = from_with_key(name, value).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Config, "{name}={value}");
        assert!(error.to_string().starts_with(&format!("{name} must ")), "{error}");
        assert!(!whole(&error).contains("hunter2"), "{error}");
    }
}

#[test]
fn a_base_url_is_https_or_on_loopback() {
    for url in [
        "https://api.example.com",
        "https://proxy.example.com/tailscale/",
        "http://127.0.0.1:8080",
        "http://127.8.8.8",
        "http://[::1]:8080",
        "http://localhost:8080",
        "http://api.localhost",
    ] {
        assert_eq!(from_with_key("TAILSCALE_BASE_URL", url).unwrap().base_url, url);
    }
    for url in [
        "http://api.tailscale.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "ftp://api.tailscale.com",
        "api.tailscale.com",
        "https://",
        "unix:/run/socket",
        "https://user:hunter2@api.tailscale.com",
        "https://api.tailscale.com/?a=b",
    ] {
        let error = from_with_key("TAILSCALE_BASE_URL", url).unwrap_err();
        assert!(!whole(&error).contains("hunter2"), "{error}");
    }
}
