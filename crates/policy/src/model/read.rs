//! Builds a [`Model`] from a document. Values of the wrong type are reported as problems and left out.

use std::{collections::HashMap, ops::Range};

use serde_json::{Map, Value};

use super::{Approvers, Model, Named, NamedList, Section, Text, access, rest};
use crate::{
    hujson::{Document, Kind, Member, Node},
    problem::{self, Problems},
    selector::Selector,
    validate::UNKNOWN,
};

/// Reads all sections, in the order of the file.
pub(crate) fn read(document: &Document, problems: &mut Problems<'_>) -> Model {
    let root = document.root();
    let Some(sections) = root.as_object() else {
        let message = format!("a policy file is an object, not {}", root.what());
        problems.error(&root.at, "", message, None);
        return Model::default();
    };
    for repeated in document.repeated() {
        twice(&repeated.name, &repeated.at, &repeated.first_at, String::new(), problems);
    }
    spelled_twice(sections, "", problems);
    let mut model = Model::default();
    for section in sections {
        section_of(section, &mut model, problems);
    }
    // Of a section that is there more than once, the last one counts, as it does in Go.
    let restricts = |name: &str| root.member(name).is_some_and(|it| !it.value.is_null());
    model.restricts = restricts("acls") || restricts("grants");
    // Grants take effect before access rules, regardless of their order in the file.
    model.rules.sort_by_key(|it| (it.section, it.index));
    model
}

/// Warns about names that differ only in case, where case does not matter. Equal names are found by the
/// parser.
fn spelled_twice(members: &[Member], path: &str, problems: &mut Problems<'_>) {
    let mut first: HashMap<String, &Member> = HashMap::with_capacity(members.len());
    for member in members {
        let earlier = *first.entry(member.name.to_ascii_lowercase()).or_insert(member);
        if earlier.name != member.name {
            let (name, path) = (&member.name, path.to_owned());
            twice(name, &member.name_at, &earlier.name_at, path, problems);
        }
    }
}

fn twice(
    name: &str,
    at: &Range<usize>,
    first: &Range<usize>,
    path: String,
    problems: &mut Problems<'_>,
) {
    let line = problems.place(first.start).line;
    let message = format!("the name {:?} is here twice, first in line {line}", problem::name(name));
    let right = "the last one counts here; join them, Tailscale decides";
    problems.warning(at, path, message, right);
}

fn section_of(section: &Member, model: &mut Model, problems: &mut Problems<'_>) {
    let (node, name) = (&section.value, section.name.as_str());
    let mut reader = Reader { problems, path: problem::name(name).into_owned() };
    match name.to_ascii_lowercase().as_str() {
        "acls" => {
            model.rules.retain(|rule| rule.section != Section::Acls);
            access::rules(node, Section::Acls, &mut reader, &mut model.rules);
        }
        "grants" => {
            model.rules.retain(|rule| rule.section != Section::Grants);
            access::rules(node, Section::Grants, &mut reader, &mut model.rules);
        }
        "groups" => reader.lists(node, &mut model.groups),
        "hosts" => reader.texts_by_name(node, &mut model.hosts),
        "ipsets" => reader.lists(node, &mut model.ip_sets),
        "tagowners" => reader.lists(node, &mut model.tag_owners),
        "autoapprovers" => model.approvers = approvers(node, &mut reader),
        "ssh" => model.ssh = rest::ssh(node, &mut reader),
        "nodeattrs" => model.attributes = rest::attributes(node, &mut reader),
        "postures" => reader.lists(node, &mut model.postures),
        "defaultsrcposture" => model.default_posture = reader.texts(node),
        "tests" => model.tests = rest::tests(node, &mut reader),
        "sshtests" => model.ssh_tests = rest::ssh_tests(node, &mut reader),
        "randomizeclientport" => model.randomize_client_port = reader.switch(node),
        "derpmap" | "disableipv4" | "onecgnatroute" | "attrconfig" | "extradnsrecords" => {}
        _ => {
            model.unknown.push(Text { value: name.to_owned(), at: section.name_at.clone() });
        }
    }
}

fn approvers(node: &Node, reader: &mut Reader<'_, '_>) -> Approvers {
    let mut approvers = Approvers::default();
    let named = |value: &Node, reader: &mut Reader<'_, '_>| -> Vec<Named<Vec<Selector>>> {
        let selectors = |it: Named<Vec<Text>>| Named {
            name: it.name,
            value: it.value.iter().map(Text::selector).collect(),
        };
        let mut lists = NamedList::default();
        reader.lists(value, &mut lists);
        lists.iter().cloned().map(selectors).collect()
    };
    reader.fields(node, |reader, name, value| {
        match name.to_ascii_lowercase().as_str() {
            "routes" => approvers.routes = named(value, reader),
            "services" => approvers.services = named(value, reader),
            "exitnode" => approvers.exit_node = reader.selectors(value),
            _ => return false,
        }
        true
    });
    approvers
}

