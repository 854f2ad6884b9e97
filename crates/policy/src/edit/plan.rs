//! Turns an edit into the steps that it takes on a given file.

use serde_json::{Map, Value, json};

use super::super::hujson::{Member, Node};
use super::{
    Edit, Op,
    error::{EditError, elements, names, short},
    section::{self, Section, Shape, nearest},
    step::{Change, Key, Step},
};

/// The steps that an edit takes, in order; none if the file already is as the edit wants it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Remarks about the edit for the user, such as removed comments.
    pub(super) notes: Vec<String>,
}

type Result<T> = std::result::Result<T, EditError>;

/// The plan for edit number `number` on the file with this root value.
pub(super) fn plan(edit: &Edit, number: usize, root: &Node) -> Result<Plan> {
    let section = section::find(number, &edit.section, edit.name.is_some(), root)?;
    let shape = section.shape;
    let planner = Planner { edit, number, section };
    match shape {
        Shape::List => planner.list(),
        Shape::Lists => planner.lists(),
        Shape::Values => planner.values(),
        Shape::Single => planner.single(),
        Shape::Sections => {
            Err(planner
                .wrong("section", "has sections in it; name one, like `autoApprovers.routes`"))
        }
    }
}

struct Planner<'a> {
    edit: &'a Edit,
    number: usize,
    section: Section<'a>,
}

