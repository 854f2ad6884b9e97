//! The edits that remove a user from a policy file.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{
    super::hujson::{Document, Kind, Member, Node},
    Edit, EditError, Op, apply,
};

/// The edits that remove a user from a policy file, and what they leave.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct UserRemoval {
    /// The edits, for [`apply`].
    pub edits: Vec<Edit>,
    /// What the edits do: one entry for each place, such as `removed from groups group:dev`.
    pub removed: Vec<String>,
    /// Places that still name the user: section and line, such as `postures (line 12)`.
    pub remaining: Vec<String>,
}

/// Works out how the user with this login name is removed from a policy file: from groups, tag owners,
/// auto-approvers and rules. A rule or test without another source or destination is removed; a group stays,
/// even if it is empty then, because rules may name it.
///
/// ```
/// use tailsteward_policy::edit::{apply, remove_user};
///
/// let text = r#"{ "groups": { "group:dev": ["ann@example.com", "bob@example.com"] } }"#;
/// let found = remove_user(text, "ann@example.com")?;
/// assert_eq!(found.removed, ["removed from groups group:dev"]);
/// assert_eq!(
///     apply(text, &found.edits)?.text,
///     r#"{ "groups": { "group:dev": ["bob@example.com"] } }"#
/// );
/// # Ok::<(), tailsteward_policy::edit::EditError>(())
/// ```
///
/// # Errors
///
/// [`EditError`] if the text is not a policy file, or cannot be edited.
pub fn remove_user(text: &str, login: &str) -> Result<UserRemoval, EditError> {
    let doc = Document::parse_strict(text)?;
    let Some(sections) = doc.root().as_object() else {
        return Err(EditError::NoObject { is: doc.root().what() });
    };
    let mut finder = Finder { login, removal: UserRemoval::default(), gone: Vec::new() };
    for section in sections {
        finder.take_out(section);
    }
    let Finder { mut removal, gone, .. } = finder;
    for section in sections {
        mentions(&section.value, login, &mut |node| {
            if !gone.iter().any(|at| at.contains(&node.at.start)) {
                let line = doc.place(node.at.start).line;
                removal.remaining.push(format!("{} (line {line})", section.name));
            }
        });
    }
    // An edit that cannot be made is found now.
    apply(text, &removal.edits)?;
    Ok(removal)
}

/// The fields of a rule or test with its sources, destinations and targets.
const ENDS: [&str; 8] = ["src", "dst", "target", "users", "ports", "accept", "deny", "check"];
/// Those of a test that may be empty, unless all of them are.
const ASKED: [&str; 3] = ["accept", "deny", "check"];

/// Looks for the places that name a user, and collects the edits.
struct Finder<'a> {
    login: &'a str,
    removal: UserRemoval,
    /// The byte ranges that the edits remove.
    gone: Vec<Range<usize>>,
}