impl Text {
    pub(crate) fn selector(&self) -> Selector {
        Selector::parse(&self.value, self.at.clone())
    }
}

/// Reads values, and reports problems with the path of the value in the file.
pub(super) struct Reader<'r, 'd> {
    pub(super) problems: &'r mut Problems<'d>,
    pub(super) path: String,
}

impl Reader<'_, '_> {
    /// Runs `read` with `step` appended to the current path, so that problems name the nested field.
    pub(super) fn below<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let done = read(self);
        self.path.truncate(length);
        done
    }

    fn misfit(&mut self, node: &Node, wanted: &str) {
        let message = format!("{} must be {wanted}, not {}", self.path, node.what());
        self.problems.error(&node.at, self.path.clone(), message, None);
    }

    pub(super) fn error(&mut self, at: &Range<usize>, message: String) {
        self.problems.error(at, self.path.clone(), message, None);
    }

    /// Calls `each` for every entry of a list; `null` counts as an empty list.
    pub(super) fn entries(&mut self, node: &Node, mut each: impl FnMut(&mut Self, usize, &Node)) {
        match &node.kind {
            Kind::Null => {}
            Kind::List(list) => {
                for (index, entry) in list.iter().enumerate() {
                    self.below(&format!("[{index}]"), |it| each(it, index, entry));
                }
            }
            _ => self.misfit(node, "a list"),
        }
    }

    /// Calls `each` for every field of an object; it returns whether it knows the field. There is a warning
    /// about unknown ones, except names that start with `#`, which other programs use for remarks.
    pub(super) fn fields(
        &mut self,
        node: &Node,
        mut each: impl FnMut(&mut Self, &str, &Node) -> bool,
    ) {
        let members = match &node.kind {
            Kind::Null => return,
            Kind::Object(members) => members,
            _ => return self.misfit(node, "an object"),
        };
        spelled_twice(members, &self.path, self.problems);
        for member in members {
            let known = self.below(&format!(".{}", problem::name(&member.name)), |it| {
                each(it, &member.name, &member.value)
            });
            if !known && !member.name.starts_with('#') {
                let message = format!("unknown field {:?}", problem::name(&member.name));
                self.problems.warning(&member.name_at, self.path.clone(), message, UNKNOWN);
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<Text> {
        match &node.kind {
            Kind::Null => None,
            Kind::Text(value) => Some(Text { value: value.clone(), at: node.at.clone() }),
            _ => {
                self.misfit(node, "a text");
                None
            }
        }
    }

    pub(super) fn texts(&mut self, node: &Node) -> Vec<Text> {
        let mut texts = Vec::new();
        self.entries(node, |it, _, entry| texts.extend(it.text(entry)));
        texts
    }

    pub(super) fn selectors(&mut self, node: &Node) -> Vec<Selector> {
        self.texts(node).iter().map(Text::selector).collect()
    }

    pub(super) fn switch(&mut self, node: &Node) -> bool {
        match node.kind {
            Kind::Null => false,
            Kind::Bool(on) => on,
            _ => {
                self.misfit(node, "true or false");
                false
            }
        }
    }

    /// Reads an object whose values are passed on uninterpreted.
    pub(super) fn values(&mut self, node: &Node) -> Map<String, Value> {
        match node.to_json() {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            _ => {
                self.misfit(node, "an object");
                Map::new()
            }
        }
    }

    /// Adds the members of an object to those that are known.
    fn lists(&mut self, node: &Node, lists: &mut NamedList<Vec<Text>>) {
        self.members(node, |it, name, value| {
            let value = it.texts(value);
            lists.push(Named { name, value });
        });
    }

    fn texts_by_name(&mut self, node: &Node, texts: &mut NamedList<Text>) {
        self.members(node, |it, name, value| {
            if let Some(value) = it.text(value) {
                texts.push(Named { name, value });
            }
        });
    }

    /// Calls `each` for every member of an object whose names the file chooses, such as `groups`.
    fn members(&mut self, node: &Node, mut each: impl FnMut(&mut Self, Text, &Node)) {
        let members = match &node.kind {
            Kind::Null => return,
            Kind::Object(members) => members,
            _ => return self.misfit(node, "an object"),
        };
        for member in members {
            let name = Text { value: member.name.clone(), at: member.name_at.clone() };
            self.below(&format!("[{:?}]", problem::name(&member.name)), |it| {
                each(it, name, &member.value);
            });
        }
    }
}
