//! One small change of a document, as data: made on the text it keeps the rest, made on the value it
//! says what must come out.

use serde_json::Value;

use super::super::hujson::{Kind, Node};

/// One step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// To a member.
    Name(String),
    /// To an element.
    Index(usize),
}

/// What changes in a list or an object.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A new element, before the one that has the index now.
    Insert(usize, Value),
    /// A new member, behind all others.
    Add(String, Value),
    /// An element or member less.
    Remove(Key),
    /// Another value in the place of this one.
    Replace(Value),
}

/// A change, and where.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// From the root to the value that changes.
    pub(super) path: Vec<Key>,
    pub(super) change: Change,
    /// How many levels below the root have a line for each member, if they are new.
    pub(super) spread: usize,
}

impl Step {
    /// Makes the change on a value; nothing if it does not fit.
    pub(super) fn carry_out(self, root: &mut Value) -> Option<()> {
        let target = self.path.iter().try_fold(root, |it, key| match key {
            Key::Name(name) => it.get_mut(name),
            Key::Index(index) => it.get_mut(index),
        })?;
        match (self.change, target) {
            (Change::Replace(value), target) => *target = value,
            (Change::Insert(index, value), Value::Array(list)) if index <= list.len() => {
                list.insert(index, value);
            }
            (Change::Add(name, value), Value::Object(fields)) if !fields.contains_key(&name) => {
                fields.insert(name, value);
            }
            (Change::Remove(Key::Index(index)), Value::Array(list)) if index < list.len() => {
                list.remove(index);
            }
            (Change::Remove(Key::Name(name)), Value::Object(fields)) => {
                fields.remove(&name)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// The same in smaller steps, if it puts a value in the place of a similar one: what the two have
    /// in common then stays as it is written.
    pub(super) fn refined(self, root: &Node) -> Vec<Self> {
        let Change::Replace(value) = &self.change else { return vec![self] };
        let Some(node) = find(root, &self.path) else { return vec![self] };
        let mut steps = Vec::new();
        if refine(&self.path, node, value, &mut steps) {
            steps.into_iter().map(|it| Self { spread: self.spread, ..it }).collect()
        } else {
            vec![self]
        }
    }
}

/// The value at the end of the path.
pub(super) fn find<'a>(root: &'a Node, path: &[Key]) -> Option<&'a Node> {
    path.iter().try_fold(root, |it, key| match key {
        Key::Name(name) => it.as_object()?.iter().find(|it| it.name == *name).map(|it| &it.value),
        Key::Index(index) => it.as_list()?.get(*index),
    })
}

/// Whether the steps lead from `node` to `value`, without touching what they have in common.
fn refine(path: &[Key], node: &Node, value: &Value, steps: &mut Vec<Step>) -> bool {
    let step = |change| Step { path: path.to_vec(), change, spread: 0 };
    match (&node.kind, value) {
        _ if node.to_json() == *value => true,
        (Kind::Object(members), Value::Object(fields)) => {
            let stays = |name: &String| members.iter().any(|it| it.name == *name);
            if !fields.keys().any(stays) {
                return false;
            }
            for it in members {
                let key = Key::Name(it.name.clone());
                let Some(new) = fields.get(&it.name) else {
                    steps.push(step(Change::Remove(key)));
                    continue;
                };
                let path: Vec<_> = path.iter().cloned().chain([key]).collect();
                if !refine(&path, &it.value, new, steps) {
                    steps.push(Step { path, change: Change::Replace(new.clone()), spread: 0 });
                }
            }
            let new = fields.iter().filter(|it| !stays(it.0));
            steps.extend(new.map(|(name, it)| step(Change::Add(name.clone(), it.clone()))));
            true
        }
        (Kind::List(list), Value::Array(new)) => {
            let (kept, gone): (Vec<_>, Vec<_>) =
                list.iter().map(Node::to_json).enumerate().partition(|(_, it)| new.contains(it));
            let Some(added) = new.get(kept.len()..) else { return false };
            if kept.is_empty() || kept.iter().zip(new).any(|((_, old), new)| old != new) {
                return false;
            }
            let gone = gone.iter().rev().map(|it| step(Change::Remove(Key::Index(it.0))));
            let added = added.iter().zip(kept.len()..);
            steps.extend(gone);
            steps.extend(added.map(|(it, index)| step(Change::Insert(index, it.clone()))));
            true
        }
        _ => false,
    }
}
