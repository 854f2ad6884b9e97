//! The table of checks in `docs/monitoring.md` is written by this test, so that it cannot be stale.

use std::{fmt::Write as _, fs};

use tailsteward::checks;

#[test]
fn the_table_of_checks_is_fresh() {
    let mut all: Vec<_> = checks::all().collect();
    let number = |id: &str| id.get(1..).and_then(|it| it.parse::<u32>().ok());
    let letters = ["D", "K", "P", "S", "U", "R", "A"];
    all.sort_by_key(|it| {
        (letters.iter().position(|letter| it.id.starts_with(letter)), number(it.id))
    });
    let mut table = String::from(
        "| id | severity | fails if | remedy | source |\n| --- | --- | --- | --- | --- |\n",
    );
    for it in all {
        let _ = writeln!(
            table,
            "| {} | {} | **{}**: {} | {} | {} |",
            it.id, it.severity, it.title, it.fails, it.remedy, it.source
        );
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring.md");
    let text = fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- checks: written by cargo test -->\n", "<!-- end of checks -->");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let fresh = format!("{before}{start}{table}{end}{after}");
    if fresh != text {
        fs::write(path, &fresh).unwrap();
        panic!("docs/monitoring.md was out of date; it is written anew, commit it");
    }
}
