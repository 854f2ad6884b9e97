//! Finds the smallest grant that makes the answer to a question yes.

use super::{Question, SmallestGrant};
use crate::{
    compile::Compiled,
    identity::Party,
    ports::protocol_name,
    selector::{Selector, SelectorKind},
};

impl Compiled<'_> {
    /// The narrowest grant that lets all sources of a question reach all its destinations; `None` if no
    /// grant does, or if it is not known which.
    pub(super) fn smallest_grant(
        &self,
        from: &str,
        to: &str,
        question: &Question<'_>,
    ) -> Option<SmallestGrant> {
        if !self.meet_default_posture(question.from) {
            return None;
        }
        let src = self.narrowest(from, question.from)?;
        let one = |parties: &[Party]| match parties {
            [party] => self.person_of(party).map(str::to_ascii_lowercase),
            _ => None,
        };
        let is_own = one(question.from).is_some() && one(question.from) == one(question.to);
        let dst = match question.to {
            [Party::Own] => "autogroup:self".to_owned(),
            _ if is_own => "autogroup:self".to_owned(),
            parties => self.narrowest(to, parties)?,
        };
        // These are not allowed on their side of a grant.
        let are_people = question.from.iter().all(|party| self.person_of(party).is_some());
        let is_refused = (dst == "autogroup:self" && !are_people)
            || matches!(src.as_str(), "autogroup:self" | "autogroup:internet")
            || src.starts_with("svc:")
            || dst == "autogroup:danger-all";
        let ip = format!("{}:{}", protocol_name(question.protocol), question.port);
        (!is_refused).then_some(SmallestGrant { src: [src], dst: [dst], ip: [ip] })
    }

    /// Whether the sources satisfy the posture that a grant without `srcPosture` asks for.
    fn meet_default_posture(&self, sources: &[Party]) -> bool {
        let default = &self.policy.model.default_posture;
        default.is_empty()
            || sources.iter().all(|party| match party {
                Party::Device(index) => self
                    .inventory
                    .devices
                    .get(*index)
                    .is_some_and(|device| self.names.meets(default, device)),
                _ => true,
            })
    }

    /// The selector that includes what was asked about, and as little else as possible. For several users it
    /// is the name that was asked about.
    fn narrowest(&self, asked: &str, parties: &[Party]) -> Option<String> {
        let asked = asked.trim();
        let [party] = parties else { return self.is_selector(asked).then(|| asked.to_owned()) };
        match party {
            Party::Device(index) => {
                let device = self.inventory.devices.get(*index)?;
                let devices_with = |tag: &&String| {
                    self.inventory.devices.iter().filter(|it| it.tags.contains(tag)).count()
                };
                let tag = device.tags.iter().min_by_key(devices_with).cloned();
                tag.or_else(|| Some(device.user.clone()).filter(|it| !it.is_empty()))
            }
            Party::Person(_) if self.is_selector(asked) => Some(asked.to_owned()),
            Party::Person(login) => Some(login.clone()),
            Party::Tagged(tag) => Some(tag.clone()),
            Party::Address(address) => Some(address.to_string()),
            Party::Service(name) => Some(name.clone()),
            Party::Anything => Some(asked.to_owned()),
            Party::Own => None,
        }
    }

    /// Whether what was asked about is a name for several users or devices.
    fn is_selector(&self, asked: &str) -> bool {
        self.device(asked).is_none()
            && matches!(
                Selector::parse(asked, 0..0).kind,
                SelectorKind::Group(_) | SelectorKind::Autogroup(_) | SelectorKind::Domain(_)
            )
    }
}
