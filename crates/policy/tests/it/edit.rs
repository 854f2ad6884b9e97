//! An edit changes what it is meant to and nothing else.

use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward_policy::{
    edit::{Edit, Op, apply},
    hujson::Document,
};

const FILE: &str = r#"// The file of a small company.
{
	// Who is who.
	"groups": {
		"group:ops": ["ann@example.com", "bob@example.com"], // both of them
		"group:data": [
			// She left the old team.
			"cid@example.com",
			"dan@example.com", // since May
		],
	},

	"hosts": {"printer": "10.1.2.3"},
	/* Rules. */
	"grants": [
		// Everyone reaches the web servers.
		{"src": ["*"], "dst": ["tag:web"], "ip": ["443"]},

		// Data.
		{"src": ["group:data"], "dst": ["tag:db"], "ip": ["tcp:5432"]}, // soon more
	],
	"TagOwners": {"tag:web": ["group:ops"], "tag:db": []},
	"tests": [],
}
"#;

fn edit(
    op: Op,
    section: &str,
    name: Option<&str>,
    value: Option<Value>,
    index: Option<usize>,
) -> Edit {
    serde_json::from_value(json!({
        "op": op, "section": section, "name": name, "value": value, "index": index,
    }))
    .unwrap()
}

fn json_of(text: &str) -> Value {
    Document::parse(text).unwrap().root().to_json()
}

fn done(edit: &Edit) -> String {
    apply(FILE, std::slice::from_ref(edit)).unwrap().text
}

#[test]
fn what_is_added_is_written_like_what_stands_around_it() {
    let rule = json!({ "src": ["group:ops"], "dst": ["tag:db"], "ip": ["*"] });
    let text = done(&edit(Op::Add, "grants", None, Some(rule), None));
    let line = "\t\t{\"src\": [\"group:ops\"], \"dst\": [\"tag:db\"], \"ip\": [\"*\"]},\n\t],\n";
    assert!(text.contains(line), "{text}");
    let text =
        done(&edit(Op::Add, "groups", Some("group:ops"), Some(json!("eve@example.com")), None));
    assert!(
        text.contains("[\"ann@example.com\", \"bob@example.com\", \"eve@example.com\"], // both")
    );
    let text =
        done(&edit(Op::Add, "groups", Some("group:data"), Some(json!("eve@example.com")), None));
    assert!(text.contains("// since May\n\t\t\t\"eve@example.com\",\n\t\t],"), "{text}");
    let text = done(&edit(Op::Add, "tagowners", Some("tag:new"), Some(json!("group:ops")), None));
    assert!(text.contains("\"TagOwners\": {") && text.contains("\"tag:new\": [\"group:ops\"]"));
}

#[test]
fn what_is_removed_takes_its_own_comment_along_and_says_so() {
    let edited = apply(FILE, &[edit(Op::Remove, "grants", None, None, Some(1))]).unwrap();
    assert!(!edited.text.contains("// Data.") && !edited.text.contains("soon more"));
    assert!(edited.text.contains("// Everyone reaches"));
    let notes = edited.notes.join("\n");
    assert!(notes.contains("Data.") && notes.contains("soon more"), "{notes}");
}

#[test]
fn sections_are_made_where_there_are_none() {
    for (section, name, value, pointer) in [
        ("ssh", None, json!({ "action": "check" }), "/ssh/0/action"),
        (
            "autoApprovers.routes",
            Some("10.0.0.0/8"),
            json!("tag:web"),
            "/autoApprovers/routes/10.0.0.0~18/0",
        ),
        ("autoApprovers.exitNode", None, json!("tag:web"), "/autoApprovers/exitNode/0"),
        ("ipsets", Some("ipset:a"), json!("10.0.0.1"), "/ipsets/ipset:a/0"),
    ] {
        let text = done(&edit(Op::Add, section, name, Some(value), None));
        assert!(json_of(&text).pointer(pointer).is_some(), "{section}: {text}");
        let mut old = FILE.lines();
        assert!(old.all(|line| text.contains(line)), "{section}: {text}");
    }
    let text = done(&edit(Op::Set, "randomizeClientPort", None, Some(json!(true)), None));
    assert_eq!(json_of(&text)["randomizeClientPort"], true);
    let empty = apply("{}", &[edit(Op::Add, "hosts", Some("a"), Some(json!("10.0.0.1")), None)]);
    assert_eq!(json_of(&empty.unwrap().text), json!({ "hosts": { "a": "10.0.0.1" } }));
}