impl Planner<'_> {
    fn list(&self) -> Result<Plan> {
        self.not_wanted("name", self.edit.name.is_some(), "is not used in a list; use `index`")?;
        let list = self.section.value().and_then(Node::as_list).unwrap_or_default();
        match self.edit.op {
            Op::Add => self.add_element(list),
            Op::Remove => {
                let index = self.which(list)?;
                Ok(self.one(&[], Change::Remove(Key::Index(index))))
            }
            Op::Set => {
                let value = self.element()?;
                let index = self.edit.index.ok_or_else(|| {
                    self.wrong("index", "is missing; say which element to replace, from 0")
                })?;
                let old = list.get(index).ok_or_else(|| self.no_index(index, list))?;
                Ok(self.replace(&[Key::Index(index)], old, value))
            }
        }
    }

    fn add_element(&self, list: &[Node]) -> Result<Plan> {
        let value = self.element()?;
        let index = self.edit.index.unwrap_or(list.len());
        if index > list.len() {
            return Err(self.no_index(index, list));
        }
        let there = list.iter().position(|it| it.to_json() == *value);
        match there.filter(|_| self.edit.index.is_none()) {
            Some(at) => Ok(self.already(&format!("has this at {at}"))),
            None if self.section.value().is_none() => Ok(self.create(json!([value]))),
            None => Ok(self.one(&[], Change::Insert(index, value.clone()))),
        }
    }

    /// The index of the element to remove, found by index or by value.
    fn which(&self, list: &[Node]) -> Result<usize> {
        let is_it = |node: &Node| self.edit.value.as_ref().is_none_or(|it| node.to_json() == *it);
        let found = match (self.edit.index, &self.edit.value) {
            (Some(index), _) => match list.get(index) {
                Some(node) if is_it(node) => return Ok(index),
                Some(node) => {
                    let problem =
                        format!("is not what stands at {index}: {}", short(&node.to_json()));
                    return Err(self.wrong("value", &problem));
                }
                None => return Err(self.no_index(index, list)),
            },
            (None, Some(_)) => list.iter().enumerate().filter(|it| is_it(it.1)).map(|it| it.0),
            (None, None) => {
                let problem =
                    "is missing; say which element to remove, from 0, or give its `value`";
                return Err(self.wrong("index", problem));
            }
        };
        match found.collect::<Vec<_>>().as_slice() {
            [one] => Ok(*one),
            [] => Err(self.absent("such value", elements(list))),
            several => {
                let indexes: Vec<_> = several.iter().map(usize::to_string).collect();
                let section = self.section.name.clone();
                let indexes = indexes.join(", ");
                Err(EditError::Ambiguous { edit: self.number, section, indexes })
            }
        }
    }

    fn lists(&self) -> Result<Plan> {
        let name = self.name()?;
        let Some(member) = self.member(name) else {
            return match self.edit.op {
                Op::Remove => Err(self.no_name(name)),
                Op::Add => Ok(self.create_named(name, self.members()?.into())),
                Op::Set => Ok(self.create_named(name, self.whole_list()?.clone())),
            };
        };
        let key = Key::Name(member.name.clone());
        if self.edit.op == Op::Set {
            return Ok(self.replace(&[key], &member.value, self.whole_list()?));
        }
        if self.edit.op == Op::Remove && self.edit.value.is_none() {
            return Ok(self.one(&[], Change::Remove(key)));
        }
        let list = match &member.value {
            it if it.is_null() => &[],
            it => it.as_list().ok_or_else(|| self.no_list(name, it))?,
        };
        if self.edit.op == Op::Remove {
            self.remove_members(key, list)
        } else {
            self.add_members(key, &member.value, list)
        }
    }

    fn add_members(&self, key: Key, node: &Node, list: &[Node]) -> Result<Plan> {
        let mut all: Vec<_> = list.iter().map(Node::to_json).collect();
        let mut plan = Plan::default();
        for it in self.members()? {
            if all.contains(&it) {
                plan.notes.extend(self.already(&format!("has {} there", short(&it))).notes);
                continue;
            }
            let insert = Change::Insert(all.len(), it.clone());
            plan.steps.extend(self.one(std::slice::from_ref(&key), insert).steps);
            all.push(it);
        }
        if node.is_null() && !plan.steps.is_empty() {
            plan.steps = self.one(&[key], Change::Replace(all.into())).steps;
        }
        Ok(plan)
    }

    fn remove_members(&self, key: Key, list: &[Node]) -> Result<Plan> {
        let all: Vec<_> = list.iter().map(Node::to_json).collect();
        let gone = self.members()?;
        if let Some(absent) = gone.iter().find(|it| !all.contains(it)) {
            return Err(self.absent(&short(absent), elements(list)));
        }
        let indexes =
            (0..all.len()).rev().filter(|at| all.get(*at).is_some_and(|it| gone.contains(it)));
        let path = [key];
        let steps = indexes.flat_map(|at| self.one(&path, Change::Remove(Key::Index(at))).steps);
        Ok(Plan { steps: steps.collect(), notes: Vec::new() })
    }

    fn values(&self) -> Result<Plan> {
        let name = self.name()?;
        let member = self.member(name);
        let key = member.map(|it| Key::Name(it.name.clone()));
        match (self.edit.op, member, key) {
            (Op::Remove, Some(member), Some(key)) => {
                let expected =
                    self.edit.value.as_ref().is_none_or(|it| *it == member.value.to_json());
                let is = short(&member.value.to_json());
                let wrong = || self.wrong("value", &format!("is not what {name:?} has: {is}"));
                if expected { Ok(self.one(&[], Change::Remove(key))) } else { Err(wrong()) }
            }
            (Op::Remove, ..) => Err(self.no_name(name)),
            (Op::Set, Some(member), Some(key)) => {
                Ok(self.replace(&[key], &member.value, self.value()?))
            }
            (Op::Add, Some(member), _) => {
                let (edit, old) = (self.number, member.value.to_json());
                if old == *self.value()? {
                    return Ok(self.already(&format!("has {name:?} like that")));
                }
                let section = self.section.name.clone();
                Err(EditError::Exists { edit, section, name: name.to_owned(), value: short(&old) })
            }
            _ => Ok(self.create_named(name, self.value()?.clone())),
        }
    }

    fn single(&self) -> Result<Plan> {
        let problem = "is not used here, the section is one value";
        self.not_wanted("name", self.edit.name.is_some(), problem)?;
        self.not_wanted("index", self.edit.index.is_some(), problem)?;
        match (self.edit.op, self.section.node()) {
            (Op::Add, _) => {
                Err(self.wrong("op", "must be `set` or `remove`, the section is one value"))
            }
            (Op::Set, Some(node)) => Ok(self.replace(&[], node, self.value()?)),
            (Op::Set, None) => Ok(self.create(self.value()?.clone())),
            (Op::Remove, Some(_)) => {
                let mut path = self.section.path.clone();
                let name = path.pop().unwrap_or_default();
                let path = path.into_iter().map(Key::Name).collect();
                let change = Change::Remove(Key::Name(name));
                let step = Step { path, change, spread: self.section.spread };
                Ok(Plan { steps: vec![step], notes: Vec::new() })
            }
            (Op::Remove, None) => {
                let (edit, what) = (self.number, format!("`{}`", self.section.name));
                let there = "nothing needs to be removed".to_owned();
                Err(EditError::Absent { edit, place: "the file".to_owned(), what, there })
            }
        }
    }
}

