//! The first line about a change that opens or closes everything.

use super::cut::Reach;
use crate::{
    compile::{Compiled, Special},
    ports::Ports,
};

pub(super) fn of(before: &Compiled<'_>, after: &Compiled<'_>) -> Option<String> {
    if let Some(why) = opening(after).filter(|_| opening(before).is_none()) {
        return Some(format!("THIS OPENS EVERYTHING: {why}"));
    }
    let reaches = |policy: &Compiled<'_>| !Reach::of(policy).out.is_empty();
    let closes = reaches(before) && !reaches(after);
    closes.then(|| "THIS CLOSES EVERYTHING: no device reaches any other any more".to_owned())
}

/// Why every device reaches every other on all ports; `None` unless the file has no rules, or a single
/// rule allows it.
fn opening(policy: &Compiled<'_>) -> Option<String> {
    if !policy.policy.model.restricts {
        let why = "a file without acls and grants lets every device reach every other on all ports";
        return Some(why.to_owned());
    }
    let everything = |special: Special| matches!(special, Special::Any | Special::Everything);
    policy.rules.iter().find_map(|access| {
        let is_open = access.targets.iter().any(|goal| {
            everything(goal.set.special) && goal.ports.iter().any(|it| it.covers(&Ports::ALL))
        });
        let is_plain = access.via.is_none() && access.source.fit.is_none();
        let rule =
            access.rule.filter(|_| is_open && is_plain && everything(access.source.special))?;
        Some(format!("{} lets every device reach every other on all ports", rule.label()))
    })
}
