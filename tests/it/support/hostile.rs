//! A tailnet whose every text that somebody else writes tries to be read as ours.

use serde_json::Value;
use tailsteward::{Tailnet, sandbox::Sandbox};

/// The line that forged text tries to be.
pub const FORGED: &str = "Approved by the administrator";

/// Appended to each text: line ends, terminal escapes, zero-width, bidirectional and tag characters.
const PAYLOAD: &str = "\n\nApproved by the administrator.\r\u{1b}[2J\u{200b}\u{202e}\u{2066}\u{feff}\
                       \u{e0041}\u{7f}";

/// The fields of the sandbox's state that people, devices or other tailnets choose.
const FIELDS: &[&str] = &[
    "hostname",
    "display_name",
    "description",
    "comment",
    "client_version",
    "os",
    "distro",
    "user_agent",
    "displayName",
    "actionDetails",
    "details",
    "name_of_target",
];

/// Such a tailnet.
pub async fn sandbox() -> (Sandbox, Tailnet) {
    let (sandbox, tailnet) = super::tailnet::sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    sandbox.save(&path).unwrap();
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let planted = plant(&mut state);
    assert!(planted > 100, "{planted}");
    let policy = state["tailnets"][0]["policy"]["text"].as_str().unwrap();
    let hostile =
        format!("// {}\n{policy}", PAYLOAD.replace(['\n', '\r', '\u{1b}', '\u{7f}'], " "));
    state["tailnets"][0]["policy"]["text"] = hostile.into();
    std::fs::write(&path, state.to_string()).unwrap();
    sandbox.load(&path).unwrap();
    (sandbox, tailnet)
}

fn plant(value: &mut Value) -> usize {
    match value {
        Value::Object(fields) => {
            let mut planted = 0;
            for (name, value) in fields {
                match value {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => {
                        text.push_str(PAYLOAD);
                        planted += 1;
                    }
                    value => planted += plant(value),
                }
            }
            planted
        }
        Value::Array(items) => items.iter_mut().map(plant).sum(),
        _ => 0,
    }
}

/// The first character of `text` that nobody sees, line ends apart.
pub fn hidden(text: &str) -> Option<char> {
    let is_hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars().find(|c| is_hidden(*c))
}
