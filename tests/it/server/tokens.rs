//! Tokens come and go while the server runs.

use std::{fs, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use tailsteward::{
    ErrorKind,
    server::{NewToken, TokenFile, Tokens},
};

use crate::support::http::{Served, add_token, initialize, token_file};

#[tokio::test]
async fn a_removed_token_stops_at_once_and_so_do_its_sessions_and_streams() {
    let (served, token) = Served::guarded(|_| {}).await;
    let other = add_token(&served.tokens, "other", &NewToken::default());
    let session = served.session(&token).await;
    let others = served.session(&other).await;
    let listening = |token: &str, session: &str| {
        let get = served.get("/mcp").bearer_auth(token).header("mcp-session-id", session);
        get.header("accept", "text/event-stream").send()
    };
    let stream = listening(&token, &session).await.unwrap();
    assert_eq!(stream.status(), 200);

    TokenFile::load(&served.tokens).unwrap().remove("ci").unwrap();

    assert_eq!(served.initialize(&token).await.status(), 401);
    assert_eq!(listening(&token, &session).await.unwrap().status(), 401);
    // It would go on for ever.
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.bytes()).await;
    assert!(ended.is_ok(), "the stream of a removed token goes on");
    assert_eq!(listening(&other, &others).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_token_made_anew_does_not_inherit_sessions() {
    let (served, token) = Served::guarded(|_| {}).await;
    let session = served.session(&token).await;
    TokenFile::load(&served.tokens).unwrap().remove("ci").unwrap();
    let token = add_token(&served.tokens, "ci", &NewToken::default());

    let request = served.post(&initialize()).bearer_auth(&token);
    let response = request.header("mcp-session-id", session).send().await.unwrap();

    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let (served, _) = Served::guarded(|_| {}).await;
    let expires = |seconds: i64| NewToken {
        expires: Some(Timestamp::now() + SignedDuration::from_secs(seconds)),
        ..NewToken::default()
    };
    let past = add_token(&served.tokens, "past", &expires(-1));
    let future = add_token(&served.tokens, "future", &expires(3600));

    assert_eq!(served.initialize(&past).await.status(), 401);
    assert_eq!(served.initialize(&future).await.status(), 200);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_lets_nobody_in_until_it_is_mended() {
    let (served, token) = Served::guarded(|_| {}).await;
    let text = fs::read_to_string(&served.tokens).unwrap();

    fs::write(&served.tokens, "tokens = oops").unwrap();
    assert_eq!(served.initialize(&token).await.status(), 401);
    fs::write(&served.tokens, text).unwrap();
    assert_eq!(served.initialize(&token).await.status(), 200);
}

#[test]
fn the_file_holds_hashes_and_what_people_wrote_in_it() {
    let (_folder, path, token) = token_file();
    let mut text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&token) && token.len() > 43, "{text}");
    text.push_str("# mine\n");
    fs::write(&path, text).unwrap();
    add_token(&path, "reader@example.com", &NewToken { read_only: true, ..NewToken::default() });

    let text = fs::read_to_string(&path).unwrap();
    let file = TokenFile::load(&path).unwrap();
    let names: Vec<(&str, bool)> = file.grants().map(|it| (it.0, it.1.read_only)).collect();
    assert_eq!(names, [("ci", false), ("reader@example.com", true)]);
    assert!(text.contains("# mine"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn what_is_wrong_with_a_file_of_tokens_is_said() {
    let (_folder, path, token) = token_file();
    let mut file = TokenFile::load(&path).unwrap();
    for name in ["", "a b", "local", "a/b"] {
        assert_eq!(
            file.add(name, &NewToken::default()).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }
    let second = file.add("ci", &NewToken::default()).unwrap_err();
    assert!(second.remedy().unwrap().contains("token remove ci"), "{second}");
    let unknown = file.remove("cd").unwrap_err();
    assert!(unknown.to_string().contains("unknown token `cd`; known tokens: ci"), "{unknown}");

    for text in ["tokens = 1", "[tokens.a]\nsha256 = 'short'", "[tokens.a]\nsecret = 1", "[[["] {
        fs::write(&path, text).unwrap();
        let error = TokenFile::load(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(!error.to_string().contains(&token));
    }
    file.remove("ci").unwrap();
    let none = Tokens::open(&path).unwrap_err();
    assert!(none.to_string().contains("no tokens") && none.remedy().is_some(), "{none}");
    assert!(Tokens::open(Path::new("/nowhere/tokens.toml")).is_err());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_write_is_not_taken() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path, _) = token_file();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();

    let error = Tokens::open(&path).unwrap_err();

    assert!(error.remedy().unwrap().contains("chmod 600"), "{error}");
}

#[test]
fn two_tokens_are_never_the_same() {
    let (_folder, path, first) = token_file();
    let mut file = TokenFile::load(&path).unwrap();
    let second = file.add("second", &NewToken::default()).unwrap();
    assert_ne!(first, second.expose_secret());
    assert!(!format!("{second:?}{file:?}").contains(&second.expose_secret()[6..]));
}

// M6: the remedy that the error names let nobody back in, and looser rights were not noticed.
#[cfg(unix)]
#[tokio::test]
async fn rights_of_the_file_count_as_soon_as_they_change() {
    use std::os::unix::fs::PermissionsExt as _;
    let (served, token) = Served::guarded(|_| {}).await;
    assert_eq!(served.initialize(&token).await.status(), 200);
    let mode =
        |mode| fs::set_permissions(&served.tokens, fs::Permissions::from_mode(mode)).unwrap();

    mode(0o666);
    assert_eq!(served.initialize(&token).await.status(), 401, "others may write it");
    mode(0o600);
    assert_eq!(served.initialize(&token).await.status(), 200, "as the remedy says");
}

#[tokio::test]
async fn a_token_with_hours_is_refused_outside_of_them_and_its_streams_end() {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).weekday();
    let later = DAYS[(usize::try_from(today.to_monday_zero_offset()).unwrap() + 3) % 7];
    let (served, _) = Served::guarded(|_| {}).await;
    let hours = |text: &str| NewToken { hours: vec![text.parse().unwrap()], ..NewToken::default() };
    let closed = add_token(&served.tokens, "closed", &hours(&format!("{later} 00:00-24:00 UTC")));
    let open = add_token(&served.tokens, "open", &hours("mon-sun 00:00-24:00 Europe/Berlin"));

    assert_eq!(served.initialize(&open).await.status(), 200);
    let refused = served.initialize(&closed).await;
    assert_eq!(refused.status(), 403);
    let text = refused.text().await.unwrap();
    assert!(
        text.contains(&format!("be used during `{later} 00:00-24:00 UTC`; call again after ")),
        "{text}"
    );

    // The hours become shorter while a stream is open.
    let session = served.session(&open).await;
    let stream = served.get("/mcp").bearer_auth(&open).header("mcp-session-id", session);
    let stream = stream.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let text = fs::read_to_string(&served.tokens).unwrap();
    fs::write(
        &served.tokens,
        text.replace("mon-sun 00:00-24:00 Europe/Berlin", &format!("{later} 00:00-24:00 UTC")),
    )
    .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.bytes()).await;
    assert!(ended.is_ok(), "the stream goes on");
    assert_eq!(served.initialize(&open).await.status(), 403);
}

#[test]
fn hours_and_limits_are_kept_in_the_file_and_odd_ones_are_not_taken() {
    let (_folder, path, _) = token_file();
    let new = NewToken {
        hours: vec!["mon-fri 08:00-18:00 Europe/Berlin".parse().unwrap()],
        limits: [("revoke_device".to_owned(), "5/day".parse().unwrap())].into(),
        ..NewToken::default()
    };
    add_token(&path, "office", &new);
    let file = TokenFile::load(&path).unwrap();
    let (_, grant) = file.grants().find(|it| it.0 == "office").unwrap();
    assert_eq!((&grant.hours, &grant.limits), (&new.hours, &new.limits));
    let text = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("mon-fri 08", "mon-fri 8"),
        ("Europe/Berlin", "Europe/Atlantis"),
        ("5/day", "5/week"),
        ("revoke_device", "revoke_devices"),
    ] {
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = TokenFile::load(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{to}");
    }
}
