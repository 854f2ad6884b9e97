//! Compares two files as values: everything that differs, apart from comments, layout and the order of
//! names in objects.

use std::collections::{BTreeMap, HashMap};

use crate::hujson::{Document, Kind, Node};

/// A place at which two files differ.
#[derive(Debug)]
pub(super) struct Change<'d> {
    /// The name of the section in lower case.
    pub(super) section: String,
    /// The place: `grants[3]`, `groups["group:ops"]`, `derpMap.Regions.900`.
    pub(super) path: String,
    pub(super) what: What,
    /// The value before.
    pub(super) old: Option<&'d Node>,
    /// The value after.
    pub(super) new: Option<&'d Node>,
}

/// What kind of value differs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An entry of a list of rules or tests, with its index before and after.
    Entry {
        old: Option<usize>,
        new: Option<usize>,
        /// The fields that differ, if the entry is in both files. Lower case, without aliases.
        fields: Vec<String>,
    },
    /// A named entry, such as a group.
    Named(String),
    /// Any other value.
    Value,
    /// The order of a list.
    Order,
}

/// Everything in which two files differ. Empty only if they are equal apart from comments and layout.
pub(super) fn changes<'d>(before: &'d Document, after: &'d Document) -> Vec<Change<'d>> {
    let mut changes = Vec::new();
    let (Some(old), Some(new)) = (before.root().as_object(), after.root().as_object()) else {
        if written(before.root(), "") != written(after.root(), "") {
            let (old, new) = (Some(before.root()), Some(after.root()));
            let what = What::Value;
            let (section, path) = (String::new(), "the file".to_owned());
            changes.push(Change { section, path, what, old, new });
        }
        return changes;
    };
    let mut sections: BTreeMap<String, Section<'d>> = BTreeMap::new();
    for (is_old, members) in [(true, old), (false, new)] {
        for member in members {
            let section = sections.entry(member.name.to_ascii_lowercase()).or_default();
            member.name.clone_into(&mut section.name);
            let values = if is_old { &mut section.old } else { &mut section.new };
            values.push(&member.value);
        }
    }
    for (name, section) in &sections {
        section.compare(name, &mut changes);
    }
    changes
}

/// The values of a section. There are several if its name is in the file more than once.
#[derive(Default)]
struct Section<'d> {
    name: String,
    old: Vec<&'d Node>,
    new: Vec<&'d Node>,
}

impl<'d> Section<'d> {
    fn compare(&self, section: &str, changes: &mut Vec<Change<'d>>) {
        let first = changes.len();
        let pair = (self.old.first().copied(), self.new.first().copied());
        let is_single = self.old.len() < 2 && self.new.len() < 2;
        match (section, pair) {
            _ if !is_single => {}
            ("acls" | "grants" | "ssh" | "nodeattrs" | "tests" | "sshtests", pair) => {
                entries(section, &self.name, pair, changes);
            }
            ("groups" | "hosts" | "ipsets" | "tagowners" | "postures", pair) => {
                named(section, &self.name, pair, changes);
            }
            ("autoapprovers", pair) => approvers(&self.name, pair, changes),
            (_, (Some(old), Some(new))) => deep(section, &self.name, old, new, changes),
            _ => {}
        }
        let all = |nodes: &[&Node]| -> Vec<String> {
            nodes.iter().map(|node| written(node, section)).collect()
        };
        if changes.len() == first && all(&self.old) != all(&self.new) {
            let (path, what) = (self.name.clone(), What::Value);
            let (old, new) = (self.old.last().copied(), self.new.last().copied());
            changes.push(Change { section: section.to_owned(), path, what, old, new });
        }
    }
}

type Pair<'d> = (Option<&'d Node>, Option<&'d Node>);

/// The entries of a list; none if the section is missing or `null`. `None` if it is not a list.
fn list(node: Option<&Node>) -> Option<&[Node]> {
    match node.map(|node| &node.kind) {
        None | Some(Kind::Null) => Some(&[]),
        Some(Kind::List(list)) => Some(list),
        _ => None,
    }
}

fn entries<'d>(section: &str, name: &str, pair: Pair<'d>, changes: &mut Vec<Change<'d>>) {
    let (Some(old), Some(new)) = (list(pair.0), list(pair.1)) else { return };
    let matched = match_entries(section, old, new);
    let mut add = |path: String, what: What, old: Option<&'d Node>, new: Option<&'d Node>| {
        changes.push(Change { section: section.to_owned(), path, what, old, new });
    };
    for (before, after) in matched.changed {
        let (a, b) = (old.get(before), new.get(after));
        let fields = differing_fields(section, a, b);
        let what = What::Entry { old: Some(before), new: Some(after), fields };
        add(format!("{name}[{after}]"), what, a, b);
    }
    for at in matched.removed {
        let what = What::Entry { old: Some(at), new: None, fields: Vec::new() };
        add(format!("{name}[{at}]"), what, old.get(at), None);
    }
    for at in matched.added {
        let what = What::Entry { old: None, new: Some(at), fields: Vec::new() };
        add(format!("{name}[{at}]"), what, None, new.get(at));
    }
    if matched.is_reordered {
        add(name.to_owned(), What::Order, pair.0, pair.1);
    }
}

