//! What `tailsteward policy` shows beside the lines of a file in GitHub.

use serde_json::Value;

use super::policy_commands::{Session, WRONG, ended};
use crate::support::proxy::{Fault, proxied};

#[test]
fn problems_become_annotations_in_github_actions() {
    let session = Session::alone();
    session.file("a,b.hujson", WRONG);
    let mut command = session.command(&["validate", "--offline", "a,b.hujson"]);

    let (told, code) = ended(&command.env("GITHUB_ACTIONS", "true").output().unwrap());

    assert_eq!(code, 1);
    let wanted = "::error file=a%2Cb.hujson,line=3,col=23,title=local check::src=tag not found: \"tag:a%25b\" (declare it in tagOwners)";
    assert_eq!(told.lines().next(), Some(wanted));
    let (told, _) = session.run(&["validate", "--offline", "a,b.hujson", "--format", "json"]);
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&json["valid"], &json["offline"][0]["at"]["line"]), (&false.into(), &3.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deployment_fails_with_becomes_an_annotation() {
    let (session, tailnet, text) = Session::with_sandbox().await;
    session.file("wrong.hujson", &text.replace("tcp:631", "tcp:99999"));
    session.file("new.hujson", &text.replace("tcp:631", "tcp:9100"));
    let danger = ["--access", "danger", "--yes", "--format", "github"];
    let run = |arguments: &[&str]| session.run(&[arguments, &danger[..]].concat());

    let (wrong, code) = run(&["deploy", "wrong.hujson"]);
    assert!(code == 1 && wrong.starts_with("::error file=wrong.hujson,line="), "{wrong}");
    let (stale, code) = run(&["deploy", "new.hujson", "--etag", "no-such-version"]);
    let wanted = "::error file=new.hujson,title=policy file::";
    assert!(code == 1 && stale.starts_with(wanted), "{stale}");
    let (none, code) = run(&["rollback", "7"]);
    assert!(code == 1 && none.starts_with("::error title=policy file::"), "{none}");
    assert_eq!(tailnet.policy_file().get().await.unwrap().text, text);

    let json = ["--access", "danger", "--yes", "--format", "json"];
    let (done, code) = session.run(&[&["deploy", "new.hujson"], &json[..]].concat());
    let report: Value = serde_json::from_str(&done).unwrap();
    assert_eq!((code, &report["applied"]), (0, &true.into()), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_end_an_annotation_early_is_escaped_in_it() {
    let (session, _, text) = Session::with_sandbox().await;
    let proxy =
        proxied(&session.sandbox.as_ref().unwrap().base_url(), |asked| match asked.path.as_str() {
            "/acl/validate" => {
                Fault::AnsweredInstead("{\"message\":\"50% is wrong:\\r\\n::error::no, it is\"}")
            }
            _ => Fault::Pass,
        })
        .await;
    let folder = session.folder.path().join("100%,a");
    std::fs::create_dir(folder).unwrap();
    session.file("100%,a/live.hujson", &text);
    let arguments = ["validate", "100%,a/live.hujson", "--format", "github"];

    let (told, code) =
        ended(&session.command(&arguments).env("TAILSCALE_BASE_URL", proxy).output().unwrap());

    let wanted = "::error file=100%25%2Ca/live.hujson,title=Tailscale::50%25 is wrong:%0D%0A::error::no, it is\n";
    assert_eq!((told.as_str(), code), (wanted, 1));
}

#[cfg(unix)]
#[test]
fn a_colon_in_the_name_of_a_file_is_escaped_in_an_annotation() {
    let session = Session::alone();
    session.file("a:b.hujson", WRONG);
    let (told, _) = session.run(&["validate", "--offline", "a:b.hujson", "--format", "github"]);
    assert!(told.starts_with("::error file=a%3Ab.hujson,line=3,col=23,"), "{told}");
}