/// Reads the fields of the edit.
impl Planner<'_> {
    fn value(&self) -> Result<&Value> {
        let value = self.edit.value.as_ref().filter(|it| !it.is_null());
        value.ok_or_else(|| self.wrong("value", "is missing; say what shall be there"))
    }

    /// The edit's `value`, for a section whose elements are not lists.
    fn element(&self) -> Result<&Value> {
        match self.value()? {
            Value::Array(_) => Err(self.wrong("value", "is a list; one edit is about one element")),
            value => Ok(value),
        }
    }

    /// The edit's `value` as a list without duplicates; a single value counts as a list of one.
    fn members(&self) -> Result<Vec<Value>> {
        let given = match self.value()? {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut members = Vec::new();
        for it in given {
            if !members.contains(it) {
                members.push(it.clone());
            }
        }
        Ok(members)
    }

    fn whole_list(&self) -> Result<&Value> {
        match self.value()? {
            list @ Value::Array(_) => Ok(list),
            _ => Err(self
                .wrong("value", "must be the complete list; `add` and `remove` take one member")),
        }
    }

    fn name(&self) -> Result<&str> {
        let problem = "is not used in a section of names; use `name`";
        self.not_wanted("index", self.edit.index.is_some(), problem)?;
        let name = self.edit.name.as_deref().filter(|it| !it.is_empty());
        name.ok_or_else(|| {
            let there = names(self.section.value());
            self.wrong("name", &format!("is missing; `{}` maps names: {there}", self.section.name))
        })
    }

    fn not_wanted(&self, field: &'static str, given: bool, problem: &str) -> Result<()> {
        if given { Err(self.wrong(field, problem)) } else { Ok(()) }
    }

    fn member(&self, name: &str) -> Option<&Member> {
        self.section.value()?.as_object()?.iter().find(|it| it.name == name)
    }
}

/// Builds the steps.
impl Planner<'_> {
    /// A plan with a single change, at `path` inside the section.
    fn one(&self, path: &[Key], change: Change) -> Plan {
        let section = self.section.path.iter().cloned().map(Key::Name);
        let path = section.chain(path.iter().cloned()).collect();
        let step = Step { path, change, spread: self.section.spread };
        Plan { steps: vec![step], notes: Vec::new() }
    }

    fn replace(&self, path: &[Key], old: &Node, value: &Value) -> Plan {
        if old.to_json() == *value {
            return self.already("is like that");
        }
        self.one(path, Change::Replace(value.clone()))
    }

    fn create_named(&self, name: &str, value: Value) -> Plan {
        if self.section.value().is_some() {
            return self.one(&[], Change::Add(name.to_owned(), value));
        }
        self.create(Value::Object(Map::from_iter([(name.to_owned(), value)])))
    }

    /// A plan that creates the section with `value`, and the objects around it that the file lacks.
    fn create(&self, value: Value) -> Plan {
        let section = &self.section;
        let there = section.there.len() - 1;
        let is_null = section.there.last().is_some_and(|it| it.is_null());
        let missing = section.path.iter().skip(there);
        let wrap = |value, name: &String| json!({ name: value });
        let (change, note) = if is_null {
            (Change::Replace(missing.rev().fold(value, wrap)), "was null")
        } else {
            let name = section.path.get(there).cloned().unwrap_or_default();
            let value = missing.skip(1).rev().fold(value, wrap);
            (Change::Add(name, value), "was not in the file; it is new at the end")
        };
        let path = section.path.iter().take(there).cloned().map(Key::Name).collect();
        let step = Step { path, change, spread: section.spread };
        let note = format!("edit {}: `{}` {note}", self.number, section.name);
        Plan { steps: vec![step], notes: vec![note] }
    }

    /// A plan that changes nothing, with a note that says why.
    fn already(&self, what: &str) -> Plan {
        let note =
            format!("edit {}: `{}` {what} already, nothing to do", self.number, self.place());
        Plan { steps: Vec::new(), notes: vec![note] }
    }
}

/// Builds the errors.
impl Planner<'_> {
    fn wrong(&self, field: &'static str, problem: &str) -> EditError {
        EditError::Field { edit: self.number, field, problem: problem.to_owned() }
    }

    fn place(&self) -> String {
        let name = self.edit.name.as_deref().filter(|_| self.section.shape == Shape::Lists);
        name.unwrap_or(&self.section.name).to_owned()
    }

    fn absent(&self, what: &str, there: String) -> EditError {
        EditError::Absent { edit: self.number, place: self.place(), what: what.to_owned(), there }
    }

    fn no_index(&self, index: usize, list: &[Node]) -> EditError {
        self.absent(&format!("`index` {index}"), elements(list))
    }

    fn no_name(&self, name: &str) -> EditError {
        let node = self.section.value();
        let members = node.and_then(Node::as_object).unwrap_or_default();
        let there = match nearest(name, members.iter().map(|it| it.name.as_str())) {
            Some(near) => format!("did you mean {near:?}?"),
            None => names(node),
        };
        let (edit, place) = (self.number, self.section.name.clone());
        EditError::Absent { edit, place, what: format!("{name:?}"), there }
    }

    fn no_list(&self, name: &str, node: &Node) -> EditError {
        let (edit, is) = (self.number, node.what());
        EditError::Kind { edit, place: name.to_owned(), is, must: "a list" }
    }
}
