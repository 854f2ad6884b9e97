//! Validates `ssh` and `sshTests`.

use super::{Check, Doubt, ROLES, UNKNOWN, unknown, wrong};
use crate::{
    model::{SshAction, SshRule, SshTest},
    selector::{Selector, SelectorKind},
};

/// The longest `checkPeriod`: 168 hours.
const MAX_CHECK_NANOSECONDS: i128 = 168 * 3_600_000_000_000;

impl Check<'_, '_> {
    pub(super) fn ssh(&mut self) {
        for rule in &self.model.ssh {
            self.ssh_rule(rule);
        }
        for (index, test) in self.model.ssh_tests.iter().enumerate() {
            self.ssh_test(index, test);
        }
    }

    fn ssh_rule(&mut self, rule: &SshRule) {
        let path = format!("ssh[{}]", rule.index);
        self.ssh_action(rule, &path);
        self.ssh_users(rule, &path);
        if let Some(empty) = rule.accept_env.iter().find(|it| it.value.is_empty()) {
            let message = "acceptEnv values cannot be empty".to_owned();
            self.error(&empty.at, format!("{path}.acceptEnv"), message, None);
        }
        for selector in &rule.src {
            if let Some(doubt) = self.bad_ssh_source(selector, rule) {
                let right = self.nearest(selector);
                self.doubt(&selector.at, format!("{path}.src"), doubt, right, |it| it);
            }
        }
        let sources = SshSources::of(rule);
        for selector in &rule.dst {
            if let Some(doubt) = self.bad_ssh_target(selector, &sources) {
                let right = self.nearest(selector);
                self.doubt(&selector.at, format!("{path}.dst"), doubt, right, |it| it);
            }
        }
        self.check_period(rule, &path);
    }

    fn ssh_action(&mut self, rule: &SshRule, path: &str) {
        if rule.action.is_some() {
            return;
        }
        let written = rule.action_text.as_ref().filter(|it| !it.value.is_empty());
        let message = match written {
            Some(it) => format!("{:?} is not a valid action", it.value),
            None => "action must be specified".to_owned(),
        };
        let at = written.map_or(&rule.at, |it| &it.at);
        let right = Some("write accept or check".to_owned());
        self.error(at, format!("{path}.action"), message, right);
    }

    fn ssh_users(&mut self, rule: &SshRule, path: &str) {
        let path = format!("{path}.users");
        if rule.users.is_empty() {
            self.error(&rule.at, path.clone(), "users must be specified".to_owned(), None);
        }
        for user in &rule.users {
            let name = user.value.as_str();
            if matches!(name, "" | "*") {
                let right = Some("write autogroup:nonroot for everybody but root".to_owned());
                self.error(&user.at, path.clone(), format!("user {name:?} is not valid"), right);
            }
            if let Some(foreign) = localpart(name).and_then(|it| self.foreign(it)) {
                self.error(&user.at, path.clone(), foreign, None);
            }
        }
    }

    fn bad_ssh_source(&self, selector: &Selector, rule: &SshRule) -> Option<Doubt> {
        let text = &selector.text;
        let is_check = rule.action == Some(SshAction::Check);
        match &selector.kind {
            SelectorKind::Domain(domain) => {
                self.foreign_user(domain).and_then(|foreign| wrong(format!("[ssh] {foreign}")))
            }
            SelectorKind::User(_) => None,
            SelectorKind::Tag(_) if is_check && self.missing(selector).is_none() => {
                unknown(format!("action \"check\" with the src {text:?}, which is no user"))
            }
            SelectorKind::Group(_) | SelectorKind::Tag(_) | SelectorKind::Other(_) => {
                self.missing(selector)
            }
            SelectorKind::Autogroup(name) if name == "member" || ROLES.contains(&name.as_str()) => {
                None
            }
            SelectorKind::Autogroup(name) if name == "tagged" && !is_check => None,
            SelectorKind::Autogroup(name) if matches!(name.as_str(), "self" | "internet") => {
                wrong(format!("{text:?} is not allowed in src"))
            }
            SelectorKind::Autogroup(_) => unknown(format!("{text:?} in src of an SSH rule")),
            _ => wrong(format!("invalid src {text:?}")),
        }
    }

