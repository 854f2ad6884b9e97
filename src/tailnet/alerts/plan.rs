//! Plans of changes to rules, acknowledgements and mutes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    Active, Alerts, Mute, Origin, Ready, Rule,
    replay::{Before, Preview},
    subjects::{ACKNOWLEDGEMENTS, MUTES, RULES},
};
use crate::{
    Error,
    alerts::{Episode, State},
    change::{Item, Plan},
    client::Result,
    tailnet::devices::tools::listing::filter_of,
    words::{counted, to_the_second},
};

/// The most rules that a tailnet may have.
const MAX_RULES: usize = 200;
/// The most mutes that may be in force.
const MAX_MUTES: usize = 100;
/// The longest note or reason.
const MAX_TEXT: usize = 500;
/// The longest mute.
const LONGEST_MUTE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How many names a note lists.
const NAMES: usize = 5;

impl Alerts<'_> {
    /// Plans to set rules, each in place of the one with its name, and to remove rules that somebody set. What
    /// a rule leaves out stays as it is. The plan notes what would fire now, and what would have fired before.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a rule that cannot be used, an unknown receiver,
    /// and a rule to remove that nobody set; [`History`](crate::ErrorKind::History) if no history is kept.
    pub async fn plan_rules(self, rules: &[Rule], remove: &[String]) -> Result<Plan> {
        self.history()?;
        let (before, broken) = self.rules().await?;
        let mut items = Vec::new();
        let mut ready = Vec::new();
        let mut notes = Vec::new();
        for rule in rules {
            if remove.contains(&rule.name) {
                let should = format!("has `{}`, which is also to be set", rule.name);
                return Err(Error::invalid_input("remove", should));
            }
            if rules.iter().filter(|it| it.name == rule.name).count() > 1 {
                let should = format!("has `{}` more than once", rule.name);
                return Err(Error::invalid_input("rules", should));
            }
            let was = before.iter().find(|it| it.rule.name == rule.name);
            let rule = match was {
                Some(was) => rule.over(&was.rule)?,
                None => rule.clone(),
            };
            let checked = rule.ready(Origin::Set)?;
            self.check_receivers(&checked)?;
            if let Some(was) = was
                && was.condition() != checked.condition()
            {
                notes.push(format!("`{}`: its current alerts end and start again", rule.name));
            }
            let to = serde_json::to_value(&rule).unwrap_or_default();
            let change = RULES.change(self.tailnet, &rule.name, to).await?;
            let changes = if change.from == change.to { Vec::new() } else { vec![change] };
            items.push(Item::new(&RULES, &rule.name, &rule.name, changes));
            ready.push(checked);
        }
        let is_new = |it: &&Ready| !before.iter().any(|was| was.rule.name == it.rule.name);
        if before.len() + ready.iter().filter(is_new).count() > MAX_RULES {
            let should = format!("would make more than {MAX_RULES} rules; remove some");
            return Err(Error::invalid_input("rules", should));
        }
        for name in remove {
            Self::check_removal(name, &before, &broken)?;
            let change = RULES.change(self.tailnet, name, Value::Null).await?;
            items.push(Item::new(&RULES, name, name, vec![change]));
        }
        let mut plan = Plan::new(items);
        plan.notes = notes;
        let on: Vec<Ready> = ready.into_iter().filter(Ready::is_on).collect();
        if !on.is_empty() {
            match self.preview(&on, Timestamp::now()).await {
                Ok(previews) => {
                    let each = on.iter().zip(&previews);
                    plan.notes.extend(each.flat_map(|(rule, it)| notes_on(rule, it)));
                }
                Err(error) => {
                    plan.notes.push(format!("what would fire now is not known: {error}"));
                }
            }
        }
        Ok(plan)
    }

    fn check_receivers(self, rule: &Ready) -> Result<()> {
        let setup = self.tailnet.alert_setup();
        let known = setup.as_ref().map(|it| it.receivers.as_slice()).unwrap_or_default();
        let Some(unknown) = rule.notify().iter().find(|it| !known.contains(it)) else {
            return Ok(());
        };
        let should = if known.is_empty() {
            format!("has `{unknown}`, but the config file has no receivers; add one there")
        } else {
            format!("has `{unknown}`; the receivers of the config file are {}", known.join(", "))
        };
        Err(Error::invalid_input("notify", format!("{should} (rule `{}`)", rule.rule.name)))
    }

    fn check_removal(name: &str, rules: &[Ready], broken: &[super::Broken]) -> Result<()> {
        let origin = rules.iter().find(|it| it.rule.name == name).map(|it| it.origin);
        let why = match origin {
            Some(Origin::Set) => return Ok(()),
            None if broken.iter().any(|it| it.name == name) => return Ok(()),
            Some(Origin::BuiltIn) => "is built in; turn it off with `on: false`",
            Some(Origin::Config) => "is in the config file; remove it there, or set `on: false`",
            None => "is no rule",
        };
        Err(Error::invalid_input("remove", format!("has `{name}`, which {why}")))
    }

    /// Plans to note that somebody takes care of alerts: of one, by its ID, or of all of a
    /// rule that fire now.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if nothing such fires;
    /// [`History`](crate::ErrorKind::History) if no history is kept.
    pub async fn plan_acknowledge(
        self,
        alert: Option<&str>,
        rule: Option<&str>,
        note: &str,
        length: Option<SignedDuration>,
    ) -> Result<Plan> {
        let now = Timestamp::now();
        check_text("note", note)?;
        let active = self.active(false, now).await?;
        let chosen = chosen(&active, alert, rule)?;
        let until = length.map(|it| now.checked_add(it).unwrap_or(Timestamp::MAX));
        let mut to = json!({ "by": self.tailnet.actor().principal });
        let mut put = |name: &str, value: Value| {
            if let Some(fields) = to.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if !note.is_empty() {
            put("note", note.into());
        }
        if let Some(until) = until {
            put("until", to_the_second(until).into());
        }
        let mut items = Vec::new();
        for it in chosen {
            let id = &it.episode.id;
            let change = ACKNOWLEDGEMENTS.change(self.tailnet, id, to.clone()).await?;
            let name = name_of(&it.episode);
            items.push(Item::new(&ACKNOWLEDGEMENTS, id, &name, vec![change]));
        }
        let mut plan = Plan::new(items);
        plan.notes.push("no reminders until the alert is resolved".to_owned());
        Ok(plan)
    }

    /// Plans to tell nobody of alerts for a time: of a rule, of devices, or of all.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown rule, a filter that is none, a time of
    /// more than 90 days, or without a reason; [`History`](crate::ErrorKind::History) if no history is kept.
    pub async fn plan_mute(
        self,
        rule: Option<&str>,
        scope: Map<String, Value>,
        reason: &str,
        length: SignedDuration,
    ) -> Result<Plan> {
        self.history()?;
        check_text("reason", reason)?;
        if reason.trim().is_empty() {
            return Err(Error::invalid_input("reason", "is empty; say why"));
        }
        if length > LONGEST_MUTE || length.is_zero() {
            return Err(Error::invalid_input("for", "must be more than 0 and at most `90d`"));
        }
        if let Some(rule) = rule {
            let (rules, _) = self.rules().await?;
            if !rules.iter().any(|it| it.rule.name == rule) {
                let all: Vec<&str> = rules.iter().map(|it| it.rule.name.as_str()).collect();
                let should = format!("is `{rule}`; the rules are {}", all.join(", "));
                return Err(Error::invalid_input("rule", should));
            }
        }
        filter_of(Value::Object(scope.clone()))?;
        let now = Timestamp::now();
        let mutes = self.mutes(now).await?.len();
        if mutes >= MAX_MUTES {
            let should = format!("is given, but {MAX_MUTES} mutes are in force; end some");
            return Err(Error::invalid_input("reason", should));
        }
        let until = now.checked_add(length).unwrap_or(Timestamp::MAX);
        let mut to = json!({
            "by": self.tailnet.actor().principal,
            "reason": reason,
            "until": to_the_second(until),
        });
        if let Some(fields) = to.as_object_mut() {
            if let Some(rule) = rule {
                fields.insert("rule".to_owned(), rule.into());
            }
            if !scope.is_empty() {
                fields.insert("scope".to_owned(), Value::Object(scope.clone()));
            }
        }
        let name = match (rule, scope.is_empty()) {
            (None, true) => "all alerts".to_owned(),
            (Some(rule), true) => rule.to_owned(),
            (None, false) => Value::Object(scope).to_string(),
            (Some(rule), false) => format!("{rule} {}", Value::Object(scope)),
        };
        let id = format!("{}-{}", now.as_millisecond(), mutes + 1);
        let change = MUTES.change(self.tailnet, &id, to).await?;
        let mut plan = Plan::one(&MUTES, &id, &name, vec![change]);
        plan.notes.push("its alerts are still listed, as muted".to_owned());
        Ok(plan)
    }

    /// Plans to end a mute.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such mute.
    pub async fn plan_unmute(self, id: &str) -> Result<Plan> {
        let mutes = self.mutes(Timestamp::now()).await?;
        let Some(mute) = mutes.iter().find(|it| it.id == id) else {
            let all: Vec<&str> = mutes.iter().map(|it: &Mute| it.id.as_str()).collect();
            let all = if all.is_empty() { "there are none".to_owned() } else { all.join(", ") };
            return Err(Error::invalid_input("end", format!("is `{id}`; mutes: {all}")));
        };
        let change = MUTES.change(self.tailnet, id, Value::Null).await?;
        Ok(Plan::one(&MUTES, id, &mute.reason, vec![change]))
    }
}