impl Finder<'_> {
    fn take_out(&mut self, section: &Member) {
        let name = section.name.as_str();
        match name.to_lowercase().as_str() {
            "groups" | "tagowners" => self.take_from_lists(name, &section.value),
            "autoapprovers" => {
                for part in section.value.as_object().unwrap_or_default() {
                    let path = format!("{name}.{}", part.name);
                    match &part.value.kind {
                        Kind::List(list) => self.take_from_list(&path, list),
                        _ => self.take_from_lists(&path, &part.value),
                    }
                }
            }
            "acls" | "grants" | "ssh" | "nodeattrs" | "tests" | "sshtests" => {
                self.take_from_rules(name, section.value.as_list().unwrap_or_default());
            }
            _ => {}
        }
    }

    /// The elements that name the user; they count as gone.
    fn named(&mut self, list: &[Node]) -> Vec<usize> {
        let login = self.login;
        let named = list.iter().enumerate().filter(|(_, it)| names(it, login));
        let named: Vec<(usize, &Node)> = named.collect();
        self.gone.extend(named.iter().map(|(_, it)| it.at.clone()));
        named.into_iter().map(|(index, _)| index).collect()
    }

    /// Lists by name are replaced by what is left of them, which keeps the rest as written.
    fn take_from_lists(&mut self, section: &str, lists: &Node) {
        for member in lists.as_object().unwrap_or_default() {
            let list = member.value.as_list().unwrap_or_default();
            let gone = self.named(list);
            if gone.is_empty() {
                continue;
            }
            let left = list.iter().enumerate().filter(|(index, _)| !gone.contains(index));
            let left: Vec<Value> = left.map(|(_, it)| it.to_json()).collect();
            self.removal.removed.push(format!("removed from {section} {}", member.name));
            self.removal.edits.push(Edit {
                op: Op::Set,
                section: section.to_owned(),
                name: Some(member.name.clone()),
                value: Some(left.into()),
                index: None,
            });
        }
    }

    fn take_from_list(&mut self, section: &str, list: &[Node]) {
        let gone = self.named(list);
        if gone.is_empty() {
            return;
        }
        self.removal.removed.push(format!("removed from {section}"));
        // The last one first, so that the indexes of the others stay right.
        self.removal.edits.extend(gone.into_iter().rev().map(|index| removal(section, index)));
    }

    /// Rules that have others too lose the user; rules that have not are removed.
    fn take_from_rules(&mut self, section: &str, rules: &[Node]) {
        let mut gone = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let Some(fields) = rule.as_object() else { continue };
            match without(fields, self.login) {
                Left::Same => {}
                Left::Nobody => {
                    let done = format!(
                        "removed {section}[{index}], which has no other source or destination"
                    );
                    self.removal.removed.push(done);
                    self.gone.push(rule.at.clone());
                    gone.push(removal(section, index));
                }
                Left::Others(value) => {
                    self.removal.removed.push(format!("removed from {section}[{index}]"));
                    for field in fields.iter().filter(|it| is_end(&it.name)) {
                        self.named(field.value.as_list().unwrap_or_default());
                    }
                    let value = Some(value);
                    self.removal.edits.push(Edit { op: Op::Set, value, ..removal(section, index) });
                }
            }
        }
        self.removal.edits.extend(gone.into_iter().rev());
    }
}

/// The edit that removes an element of a list.
fn removal(section: &str, index: usize) -> Edit {
    let section = section.to_owned();
    Edit { op: Op::Remove, section, name: None, value: None, index: Some(index) }
}

fn is_end(field: &str) -> bool {
    ENDS.iter().any(|end| field.eq_ignore_ascii_case(end))
}

/// What is left of a rule without the user.
enum Left {
    Same,
    Others(Value),
    Nobody,
}

fn without(fields: &[Member], login: &str) -> Left {
    let (mut rule, mut is_changed) = (Map::new(), false);
    for field in fields {
        let is_end = is_end(&field.name);
        let value = match &field.value.kind {
            // The `src` of a test is one name, not a list.
            Kind::Text(_) if is_end && names(&field.value, login) => return Left::Nobody,
            Kind::List(list) if is_end && list.iter().any(|it| names(it, login)) => {
                is_changed = true;
                let left = list.iter().filter(|it| !names(it, login)).map(Node::to_json);
                let left: Vec<Value> = left.collect();
                if left.is_empty() && !ASKED.iter().any(|it| field.name.eq_ignore_ascii_case(it)) {
                    return Left::Nobody;
                }
                left.into()
            }
            _ => field.value.to_json(),
        };
        rule.insert(field.name.clone(), value);
    }
    let asks = ASKED.map(|part| rule.get(part).and_then(Value::as_array));
    let asks_nothing =
        asks.iter().any(Option::is_some) && asks.iter().flatten().all(|list| list.is_empty());
    match is_changed {
        false => Left::Same,
        true if asks_nothing => Left::Nobody,
        true => Left::Others(rule.into()),
    }
}

/// Whether the text is the login name, also with ports: `ann@example.com:22`.
fn names(node: &Node, login: &str) -> bool {
    let Kind::Text(text) = &node.kind else { return false };
    let Some((start, rest)) = text.split_at_checked(login.len()) else { return false };
    start.eq_ignore_ascii_case(login) && (rest.is_empty() || rest.starts_with(':'))
}

/// Calls `found` with each text that names the user.
fn mentions<'a>(node: &'a Node, login: &str, found: &mut impl FnMut(&'a Node)) {
    match &node.kind {
        Kind::List(list) => list.iter().for_each(|it| mentions(it, login, found)),
        Kind::Object(members) => members.iter().for_each(|it| mentions(&it.value, login, found)),
        _ if names(node, login) => found(node),
        _ => {}
    }
}