#[test]
fn an_edit_that_makes_no_sense_says_which_and_what_there_is() {
    for (edit, words) in [
        (edit(Op::Add, "grannts", None, Some(json!({})), None), "grants"),
        (edit(Op::Add, "grants", None, None, None), "value"),
        (edit(Op::Remove, "grants", None, None, Some(2)), "it has 2"),
        (edit(Op::Remove, "grants", None, Some(json!({ "a": 1 })), None), "it has 2"),
        (edit(Op::Remove, "groups", Some("group:nope"), None, None), "group:ops"),
        (
            edit(Op::Remove, "groups", Some("group:ops"), Some(json!("eve@example.com")), None),
            "ann@example.com",
        ),
        (edit(Op::Add, "hosts", Some("printer"), Some(json!("10.0.0.1")), None), "use `set`"),
        (edit(Op::Add, "groups", None, Some(json!("a@b.c")), None), "name"),
    ] {
        let message = apply(FILE, std::slice::from_ref(&edit)).unwrap_err().to_string();
        assert!(message.starts_with("edit 1: ") && message.contains(words), "{edit:?}: {message}");
    }
    assert!(apply("[]", &[]).is_err() || apply("[]", &[]).unwrap().text == "[]");
    assert!(apply("{", &[edit(Op::Remove, "tests", None, None, None)]).is_err());
}