/// Which entries of two lists belong together.
#[derive(Default)]
struct Matched {
    /// Pairs that differ.
    changed: Vec<(usize, usize)>,
    removed: Vec<usize>,
    added: Vec<usize>,
    is_reordered: bool,
}

/// Pairs entries that are equal, then those with the same source and destination, then those that share one
/// of the two.
fn match_entries(section: &str, old: &[Node], new: &[Node]) -> Matched {
    let mut matched = Matched::default();
    let mut left: (Vec<usize>, Vec<usize>) = ((0..old.len()).collect(), (0..new.len()).collect());
    let mut pairs = Vec::new();
    let keys: [&[&str]; 5] = [
        &["*"],
        &["src", "dst", "target", "users"],
        &["src", "dst", "target"],
        &["dst", "target"],
        &["src", "attr"],
    ];
    for (pass, fields) in keys.into_iter().enumerate() {
        let key = |node: &Node| key_of(section, node, fields);
        let mut known: HashMap<String, Vec<usize>> = HashMap::new();
        for at in left.0.iter().rev() {
            if let Some(key) = old.get(*at).and_then(key) {
                known.entry(key).or_default().push(*at);
            }
        }
        let mut taken = Vec::new();
        left.1.retain(|at| {
            let key = new.get(*at).and_then(key);
            let Some(before) = key.and_then(|key| known.get_mut(&key)?.pop()) else { return true };
            taken.push(before);
            pairs.push((before, *at));
            if pass > 0 {
                matched.changed.push((before, *at));
            }
            false
        });
        taken.sort_unstable();
        left.0.retain(|at| taken.binary_search(at).is_err());
    }
    pairs.sort_unstable_by_key(|(_, after)| *after);
    matched.is_reordered = !pairs.is_sorted_by_key(|(before, _)| *before);
    (matched.removed, matched.added) = left;
    matched
}

/// The given fields of an entry as a text; all of it for `*`. `None` if the entry has none of them.
fn key_of(section: &str, node: &Node, fields: &[&str]) -> Option<String> {
    if fields == ["*"] {
        return Some(written(node, section));
    }
    let all = fields_of(section, node);
    let parts: Vec<String> = fields
        .iter()
        .filter_map(|field| Some(format!("{field}:{}", written(all.get(*field)?, ""))))
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

fn differing_fields(section: &str, old: Option<&Node>, new: Option<&Node>) -> Vec<String> {
    let fields = |node: Option<&'_ Node>| {
        let all = node.map(|node| fields_of(section, node)).unwrap_or_default();
        all.into_iter().map(|(name, node)| (name, written(node, ""))).collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (fields(old), fields(new));
    let all = old.keys().chain(new.keys());
    let mut names: Vec<String> =
        all.filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The fields of an entry by their name in lower case, with the newer name where there are two.
pub(super) fn fields_of<'d>(section: &str, node: &'d Node) -> BTreeMap<String, &'d Node> {
    let members = node.as_object().unwrap_or_default().iter();
    members.map(|member| (field_name(section, &member.name), &member.value)).collect()
}

fn field_name(section: &str, name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let newer = match (section, name.as_str()) {
        ("acls", "users") | ("tests", "user") => "src",
        ("acls", "ports") => "dst",
        ("tests", "allow") => "accept",
        _ => return name,
    };
    newer.to_owned()
}

fn named<'d>(section: &str, path: &str, pair: Pair<'d>, changes: &mut Vec<Change<'d>>) {
    let empty: &[crate::hujson::Member] = &[];
    let members = |node: Option<&'d Node>| match node.map(|node| &node.kind) {
        None | Some(Kind::Null) => Some(empty),
        Some(Kind::Object(members)) => Some(members.as_slice()),
        _ => None,
    };
    let (Some(old), Some(new)) = (members(pair.0), members(pair.1)) else { return };
    let by_name = |members: &'d [crate::hujson::Member]| -> BTreeMap<&'d str, &'d Node> {
        members.iter().map(|member| (member.name.as_str(), &member.value)).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let mut names: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (old, new) = (old.get(name).copied(), new.get(name).copied());
        let text = |node: Option<&Node>| node.map(|node| written(node, ""));
        if text(old) != text(new) {
            let short = crate::problem::name(name);
            let (path, what) = (format!("{path}[{short:?}]"), What::Named(name.to_owned()));
            changes.push(Change { section: section.to_owned(), path, what, old, new });
        }
    }
}