/// The alerts that are meant.
fn chosen<'a>(
    active: &'a [Active],
    alert: Option<&str>,
    rule: Option<&str>,
) -> Result<Vec<&'a Active>> {
    let (field, wanted) = match (alert, rule) {
        (Some(alert), None) => ("alert", alert),
        (None, Some(rule)) => ("rule", rule),
        _ => return Err(Error::invalid_input("alert", "or `rule` is required, and not both")),
    };
    let is = |it: &&Active| match field {
        "alert" => it.episode.id == wanted,
        _ => it.episode.rule == wanted,
    };
    let chosen: Vec<&Active> = active.iter().filter(is).collect();
    if chosen.is_empty() {
        let firing: Vec<String> = active
            .iter()
            .take(NAMES)
            .map(|it| format!("{} ({})", it.episode.id, name_of(&it.episode)))
            .collect();
        let firing = match firing.as_slice() {
            [] => "nothing fires".to_owned(),
            some => format!("firing: {}", some.join(", ")),
        };
        return Err(Error::invalid_input(
            field,
            format!("is `{wanted}`, which does not fire; {firing}"),
        ));
    }
    Ok(chosen)
}

fn name_of(it: &Episode) -> String {
    format!("{} {}", it.rule, it.subject.name)
}

fn check_text(field: &str, text: &str) -> Result<()> {
    if text.chars().count() <= MAX_TEXT {
        return Ok(());
    }
    Err(Error::invalid_input(field, format!("must have at most {MAX_TEXT} characters")))
}