#[test]
fn line_ends_marks_and_minified_files_are_kept() {
    let rule = || edit(Op::Add, "grants", None, Some(json!({ "src": ["*"] })), None);
    let crlf = FILE.replace('\n', "\r\n");
    let text = apply(&crlf, &[rule()]).unwrap().text;
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    let small = apply(r#"{"grants":[{"src":["a"]}]}"#, &[rule()]).unwrap().text;
    assert_eq!(json_of(&small), json!({ "grants": [{ "src": ["a"] }, { "src": ["*"] }] }));
    assert!(!small.contains('\n'), "{small}");
    let marked = apply(&format!("\u{feff}{FILE}"), &[rule()]).unwrap().text;
    assert_eq!(json_of(&marked)["grants"].as_array().unwrap().len(), 3);
}

/// Random edits that are valid for the file.
fn fitting() -> impl Strategy<Value = Edit> {
    let member =
        prop::sample::select(vec!["ann@example.com", "cid@example.com", "eve@example.com"]);
    let group = prop::sample::select(vec!["group:ops", "group:data", "group:new"]);
    let host = prop::sample::select(vec!["printer", "scanner"]);
    let rule = prop::sample::select(vec![
        json!({ "src": ["*"], "dst": ["tag:db"], "ip": ["*"] }),
        json!({ "src": ["group:ops"], "dst": ["*"], "app": { "a.b/c": [{}] } }),
    ]);
    prop_oneof![
        (group.clone(), member.clone()).prop_map(|(g, m)| edit(
            Op::Add,
            "groups",
            Some(g),
            Some(json!(m)),
            None
        )),
        (group.clone(), prop::collection::vec(member, 0..3)).prop_map(|(g, m)| edit(
            Op::Set,
            "groups",
            Some(g),
            Some(json!(m)),
            None
        )),
        group.prop_map(|g| edit(Op::Remove, "groups", Some(g), None, None)),
        (host.clone(), 0_u8..9).prop_map(|(h, n)| edit(
            Op::Set,
            "hosts",
            Some(h),
            Some(json!(format!("10.0.0.{n}"))),
            None
        )),
        host.prop_map(|h| edit(Op::Remove, "hosts", Some(h), None, None)),
        (rule.clone(), prop::option::of(0_usize..3)).prop_map(|(r, at)| edit(
            Op::Add,
            "grants",
            None,
            Some(r),
            at
        )),
        (rule, 0_usize..3).prop_map(|(r, at)| edit(Op::Set, "grants", None, Some(r), Some(at))),
        (0_usize..3).prop_map(|at| edit(Op::Remove, "grants", None, None, Some(at))),
    ]
}

/// What the edit should do to the JSON, computed without the text.
fn expected(mut file: Value, edit: &Edit) -> Option<Value> {
    let value = edit.value.clone();
    match (edit.section.as_str(), edit.op) {
        ("groups", op) => {
            let groups = file["groups"].as_object_mut()?;
            let name = edit.name.clone()?;
            match op {
                Op::Set => drop(groups.insert(name, value?)),
                Op::Remove => drop(groups.remove(&name)?),
                Op::Add => {
                    let list = groups.entry(name).or_insert_with(|| json!([])).as_array_mut()?;
                    if !list.contains(value.as_ref()?) {
                        list.push(value?);
                    }
                }
            }
        }
        ("hosts", Op::Set) => {
            drop(file["hosts"].as_object_mut()?.insert(edit.name.clone()?, value?));
        }
        ("hosts", _) => drop(file["hosts"].as_object_mut()?.remove(edit.name.as_ref()?)?),
        (_, op) => {
            let rules = file["grants"].as_array_mut()?;
            let at = edit.index.unwrap_or(rules.len());
            match op {
                Op::Add if edit.index.is_none() && rules.contains(value.as_ref()?) => {}
                Op::Add if at <= rules.len() => rules.insert(at, value?),
                Op::Set if at < rules.len() => rules[at] = value?,
                Op::Remove if at < rules.len() => drop(rules.remove(at)),
                _ => return None,
            }
        }
    }
    Some(file)
}

/// The comments of a text, in order.
fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(at) = line.find("// ").or_else(|| line.find("/* ")) {
            found.push(line[at..].trim_end_matches(','));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn edits_mean_what_they_say_and_keep_every_comment_that_they_do_not_name(
        edits in prop::collection::vec(fitting(), 1..5),
    ) {
        let (mut text, mut notes) = (FILE.to_owned(), String::new());
        for edit in &edits {
            let wanted = expected(json_of(&text), edit);
            match (apply(&text, std::slice::from_ref(edit)), wanted) {
                (Ok(edited), Some(wanted)) => {
                    prop_assert_eq!(json_of(&edited.text), wanted, "{}", edited.text);
                    text = edited.text;
                    notes.push_str(&edited.notes.join("\n"));
                }
                (Err(_), None) => {}
                (Ok(edited), None) => prop_assert!(false, "{:?} gave {}", edit, edited.text),
                (Err(error), Some(_)) => prop_assert!(false, "{:?}: {}", edit, error),
            }
        }
        let mut left = comments(&text).into_iter();
        for comment in comments(FILE) {
            let words = comment.trim_start_matches("// ").trim_start_matches("/* ");
            let words = words.trim_end_matches(" */");
            let kept = left.clone().any(|it| it == comment);
            prop_assert!(kept || notes.contains(words), "{} is gone: {}", comment, notes);
            if kept {
                prop_assert!(left.any(|it| it == comment), "the order of comments");
            }
        }
    }

    #[test]
    fn no_text_and_no_edit_make_it_panic(
        text in "[\\[\\]{}\",:a-c/* \n\t0-9]{0,40}",
        section in "[a-zA-Z.]{0,12}",
        index in prop::option::of(0_usize..3),
    ) {
        let _ = apply(&text, &[edit(Op::Add, &section, Some("a"), Some(json!(1)), index)]);
        let _ = apply(&text, &[edit(Op::Remove, "grants", None, None, index)]);
    }
}