fn approvers<'d>(name: &str, pair: Pair<'d>, changes: &mut Vec<Change<'d>>) {
    let part = |node: Option<&'d Node>, name: &str| {
        node.and_then(|node| node.member(name)).map(|member| &member.value)
    };
    for (key, section) in [("routes", "approvers"), ("services", "approvers")] {
        let parts = (part(pair.0, key), part(pair.1, key));
        named(section, &format!("{name}.{key}"), parts, changes);
    }
    let (old, new) = (part(pair.0, "exitNode"), part(pair.1, "exitNode"));
    if old.map(|node| written(node, "")) != new.map(|node| written(node, "")) {
        let (path, what) = (format!("{name}.exitNode"), What::Named("exit node".to_owned()));
        changes.push(Change { section: "approvers".to_owned(), path, what, old, new });
    }
    let rest = |node: Option<&'d Node>| -> BTreeMap<String, &'d Node> {
        let mut fields = node.map(|node| fields_of("", node)).unwrap_or_default();
        fields.retain(|name, _| !matches!(name.as_str(), "routes" | "services" | "exitnode"));
        fields
    };
    let (old, new) = (rest(pair.0), rest(pair.1));
    for field in old.keys().chain(new.keys().filter(|field| !old.contains_key(*field))) {
        let (old, new) = (old.get(field).copied(), new.get(field).copied());
        if old.map(|node| written(node, "")) != new.map(|node| written(node, "")) {
            push("", format!("{name}.{field}"), old, new, changes);
        }
    }
}

/// Finds the differing parts of a value that has no meaning here.
fn deep<'d>(
    section: &str,
    path: &str,
    old: &'d Node,
    new: &'d Node,
    changes: &mut Vec<Change<'d>>,
) {
    match (&old.kind, &new.kind) {
        (Kind::Object(a), Kind::Object(b)) => {
            let by_name = |members: &'d [crate::hujson::Member]| -> BTreeMap<&'d str, &'d Node> {
                members.iter().map(|member| (member.name.as_str(), &member.value)).collect()
            };
            let (a, b) = (by_name(a), by_name(b));
            for (name, old) in &a {
                let path = format!("{path}.{}", crate::problem::name(name));
                match b.get(name) {
                    Some(new) => deep(section, &path, old, new, changes),
                    None => push(section, path, Some(*old), None, changes),
                }
            }
            for (name, new) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                let path = format!("{path}.{}", crate::problem::name(name));
                push(section, path, None, Some(*new), changes);
            }
        }
        (Kind::List(a), Kind::List(b)) if a.len() == b.len() => {
            for (index, (old, new)) in a.iter().zip(b).enumerate() {
                deep(section, &format!("{path}[{index}]"), old, new, changes);
            }
        }
        _ if written(old, "") == written(new, "") => {}
        _ => push(section, path.to_owned(), Some(old), Some(new), changes),
    }
}

fn push<'d>(
    section: &str,
    path: String,
    old: Option<&'d Node>,
    new: Option<&'d Node>,
    changes: &mut Vec<Change<'d>>,
) {
    changes.push(Change { section: section.to_owned(), path, what: What::Value, old, new });
}

/// A value as a text that is the same for values that mean the same. In the entries of a known section, names
/// may be in any case.
pub(super) fn written(node: &Node, section: &str) -> String {
    let mut text = String::new();
    write(node, section, &mut text);
    text
}

fn write(node: &Node, section: &str, into: &mut String) {
    match &node.kind {
        Kind::Null => into.push_str("null"),
        Kind::Bool(value) => into.push_str(if *value { "true" } else { "false" }),
        Kind::Number(number) => into.push_str(number),
        Kind::Text(text) => into.push_str(&serde_json::Value::from(text.as_str()).to_string()),
        Kind::List(list) => {
            into.push('[');
            for (index, entry) in list.iter().enumerate() {
                into.push_str(if index == 0 { "" } else { "," });
                write(entry, section, into);
            }
            into.push(']');
        }
        Kind::Object(members) => {
            let has_fields = matches!(
                section,
                "acls" | "grants" | "ssh" | "nodeattrs" | "tests" | "sshtests" | "autoapprovers"
            );
            let name = |name: &str| {
                if has_fields { field_name(section, name) } else { name.to_owned() }
            };
            let mut members: Vec<(String, &Node)> =
                members.iter().map(|member| (name(&member.name), &member.value)).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            into.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                into.push_str(if index == 0 { "" } else { "," });
                into.push_str(&serde_json::Value::from(name.as_str()).to_string());
                into.push(':');
                write(value, "", into);
            }
            into.push('}');
        }
    }
}