/// What a rule would find, in words.
fn notes_on(rule: &Ready, preview: &Preview) -> Vec<String> {
    let name = &rule.rule.name;
    let of = |state: State| -> Vec<&Episode> {
        preview.now.iter().filter(|it| it.state == state).collect()
    };
    let names = |list: &[&Episode]| {
        let some: Vec<&str> = list.iter().take(NAMES).map(|it| it.subject.name.as_str()).collect();
        let more = list.len() - some.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        some.join(", ") + &more
    };
    let mut notes = preview.notes.clone();
    let (firing, pending) = (of(State::Firing), of(State::Pending));
    let is_known = preview.notes.iter().all(|it| !it.contains("cannot be known"));
    if is_known || !firing.is_empty() {
        notes.push(match firing.len() {
            0 => format!("`{name}` would not fire now"),
            count => format!("`{name}` would fire now for {count}: {}", names(&firing)),
        });
    }
    if !pending.is_empty() {
        let count = counted(pending.len(), "more holds", "more hold");
        notes.push(format!("{count}, but not for as long as `for` says: {}", names(&pending)));
    }
    if let Some(Before { alerts, subjects, days, step }) = preview.before {
        let times = counted(alerts, "time", "times");
        notes.push(match days {
            0 => format!("`{name}`: less than a day was watched, so the past says nothing"),
            _ => format!(
                "in the last 30 days, of which {days} were watched, it would have fired {times} for \
                 {subjects} (judged every {} min)",
                step / 60
            ),
        });
    }
    notes
}
