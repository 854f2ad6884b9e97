//! The tailnets that one server serves, each under the name of its profile.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Tailnet;
use crate::{Error, alerts, client::Result, config::RESERVED, history::History, live::Live};

/// The parameter of a tool call that names the tailnet.
pub(crate) const TAILNET: &str = "tailnet";
/// The value of the `tailnet` parameter that selects all tailnets.
pub(crate) const ALL: &str = "all";

/// The tailnets that a server serves. A call that names none goes to the first.
#[derive(Debug, Clone)]
pub struct Tailnets {
    first: Tailnet,
    /// All tailnets with their names; empty if there is only one, because its name is not needed.
    named: Vec<(String, Tailnet)>,
}

/// The name of a tailnet in grants: that of its profile if it has one, else the one that the API knows.
#[cfg(feature = "server")]
pub(crate) fn title_of(tailnet: &Tailnet) -> String {
    tailnet.name().map_or_else(|| tailnet.settings().tailnet.clone(), str::to_owned)
}

/// The tailnet or tailnets that a call is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Selection<'a> {
    /// One tailnet.
    One(&'a Tailnet),
    /// All tailnets.
    All(&'a [(String, Tailnet)]),
}

impl From<Tailnet> for Tailnets {
    fn from(tailnet: Tailnet) -> Self {
        Self { first: tailnet, named: Vec::new() }
    }
}

/// Serves one tailnet. The clone shares its client and journal.
impl From<&Tailnet> for Tailnets {
    fn from(tailnet: &Tailnet) -> Self {
        tailnet.clone().into()
    }
}

impl Tailnets {
    /// Serves several tailnets by name. A call that names none goes to the first.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) for none at all, for two of one name, and for one that is
    /// called `all`, `device`, `change` or `export`.
    pub fn new(mut named: Vec<(String, Tailnet)>) -> Result<Self> {
        for (name, tailnet) in &mut named {
            *tailnet = tailnet.with_name(name);
        }
        let wrong = |why: String| Err(Error::config(why, "give each profile once"));
        let Some((_, first)) = named.first() else {
            return wrong("no profile is given".to_owned());
        };
        let first = first.clone();
        for (index, (name, _)) in named.iter().enumerate() {
            if RESERVED.contains(&name.as_str()) {
                let why = format!("the profile name `{name}` is reserved");
                return Err(Error::config(why, "give the profile another name in the config file"));
            }
            if named.iter().skip(index + 1).any(|it| it.0 == *name) {
                return wrong(format!("the profile `{name}` is given twice"));
            }
        }
        let named = if named.len() > 1 { named } else { Vec::new() };
        Ok(Self { first, named })
    }

    /// The same tailnets with a history.
    #[must_use]
    pub fn with_history(self, history: &Arc<History>) -> Self {
        self.each(|it| it.with_history(Arc::clone(history)))
    }

    /// The same tailnets with what the config file says of alerts.
    #[must_use]
    pub fn with_alert_setup(self, setup: &Live<alerts::Setup>) -> Self {
        self.each(|it| it.with_alert_setup(setup.clone()))
    }

    fn each(self, with: impl Fn(&Tailnet) -> Tailnet) -> Self {
        let named = self.named.iter().map(|(name, it)| (name.clone(), with(it))).collect();
        Self { first: with(&self.first), named }
    }

    /// The tailnet that a call goes to if it names none.
    pub fn first(&self) -> &Tailnet {
        &self.first
    }

    /// All tailnets.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Tailnet> {
        let alone = self.named.is_empty().then_some(&self.first);
        alone.into_iter().chain(self.named.iter().map(|it| &it.1))
    }

    /// The names of the tailnets; empty if there is only one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|it| it.0.as_str())
    }

    /// The tailnet with this name, if there are several.
    #[cfg(feature = "server")]
    pub(crate) fn named(&self, name: &str) -> Option<&Tailnet> {
        self.named.iter().find(|it| it.0 == name).map(|it| &it.1)
    }

    /// Whether there is more than one tailnet.
    pub fn are_several(&self) -> bool {
        !self.named.is_empty()
    }

    /// Takes out of the arguments of a call which one it is about. What only reads may leave it out,
    /// and is then about the first.
    pub(crate) fn select(&self, arguments: &mut Value, reads: bool) -> Result<Selection<'_>> {
        if !self.are_several() {
            return Ok(Selection::One(&self.first));
        }
        let given = arguments.as_object_mut().and_then(|it| it.remove(TAILNET));
        let name = match given {
            None | Some(Value::Null) if reads => return Ok(Selection::One(&self.first)),
            None | Some(Value::Null) => {
                let names: Vec<&str> = self.names().collect();
                let should = format!("must name one tailnet: {}", names.join(", "));
                return Err(Error::invalid_input(TAILNET, should));
            }
            Some(Value::String(name)) => name,
            Some(_) => return Err(self.unknown("not text")),
        };
        if name == ALL {
            return Ok(Selection::All(&self.named));
        }
        let found = self.named.iter().find(|it| it.0 == name);
        found.map(|it| Selection::One(&it.1)).ok_or_else(|| self.unknown(&name))
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.names().collect();
        Error::invalid_input(TAILNET, format!("is `{name}`; known tailnets: {}", names.join(", ")))
    }

    /// Adds the `tailnet` parameter to a tool's schema. Only tools that read accept `all`.
    pub(crate) fn describe(&self, properties: &mut Map<String, Value>, reads: bool) {
        describe(&self.names().collect::<Vec<_>>(), properties, reads);
    }
}

/// Adds the `tailnet` parameter to the schema of a tool for the tailnets with these names, if there are
/// several.
pub(crate) fn describe(names: &[&str], properties: &mut Map<String, Value>, reads: bool) {
    let [first, _, ..] = names else { return };
    let all = reads.then_some(ALL);
    let names: Vec<&str> = names.iter().copied().chain(all).collect();
    let description = if reads {
        format!("The tailnet to read; {first} if absent.")
    } else {
        "The tailnet to change; required for a change.".to_owned()
    };
    properties.insert(
        TAILNET.to_owned(),
        serde_json::json!({ "type": "string", "enum": names, "description": description }),
    );
}
