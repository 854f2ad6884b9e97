//! Which operations the hand-written code calls: a document without one of them is refused by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

/// Finds every `Operation::Variant` under `folder`, with the file that says it.
pub(crate) fn find(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(find(&path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path)?;
            found.extend(in_text(&text).map(|it| (it, path.display().to_string())));
        }
    }
    Ok(found)
}

/// The variants that `text` names; constants of the enum, which are in capitals, are none.
pub(crate) fn in_text(text: &str) -> impl Iterator<Item = String> {
    text.split("Operation::").skip(1).filter_map(|after| {
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = after.get(..end.unwrap_or(after.len()))?;
        let variant = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.contains(|c: char| c.is_ascii_lowercase());
        variant.then(|| name.to_owned())
    })
}

/// What to tell whoever put a document in place that lacks an operation we call.
pub(crate) fn missing(used: &[(String, String)], known: &[String]) -> Option<String> {
    let mut gone: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, file) in used.iter().filter(|(name, _)| !known.contains(name)) {
        gone.entry(operation_id(name)).or_default().insert(file);
    }
    let missing: Vec<String> = gone
        .into_iter()
        .map(|(id, files)| format!("{id} (in {})", Vec::from_iter(files).join(", ")))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "the OpenAPI document lacks operations that hand-written code calls: {}; adapt that \
             code, or build from a document that has them",
            missing.join("; ")
        )
    })
}

/// `SetDeviceTags` → `setDeviceTags`, the spelling in the document.
fn operation_id(variant: &str) -> String {
    let mut letters = variant.chars();
    letters.next().map(|it| it.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
