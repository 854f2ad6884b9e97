//! What a client keeps for the server between two calls.

use std::time::Duration;

use tailsteward::{ErrorKind, mcp::SealingKey};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const HOUR: Duration = Duration::from_hours(1);

#[test]
fn a_seal_opens_for_whom_and_what_it_was_made() {
    let key = SealingKey::parse(&KEY.into()).unwrap();
    let replica = SealingKey::parse(&format!("{KEY}\n").into()).unwrap();
    let sealed = key.seal(b"plan 7", b"ci, revoke_device", HOUR);

    assert_eq!(replica.open(&sealed, b"ci, revoke_device").unwrap(), b"plan 7");
    let mut changed = sealed.clone();
    changed.replace_range(20..21, if &sealed[20..21] == "A" { "B" } else { "A" });
    let old = key.seal(b"plan 7", b"ci, revoke_device", Duration::ZERO);
    std::thread::sleep(Duration::from_millis(5));
    for (seal, context, key) in [
        (&sealed, &b"eve, revoke_device"[..], &key),
        (&changed, b"ci, revoke_device", &key),
        (&old, b"ci, revoke_device", &key),
        (&sealed, b"ci, revoke_device", &SealingKey::random().unwrap()),
        (&String::new(), b"", &key),
    ] {
        assert_eq!(key.open(seal, context).unwrap_err().kind(), ErrorKind::Refused);
    }
}

#[test]
fn a_key_is_32_bytes_and_is_shown_to_nobody() {
    for text in ["", "c2hvcnQ=", "no base64!"] {
        let error = SealingKey::parse(&text.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    let shown = format!("{:?}", SealingKey::parse(&KEY.into()).unwrap());
    assert!(shown.contains("redacted") && !shown.contains("MDEy") && !shown.contains("48, 49"));
}
