//! A single change of a document, as data. It is applied to the text, which keeps everything else, and to
//! the parsed value, to check the result.

use serde_json::Value;

use super::super::hujson::{Kind, Node};

/// One part of a path to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// The name of a member.
    Name(String),
    /// The index of an element.
    Index(usize),
}

/// What changes in a list or an object.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Inserts an element before the one at this index.
    Insert(usize, Value),
    /// Adds a member after all others.
    Add(String, Value),
    /// Removes an element or member.
    Remove(Key),
    /// Replaces the value.
    Replace(Value),
}

/// A change, and the path to the value that it changes.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The path from the root to the value that changes.
    pub(super) path: Vec<Key>,
    pub(super) change: Change,
    /// How many levels below the root are written with one member per line if they are new.
    pub(super) spread: usize,
}

impl Step {
    /// Applies the change to a value; `None` if it does not fit.
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

    /// Splits the replacement of a value by a similar one into smaller steps, so that what the two have in
    /// common stays as written. Other steps are returned unchanged.
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

/// The value at `path`; `None` if there is none.
pub(super) fn find<'a>(root: &'a Node, path: &[Key]) -> Option<&'a Node> {
    path.iter().try_fold(root, |it, key| match key {
        Key::Name(name) => it.as_object()?.iter().find(|it| it.name == *name).map(|it| &it.value),
        Key::Index(index) => it.as_list()?.get(*index),
    })
}

/// Collects the steps that turn `node` into `value` and keep what they have in common. False if the two are
/// too different.
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
