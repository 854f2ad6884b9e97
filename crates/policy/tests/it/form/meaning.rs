//! Generates policies and edits, and computes what an edit should do to the JSON, without the text.

use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward_policy::edit::{Edit, Op};

pub(super) fn member() -> impl Strategy<Value = String> {
    "[ab\"/,é]{1,2}"
}

pub(super) fn list() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(member(), 0..4)
}

pub(super) fn rule() -> impl Strategy<Value = Value> {
    (list(), list()).prop_map(|(src, dst)| json!({ "src": src, "dst": dst }))
}

pub(super) fn policy() -> impl Strategy<Value = Value> {
    let lists = || prop::collection::btree_map(member(), prop::option::weighted(0.9, list()), 0..3);
    let sections = (
        prop::option::of(prop::collection::vec(rule(), 0..4)),
        prop::option::of(lists()),
        prop::option::of(prop::collection::btree_map(member(), member(), 0..3)),
        prop::option::of((lists(), list())),
        prop::option::of(any::<bool>()),
        prop::collection::vec(any::<bool>(), 5),
    );
    sections.prop_map(|(grants, groups, hosts, approvers, port, shown)| {
        let approvers =
            approvers.map(|(routes, exit)| json!({ "routes": routes, "exitNode": exit }));
        let all = [
            ("Grants", json!(grants)),
            ("groups", json!(groups)),
            ("hosts", json!(hosts)),
            ("autoapprovers", json!(approvers)),
            ("randomizeClientPort", json!(port)),
        ];
        let shown = all.into_iter().zip(shown).filter(|it| it.1);
        Value::Object(shown.map(|((name, it), _)| (name.to_owned(), it)).collect())
    })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Add, Op::Remove, Op::Set])
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    let index = || prop::option::of(0_usize..4);
    let new = |op, section: &str, name, value, index| Edit {
        op,
        section: section.to_owned(),
        name,
        value,
        index,
    };
    let several = || prop_oneof![member().prop_map(Value::from), list().prop_map(Value::from)];
    prop_oneof![
        4 => (op(), prop::option::weighted(0.8, rule()), index())
            .prop_map(move |(op, it, at)| new(op, "grants", None, it, at)),
        4 => (op(), prop::sample::select(vec!["groups", "autoApprovers.routes"]), member(), prop::option::weighted(0.8, several()))
            .prop_map(move |(op, section, name, it)| new(op, section, Some(name), it, None)),
        2 => (op(), member(), prop::option::weighted(0.8, member()))
            .prop_map(move |(op, name, it)| new(op, "HOSTS", Some(name), it.map(Value::from), None)),
        2 => (op(), prop::option::weighted(0.8, member()), index())
            .prop_map(move |(op, it, at)| new(op, "autoApprovers.exitNode", None, it.map(Value::from), at)),
        1 => (op(), prop::option::of(any::<bool>()))
            .prop_map(move |(op, it)| new(op, "randomizeclientport", None, it.map(Value::from), None)),
    ]
}

/// The value of the section; if it is missing, it is created from `empty`.
fn slot<'a>(file: &'a mut Value, section: &str, empty: Option<Value>) -> Option<&'a mut Value> {
    let mut at = file;
    let parts: Vec<&str> = section.split('.').collect();
    for (depth, part) in parts.iter().enumerate() {
        if at.is_null() {
            empty.as_ref()?;
            *at = json!({});
        }
        let fields = at.as_object_mut()?;
        let key = fields.keys().find(|it| it.eq_ignore_ascii_case(part)).cloned();
        let last = depth + 1 == parts.len();
        if key.is_none() {
            empty.as_ref()?;
        }
        let key = key.unwrap_or_else(|| {
            [
                "grants",
                "groups",
                "hosts",
                "autoApprovers",
                "routes",
                "exitNode",
                "randomizeClientPort",
            ]
            .into_iter()
            .find(|it| it.eq_ignore_ascii_case(part))
            .unwrap()
            .to_owned()
        });
        at = fields.entry(key).or_insert(Value::Null);
        if last && at.is_null() {
            *at = empty.clone()?;
        }
    }
    Some(at)
}

