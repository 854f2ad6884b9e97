//! The edits that take a person out of a policy file.

use serde_json::{Map, Value};

use super::{
    super::hujson::{Document, Kind, Member, Node},
    Edit, EditError, Op, apply,
};

/// The edits that take a person out of a policy file, and what they leave.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Forgotten {
    /// The edits, for [`apply`].
    pub edits: Vec<Edit>,
    /// What the edits do: one entry for each place, such as `removed from groups group:dev`.
    pub done: Vec<String>,
    /// Places that name the person and stay: section and line, such as `postures (line 12)`.
    pub stays: Vec<String>,
}

/// Works out how a person with this login name is taken out of a policy file: out of groups, tag owners,
/// auto-approvers and rules. A rule or test that is about nobody else is removed; a group stays, even if it
/// is empty then, because rules may name it.
///
/// ```
/// use tailsteward_policy::edit::{apply, forget_user};
///
/// let text = r#"{ "groups": { "group:dev": ["ann@example.com", "bob@example.com"] } }"#;
/// let found = forget_user(text, "ann@example.com")?;
/// assert_eq!(found.done, ["removed from groups group:dev"]);
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
pub fn forget_user(text: &str, login: &str) -> Result<Forgotten, EditError> {
    let doc = Document::parse_strict(text)?;
    let Some(sections) = doc.root().as_object() else {
        return Err(EditError::NoObject { is: doc.root().what() });
    };
    let mut found = Forgotten::default();
    for section in sections {
        found.take_out(section, login);
    }
    let after = Document::parse_strict(&apply(text, &found.edits)?.text)?;
    for section in after.root().as_object().unwrap_or_default() {
        let mut lines = Vec::new();
        mentions(&section.value, login, &mut |node| lines.push(after.place(node.at.start).line));
        found.stays.extend(lines.iter().map(|line| format!("{} (line {line})", section.name)));
    }
    Ok(found)
}

/// The fields of a rule or test that list whom and what it is about.
const ENDS: [&str; 8] = ["src", "dst", "target", "users", "ports", "accept", "deny", "check"];
/// Those of a test that may be empty, unless all of them are.
const ASKED: [&str; 3] = ["accept", "deny", "check"];

impl Forgotten {
    fn take_out(&mut self, section: &Member, login: &str) {
        let name = section.name.as_str();
        match name.to_lowercase().as_str() {
            "groups" | "tagowners" => self.take_from_lists(name, &section.value, login),
            "autoapprovers" => {
                for part in section.value.as_object().unwrap_or_default() {
                    let path = format!("{name}.{}", part.name);
                    match &part.value.kind {
                        Kind::List(list) => self.take_from_list(&path, None, list, login),
                        _ => self.take_from_lists(&path, &part.value, login),
                    }
                }
            }
            "acls" | "grants" | "ssh" | "nodeattrs" | "tests" | "sshtests" => {
                self.take_from_rules(name, section.value.as_list().unwrap_or_default(), login);
            }
            _ => {}
        }
    }

    fn take_from_lists(&mut self, section: &str, lists: &Node, login: &str) {
        for member in lists.as_object().unwrap_or_default() {
            let list = member.value.as_list().unwrap_or_default();
            self.take_from_list(section, Some(&member.name), list, login);
        }
    }

    fn take_from_list(&mut self, section: &str, name: Option<&str>, list: &[Node], login: &str) {
        let mut values: Vec<Value> =
            list.iter().filter(|it| names(it, login)).map(Node::to_json).collect();
        values.dedup();
        if values.is_empty() {
            return;
        }
        let place = name.map(|name| format!(" {name}")).unwrap_or_default();
        self.done.push(format!("removed from {section}{place}"));
        self.edits.extend(values.into_iter().map(|value| Edit {
            op: Op::Remove,
            section: section.to_owned(),
            name: name.map(str::to_owned),
            value: Some(value),
            index: None,
        }));
    }

    /// Rules that name others too lose the person; rules that do not are removed, the last one first, so that
    /// the indexes of the others stay right.
    fn take_from_rules(&mut self, section: &str, rules: &[Node], login: &str) {
        let mut gone = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let Some(fields) = rule.as_object() else { continue };
            let edit = |op, value| Edit {
                op,
                section: section.to_owned(),
                name: None,
                value,
                index: Some(index),
            };
            match without(fields, login) {
                Left::Same => {}
                Left::Nobody => {
                    self.done
                        .push(format!("removed {section}[{index}], which was about nobody else"));
                    gone.push(edit(Op::Remove, None));
                }
                Left::Others(value) => {
                    self.done.push(format!("removed from {section}[{index}]"));
                    self.edits.push(edit(Op::Set, Some(value)));
                }
            }
        }
        self.edits.extend(gone.into_iter().rev());
    }
}

/// What is left of a rule without the person.
enum Left {
    Same,
    Others(Value),
    Nobody,
}

fn without(fields: &[Member], login: &str) -> Left {
    let (mut rule, mut is_changed) = (Map::new(), false);
    for field in fields {
        let is_end = ENDS.iter().any(|end| field.name.eq_ignore_ascii_case(end));
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

/// Calls `found` with each text that names the person.
fn mentions<'a>(node: &'a Node, login: &str, found: &mut impl FnMut(&'a Node)) {
    match &node.kind {
        Kind::List(list) => list.iter().for_each(|it| mentions(it, login, found)),
        Kind::Object(members) => members.iter().for_each(|it| mentions(&it.value, login, found)),
        _ if names(node, login) => found(node),
        _ => {}
    }
}
