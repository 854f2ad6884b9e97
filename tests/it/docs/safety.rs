//! The table of changes in `docs/safety.md` is written by this test, so that it cannot be stale.

use std::{fmt::Write as _, fs};

use tailsteward::{catalogue, tool::Risk};

#[test]
fn the_table_of_changes_is_fresh() {
    let mut table =
        String::from("| tool | class | asked | can be undone |\n| --- | --- | --- | --- |\n");
    for tool in catalogue::all().filter(|tool| tool.is_edit()) {
        let undo = catalogue::undo(tool.name);
        let undo = undo.unwrap_or_else(|| panic!("{} has no word on its undo", tool.name));
        let asked = match (tool.risk, tool.worst) {
            (Risk::Danger, _) => "always",
            (_, Risk::Danger) => "if the plan is destructive",
            _ => "no",
        };
        let class = match (tool.risk, tool.worst) {
            (risk, worst) if risk == worst => risk.to_string(),
            (risk, worst) => format!("{risk} to {worst}"),
        };
        let _ = writeln!(table, "| `{}` | {class} | {asked} | {undo} |", tool.name);
    }
    for name in catalogue::tools_with_undo() {
        assert!(catalogue::named(name).is_ok(), "there is no {name}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/safety.md");
    let text = fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- changes: written by cargo test -->\n", "<!-- end of changes -->");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let fresh = format!("{before}{start}{table}{end}{after}");
    if fresh != text {
        fs::write(path, &fresh).unwrap();
        panic!("docs/safety.md was out of date; it is written anew, commit it");
    }
}
