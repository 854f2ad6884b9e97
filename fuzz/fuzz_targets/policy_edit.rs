//! Edits of any text: what comes out can be read, and an edit that is refused panics nobody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tailsteward::policy::{
    edit::{Edit, Op, apply},
    hujson::Document,
    merge::three_way,
};

const OPS: [Op; 3] = [Op::Add, Op::Remove, Op::Set];
const SECTIONS: [&str; 14] = [
    "acls",
    "grants",
    "ssh",
    "nodeAttrs",
    "tests",
    "groups",
    "tagOwners",
    "hosts",
    "ipsets",
    "postures",
    "autoApprovers.routes",
    "autoApprovers.exitNode",
    "randomizeClientPort",
    "nothing",
];

type Raw<'a> = (u8, u8, Option<&'a str>, Option<&'a str>, Option<u8>);

/// An edit; its value is what the text means as JSON, or the text.
fn edit((op, section, name, value, index): &Raw<'_>) -> Edit {
    Edit {
        op: OPS[usize::from(*op) % OPS.len()],
        section: SECTIONS[usize::from(*section) % SECTIONS.len()].to_owned(),
        name: name.map(str::to_owned),
        value: value.map(|it| serde_json::from_str(it).unwrap_or_else(|_| it.into())),
        index: index.map(usize::from),
    }
}

fuzz_target!(|data: (&str, Vec<Raw<'_>>)| {
    let (text, raw) = data;
    let edits: Vec<Edit> = raw.iter().map(edit).collect();
    if let Ok(edited) = apply(text, &edits) {
        assert!(Document::parse(&edited.text).is_ok(), "an edit broke the file: {}", edited.text);
        let _ = three_way(text, &edited.text, text);
    }
});
