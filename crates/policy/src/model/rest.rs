//! Reads `ssh`, `nodeAttrs`, `tests` and `sshTests`.

use super::{AttributeRule, SshAction, SshRule, SshTest, Test, Text, read::Reader};
use crate::hujson::Node;

pub(super) fn ssh(node: &Node, reader: &mut Reader<'_, '_>) -> Vec<SshRule> {
    let mut rules = Vec::new();
    reader.entries(node, |reader, index, entry| {
        let mut rule = SshRule {
            index,
            at: entry.at.clone(),
            action: None,
            action_text: None,
            src: Vec::new(),
            dst: Vec::new(),
            users: Vec::new(),
            check_period: None,
            accept_env: Vec::new(),
            recorder: Vec::new(),
            enforce_recorder: false,
            posture: Vec::new(),
        };
        reader.fields(entry, |reader, name, value| {
            match name.to_ascii_lowercase().as_str() {
                "action" => rule.action_text = reader.text(value).map(Text::trimmed),
                "src" => rule.src = reader.selectors(value),
                "dst" => rule.dst = reader.selectors(value),
                "users" => rule.users = trimmed(reader.texts(value)),
                "checkperiod" => rule.check_period = reader.text(value),
                "acceptenv" => rule.accept_env = reader.texts(value),
                "recorder" => rule.recorder = reader.selectors(value),
                "enforcerecorder" => rule.enforce_recorder = reader.switch(value),
                "srcposture" => rule.posture = reader.texts(value),
                _ => return false,
            }
            true
        });
        rule.action = match rule.action_text.as_ref().map(|it| it.value.as_str()) {
            Some("accept") => Some(SshAction::Accept),
            Some("check") => Some(SshAction::Check),
            _ => None,
        };
        rules.push(rule);
    });
    rules
}

impl Text {
    fn trimmed(self) -> Self {
        Self { value: self.value.trim().to_owned(), ..self }
    }
}

fn trimmed(texts: Vec<Text>) -> Vec<Text> {
    texts.into_iter().map(Text::trimmed).collect()
}

pub(super) fn attributes(node: &Node, reader: &mut Reader<'_, '_>) -> Vec<AttributeRule> {
    let mut rules = Vec::new();
    reader.entries(node, |reader, index, entry| {
        let mut rule = AttributeRule {
            index,
            at: entry.at.clone(),
            target: Vec::new(),
            attr: Vec::new(),
            app: serde_json::Map::new(),
            ip_pool: Vec::new(),
        };
        reader.fields(entry, |reader, name, value| {
            match name.to_ascii_lowercase().as_str() {
                "target" => rule.target = reader.selectors(value),
                "attr" => rule.attr = reader.texts(value),
                "app" => rule.app = reader.values(value),
                "ippool" => rule.ip_pool = reader.texts(value),
                _ => return false,
            }
            true
        });
        rules.push(rule);
    });
    rules
}

pub(super) fn tests(node: &Node, reader: &mut Reader<'_, '_>) -> Vec<Test> {
    let mut tests = Vec::new();
    reader.entries(node, |reader, _, entry| {
        let mut test = Test { at: entry.at.clone(), ..Test::default() };
        reader.fields(entry, |reader, name, value| {
            match name.to_ascii_lowercase().as_str() {
                "src" | "user" => test.src = plain(reader.text(value)),
                "srcpostureattrs" => {
                    test.posture = (!value.is_null()).then(|| reader.values(value));
                }
                "proto" => test.proto = plain(reader.text(value)),
                "accept" | "allow" => test.accept = reader.texts(value),
                "deny" => test.deny = reader.texts(value),
                _ => return false,
            }
            true
        });
        tests.push(test);
    });
    tests
}

pub(super) fn ssh_tests(node: &Node, reader: &mut Reader<'_, '_>) -> Vec<SshTest> {
    let mut tests = Vec::new();
    reader.entries(node, |reader, _, entry| {
        let mut test = SshTest { at: entry.at.clone(), ..SshTest::default() };
        reader.fields(entry, |reader, name, value| {
            match name.to_ascii_lowercase().as_str() {
                "src" => test.src = plain(reader.text(value)),
                "dst" => test.dst = trimmed(reader.texts(value)),
                "accept" => test.accept = trimmed(reader.texts(value)),
                "deny" => test.deny = trimmed(reader.texts(value)),
                "check" => test.check = trimmed(reader.texts(value)),
                "srcpostureattrs" => {}
                _ => return false,
            }
            true
        });
        tests.push(test);
    });
    tests
}

fn plain(text: Option<Text>) -> String {
    text.map(|it| it.value.trim().to_owned()).unwrap_or_default()
}
