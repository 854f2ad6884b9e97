//! The sections of a policy file, and how to find the section of an edit.

use super::super::hujson::{Kind, Member, Node};
use super::error::EditError;

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A list, such as `grants`.
    List,
    /// An object whose values are lists, such as `groups`.
    Lists,
    /// An object with any values, such as `hosts`.
    Values,
    /// A single value, such as `disableIPv4`.
    Single,
    /// An object of sections, such as `autoApprovers`.
    Sections,
}

use Shape::{List, Lists, Sections, Single, Values};

/// Name, shape, and how many levels of the section are written with one member per line.
const KNOWN: &[(&str, Shape, usize)] = &[
    ("acls", List, 1),
    ("grants", List, 1),
    ("groups", Lists, 1),
    ("hosts", Values, 1),
    ("tagOwners", Lists, 1),
    ("autoApprovers", Sections, 1),
    ("autoApprovers.routes", Lists, 2),
    ("autoApprovers.services", Lists, 2),
    ("autoApprovers.exitNode", List, 1),
    ("ssh", List, 1),
    ("nodeAttrs", List, 1),
    ("tests", List, 1),
    ("sshTests", List, 1),
    ("ipsets", Lists, 1),
    ("postures", Lists, 1),
    ("defaultSrcPosture", List, 0),
    ("attrConfig", Values, 1),
    ("extraDNSRecords", List, 1),
    ("derpMap", Values, 1),
    ("disableIPv4", Single, 0),
    ("OneCGNATRoute", Single, 0),
    ("randomizeClientPort", Single, 0),
];

/// A section, located in the file.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// The name given in the edit.
    pub(super) name: String,
    /// The member names that lead to the section, spelled as in the file if the file has them.
    pub(super) path: Vec<String>,
    /// The values along `path`, from the root, as far as the file has them.
    pub(super) there: Vec<&'a Node>,
    pub(super) shape: Shape,
    pub(super) spread: usize,
}

impl<'a> Section<'a> {
    /// The value of the section; `None` if the file does not have the section.
    pub(super) fn node(&self) -> Option<&'a Node> {
        self.there.get(self.path.len()).copied()
    }

    /// The value of the section; `None` if the file does not have it or it is `null`.
    pub(super) fn value(&self) -> Option<&'a Node> {
        self.node().filter(|it| !it.is_null())
    }
}

/// Finds the section called `name`. A section that is not in `KNOWN` gets its shape from its value.
pub(super) fn find<'a>(
    edit: usize,
    name: &str,
    has_name: bool,
    root: &'a Node,
) -> Result<Section<'a>, EditError> {
    let known = KNOWN.iter().find(|it| it.0.eq_ignore_ascii_case(name));
    let spelt = known.map_or(name, |it| it.0);
    let parts: Vec<&str> = match member(edit, root, name)? {
        Some(_) => vec![spelt],
        None => spelt.split('.').collect(),
    };
    let mut section = Section {
        name: name.to_owned(),
        path: Vec::new(),
        there: vec![root],
        shape: known.map_or(Shape::Single, |it| it.1),
        spread: known.map_or(parts.len(), |it| it.2),
    };
    for part in parts {
        let node = section.there.get(section.path.len()).filter(|it| !it.is_null());
        let found = node.map(|it| inside(edit, name, it, part)).transpose()?.flatten();
        section.path.push(found.map_or(part, |it| &it.name).to_owned());
        section.there.extend(found.map(|it| &it.value));
    }
    if known.is_none() {
        let node = section.node().ok_or_else(|| unknown(edit, name, root))?;
        (section.shape, section.spread) = shape_of(node, has_name, section.spread);
    }
    fits(edit, &section)?;
    Ok(section)
}

fn inside<'a>(
    edit: usize,
    name: &str,
    node: &'a Node,
    part: &str,
) -> Result<Option<&'a Member>, EditError> {
    if node.as_object().is_none() {
        let place = name.rsplit_once('.').map_or(name, |it| it.0).to_owned();
        return Err(EditError::Kind { edit, place, is: node.what(), must: "an object" });
    }
    member(edit, node, part)
}

/// The member called `name`, in any case. It is an error if several differ only in case, since programs
/// disagree about which of them counts.
fn member<'a>(edit: usize, node: &'a Node, name: &str) -> Result<Option<&'a Member>, EditError> {
    let members = node.as_object().unwrap_or_default();
    let mut same = members.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
    match (same.next(), same.next()) {
        (Some(one), Some(other)) => {
            Err(EditError::Twice { edit, one: one.name.clone(), other: other.name.clone() })
        }
        (found, _) => Ok(found),
    }
}

/// The shape of a section that is not in `KNOWN`, and how many levels have one member per line.
fn shape_of(node: &Node, has_name: bool, depth: usize) -> (Shape, usize) {
    let all_lists = |members: &[Member]| {
        !members.is_empty() && members.iter().all(|it| it.value.as_list().is_some())
    };
    match &node.kind {
        Kind::List(list) => {
            let objects = list.first().is_some_and(|it| it.as_object().is_some());
            (Shape::List, if objects { depth } else { depth - 1 })
        }
        Kind::Object(members) if all_lists(members) => (Shape::Lists, depth),
        Kind::Object(_) => (Shape::Values, depth),
        Kind::Null if has_name => (Shape::Values, depth),
        _ => (Shape::Single, depth - 1),
    }
}

/// Checks that the section's value has the type that its shape requires.
fn fits(edit: usize, section: &Section<'_>) -> Result<(), EditError> {
    let Some(node) = section.value() else { return Ok(()) };
    let (fits, must) = match section.shape {
        Shape::List => (node.as_list().is_some(), "a list"),
        Shape::Lists | Shape::Values | Shape::Sections => (node.as_object().is_some(), "an object"),
        Shape::Single => (true, ""),
    };
    let place = section.name.clone();
    if fits { Ok(()) } else { Err(EditError::Kind { edit, place, is: node.what(), must }) }
}

fn unknown(edit: usize, section: &str, root: &Node) -> EditError {
    let own = root.as_object().unwrap_or_default().iter().map(|it| it.name.as_str());
    let names = || KNOWN.iter().map(|it| it.0).filter(|it| *it != "autoApprovers");
    let instead = match nearest(section, names().chain(own)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    };
    EditError::UnknownSection { edit, section: section.to_owned(), instead }
}

/// The most similar of the names; `None` if none is similar enough.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let close = |it: &&str| strsim::normalized_damerau_levenshtein(&name, &it.to_lowercase());
    let rated = names.map(|it| (close(&it), it)).filter(|it| it.0 > 0.5);
    rated.max_by(|a, b| a.0.total_cmp(&b.0)).map(|it| it.1)
}