    fn bad_ssh_target(&self, selector: &Selector, sources: &SshSources<'_>) -> Option<Doubt> {
        let text = &selector.text;
        let tagged = sources.has_tags;
        let people = |text: &str| {
            wrong(format!("{text:?} in dst: tagged devices cannot log in on devices of people"))
        };
        match &selector.kind {
            SelectorKind::Tag(_) | SelectorKind::Other(_) => self.missing(selector),
            SelectorKind::User(user) => {
                if tagged {
                    people(text)
                } else if sources.only.is_none_or(|only| only == user) && sources.are_one {
                    None
                } else {
                    wrong(format!("user {text:?} in dst requires src to be that same user"))
                }
            }
            SelectorKind::Autogroup(name) => match name.as_str() {
                "self" | "member" if tagged => people(text),
                "self" | "tagged" => None,
                "internet" => wrong(format!("{text:?} is not allowed in dst")),
                _ => unknown(format!("{text:?} in dst of an SSH rule")),
            },
            _ => wrong(format!("invalid dst {text:?}")),
        }
    }

    fn check_period(&mut self, rule: &SshRule, path: &str) {
        let Some(period) = &rule.check_period else { return };
        let path = format!("{path}.checkPeriod");
        let text = period.value.trim();
        if text == "always" {
            return;
        }
        let message = match duration(text) {
            None => format!("time: invalid duration {:?}", period.value),
            Some(it) if it < 0 => {
                format!("checkPeriod {} must be a positive duration", go_duration(it))
            }
            Some(it) if it > MAX_CHECK_NANOSECONDS => {
                format!("checkPeriod {} is above the max (168h)", go_duration(it))
            }
            Some(_) if rule.action == Some(SshAction::Accept) => {
                "checkPeriod is only valid with action \"check\"".to_owned()
            }
            Some(_) => return,
        };
        self.error(&period.at, path, message, Some("write it like 12h, or always".to_owned()));
    }

    fn ssh_test(&mut self, index: usize, test: &SshTest) {
        if Selector::parse(&test.src, 0..0).is_autogroup("member") {
            let (path, message) = (format!("sshTests[{index}].src"), format!("src {:?}", test.src));
            self.problems.warning(&test.at, path, message, UNKNOWN);
        }
        for target in &test.dst {
            let selector = target.selector();
            let is_one = |written: &str| {
                written.parse::<crate::address::Span>().map_or(true, |it| it.is_one())
            };
            let fits = match &selector.kind {
                SelectorKind::Tag(tag) if self.model.owners(tag).is_none() => {
                    let message = format!("SSH tests dst contains unknown tag {:?}", selector.text);
                    let right = self.nearest(&selector);
                    self.error(&target.at, format!("sshTests[{index}].dst"), message, right);
                    continue;
                }
                SelectorKind::Addresses(span) => span.is_one(),
                SelectorKind::Host(host) => {
                    self.model.host(host).is_none_or(|it| is_one(it.value.trim()))
                }
                SelectorKind::Autogroup(name) => name != "internet",
                _ => true,
            };
            if !fits {
                let message =
                    format!("SSH tests dst contains disallowed element {:?}", selector.text);
                self.error(&target.at, format!("sshTests[{index}].dst"), message, None);
            }
        }
    }
}

/// What the sources of an SSH rule mean for its destinations.
struct SshSources<'r> {
    /// Whether tagged devices are among them.
    has_tags: bool,
    /// The first user among them.
    only: Option<&'r str>,
    /// Whether they are all the same user; also true if there are none.
    are_one: bool,
}

impl<'r> SshSources<'r> {
    fn of(rule: &'r SshRule) -> Self {
        let is_tag =
            |it: &Selector| matches!(it.kind, SelectorKind::Tag(_)) || it.is_autogroup("tagged");
        let user = |it: &'r Selector| match &it.kind {
            SelectorKind::User(login) => Some(login.as_str()),
            _ => None,
        };
        let only = rule.src.iter().find_map(user);
        let are_one = rule.src.iter().all(|it| user(it).is_some() && user(it) == only);
        Self { has_tags: rule.src.iter().any(is_tag), only, are_one }
    }
}

/// The domain in `localpart:*@example.com`; `None` for any other user name.
pub(crate) fn localpart(user: &str) -> Option<&str> {
    let (name, domain) = user.strip_prefix("localpart:")?.rsplit_once('@')?;
    (name == "*" && !domain.is_empty()).then_some(domain)
}

/// Parses a Go duration such as `1h30m`, `-1m` or `0` into nanoseconds.
fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut sum: f64 = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|it: char| it.is_ascii_digit() || it == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3_600e9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a duration of centuries is refused anyway"
    )]
    Some(sign * sum as i128)
}

/// Formats nanoseconds as Go prints a duration: `168h0m1s`.
fn go_duration(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let (seconds, rest) = (total / 1_000_000_000, total % 1_000_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let seconds = if rest == 0 {
        format!("{seconds}s")
    } else {
        let fraction = format!("{rest:09}");
        format!("{seconds}.{}s", fraction.trim_end_matches('0'))
    };
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}"),
        (0, _) => format!("{sign}{minutes}m{seconds}"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}"),
    }
}