/// What the edit should do to the JSON; `None` if the edit is invalid.
pub(super) fn expected(mut file: Value, edit: &Edit) -> Option<Value> {
    let value = edit.value.clone();
    let adds = edit.op != Op::Remove;
    let several = |it: Value| if let Value::Array(list) = it { list } else { vec![it] };
    match edit.section.to_lowercase().as_str() {
        "grants" | "autoapprovers.exitnode" => {
            let mut copy = file.clone();
            let list = slot(&mut copy, &edit.section, Some(json!([])))?.as_array_mut()?;
            match (edit.op, edit.index, value) {
                (Op::Add, None, Some(it)) if list.contains(&it) => return Some(file),
                (Op::Add, at, Some(it)) if at.unwrap_or(0) <= list.len() => {
                    list.insert(at.unwrap_or(list.len()), it);
                }
                (Op::Set, Some(at), Some(it)) => *list.get_mut(at)? = it,
                (Op::Remove, Some(at), it) => {
                    if it.is_some_and(|it| list.get(at) != Some(&it)) {
                        return None;
                    }
                    list.get(at)?;
                    list.remove(at);
                }
                (Op::Remove, None, Some(it)) => {
                    if list.iter().filter(|other| **other == it).count() != 1 {
                        return None;
                    }
                    list.retain(|other| *other != it);
                }
                _ => return None,
            }
            Some(copy)
        }
        "groups" | "autoapprovers.routes" => {
            let name = edit.name.clone()?;
            if adds
                && !matches!((edit.op, value.as_ref()?), (Op::Add, _) | (Op::Set, Value::Array(_)))
            {
                return None;
            }
            let mut copy = file.clone();
            let map = slot(&mut copy, &edit.section, adds.then(|| json!({})))?.as_object_mut()?;
            match (edit.op, value) {
                (Op::Set, Some(it)) => drop(map.insert(name, it)),
                (Op::Remove, None) => drop(map.remove(&name)?),
                (Op::Remove, Some(it)) => {
                    let gone = several(it);
                    let old = map.get_mut(&name)?;
                    let list = old.as_array().cloned().unwrap_or_default();
                    if gone.iter().any(|it| !list.contains(it)) {
                        return None;
                    }
                    if !gone.is_empty() {
                        old.as_array_mut()?.retain(|it| !gone.contains(it));
                    }
                }
                (_, Some(it)) => {
                    let new = map.entry(name).or_insert_with(|| json!([]));
                    let mut list = new.as_array().cloned().unwrap_or_default();
                    let more: Vec<_> = several(it);
                    let before = list.len();
                    for it in more {
                        if !list.contains(&it) {
                            list.push(it);
                        }
                    }
                    if list.len() > before || new.is_array() {
                        *new = list.into();
                    }
                }
                _ => return None,
            }
            Some(copy)
        }
        "hosts" => {
            let name = edit.name.clone()?;
            if adds {
                value.as_ref()?;
            }
            let map = slot(&mut file, &edit.section, adds.then(|| json!({})))?.as_object_mut()?;
            match (edit.op, value) {
                (Op::Remove, it) => {
                    let old = map.remove(&name)?;
                    if it.is_some_and(|it| it != old) {
                        return None;
                    }
                }
                (Op::Add, Some(it)) if map.get(&name).is_some_and(|old| *old != it) => return None,
                (_, it) => drop(map.insert(name, it?)),
            }
            Some(file)
        }
        _ => {
            let map = file.as_object_mut()?;
            match edit.op {
                Op::Add => return None,
                Op::Remove => drop(map.remove("randomizeClientPort")?),
                Op::Set => drop(map.insert("randomizeClientPort".to_owned(), value?)),
            }
            Some(file)
        }
    }
}
