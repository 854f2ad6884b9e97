//! `traffic`: a table, JSON, and errors.

use serde_json::Value;

use super::command_line::program;

fn run(arguments: &[&str]) -> (bool, String, String) {
    let all = [&["traffic", "--sandbox", "--store", "memory", "--history", "off"], arguments];
    let output = program(&all.concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_table_for_people_and_json_for_programs() {
    let (worked, table, errors) = run(&["--limit", "3", "--since", "2h"]);
    let (_, json, _) = run(&["--limit", "3", "--since", "2h", "--json"]);

    assert!(worked, "{errors}");
    let json: Value = serde_json::from_str(&json).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(table.contains(" % read): ") && table.contains(" sent, "), "{table}");
    assert!(table.contains("relayed: ") && table.contains(" % of connections"), "{table}");
    // A pipe gets no bars, and nothing that moves a cursor.
    assert!(!table.contains('█') && !table.contains('\u{1b}'), "{table}");
    for by in ["pairs", "ports", "exit_nodes", "tags"] {
        let (worked, table, errors) = run(&["--by", by, "--since", "2h"]);
        assert!(worked && table.lines().count() > 3, "{by}: {table}{errors}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (arguments, word) in [
        (&["--by", "ports", "--kind", "exit"][..], "`kind`"),
        (&["--since", "2d"][..], "24 h"),
        (&["--watch", "--until", "1h"][..], "--watch"),
        (&["--watch=1"][..], "10"),
        (&["--device", "nobody-has-it"][..], "nobody-has-it"),
    ] {
        let (worked, _, errors) = run(arguments);
        assert!(!worked && errors.contains(word), "{arguments:?}: {errors}");
    }
}
