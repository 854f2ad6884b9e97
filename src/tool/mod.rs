//! What a tool is, and the list of all of them. Knows no protocol.

use std::{collections::BTreeSet, fmt, pin::Pin, str::FromStr};

use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Operation, Tailnet, client::Result, tailnet::devices};

mod schema;

/// Every toolset, in the order of the manual.
pub const TOOLSETS: &[&Toolset] = &[&devices::tools::TOOLSET];

/// One thing that an assistant can ask for. The type itself is the tool's input: its doc comment is
/// the description, the doc comments of its fields describe the parameters.
pub(crate) trait Tool: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;
    /// What a call can do to the tailnet. Hints and gates follow from it.
    const RISK: Risk;
    /// The operations that a call may use. The OAuth scopes follow from them.
    const OPERATIONS: &'static [Operation];
    /// The scopes it needs, where an operation takes any of several and the tool needs less.
    const SCOPES: &'static [&'static str] = &[];
    /// What a call gives back.
    type Output: Serialize;

    /// Carries the call out.
    fn call(self, tailnet: &Tailnet) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// What a call can do to the tailnet, from harmless to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Changes nothing.
    Read,
    /// Changes one resource, and can be put back.
    Change,
    /// Deletes, cuts off, changes many at once, or cannot be put back.
    Danger,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Danger => "danger",
        })
    }
}

impl FromStr for Risk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "change" => Ok(Self::Change),
            "danger" => Ok(Self::Danger),
            _ => Err("use `read`, `change` or `danger`".to_owned()),
        }
    }
}

/// The tools of a domain.
pub struct Toolset {
    /// The domain's name.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub about: &'static str,
    /// Its tools, in the order in which they are learnt.
    pub tools: &'static [ToolDef],
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;

/// A tool with its type erased, so that all of them fit in one list.
pub struct ToolDef {
    /// Its name.
    pub name: &'static str,
    /// What a call can do to the tailnet.
    pub risk: Risk,
    /// The operations that a call may use.
    pub operations: &'static [Operation],
    scopes: &'static [&'static str],
    call: for<'a> fn(Value, &'a Tailnet) -> Answer<'a>,
    input: fn() -> Schema,
}

/// The list entry for `T`.
pub(crate) const fn tool<T: Tool>() -> ToolDef {
    ToolDef {
        name: T::NAME,
        risk: T::RISK,
        operations: T::OPERATIONS,
        scopes: T::SCOPES,
        call: |arguments, tailnet| Box::pin(call::<T>(arguments, tailnet)),
        input: schema::portable::<T>,
    }
}

/// Every tool of every toolset.
pub fn all() -> impl Iterator<Item = &'static ToolDef> {
    TOOLSETS.iter().flat_map(|set| set.tools)
}

/// The tool called `name`.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) with the names there are.
pub fn named(name: &str) -> Result<&'static ToolDef> {
    all().find(|it| it.name == name).ok_or_else(|| {
        let names: Vec<&str> = all().map(|it| it.name).collect();
        Error::invalid_input("tool", format!("is `{name}`; there is {}", names.join(", ")))
    })
}

impl ToolDef {
    /// Carries a call out, and gives its answer as compact JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `arguments` do not fit the schema;
    /// otherwise whatever the tool's own work gives.
    pub async fn call(&self, arguments: Value, tailnet: &Tailnet) -> Result<String> {
        (self.call)(arguments, tailnet).await
    }

    /// The schema of the arguments, in words that all hosts accept. Its `description` is the tool's.
    pub fn input(&self) -> Schema {
        (self.input)()
    }

    /// What the tool does, for whoever has to choose.
    pub fn description(&self) -> String {
        let input = self.input();
        input.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The name in plain words: `List devices`.
    pub fn title(&self) -> String {
        let mut words = self.name.replace('_', " ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        words
    }

    /// The OAuth scopes of everything that a call may use.
    pub fn scopes(&self) -> BTreeSet<&'static str> {
        if !self.scopes.is_empty() {
            return self.scopes.iter().copied().collect();
        }
        self.operations.iter().flat_map(|it| it.scopes()).copied().collect()
    }
}

async fn call<T: Tool>(arguments: Value, tailnet: &Tailnet) -> Result<String> {
    // No arguments at all come as `null` from some clients.
    let arguments =
        if arguments.is_null() { Value::Object(serde_json::Map::new()) } else { arguments };
    // The order of fields means nothing, so a list of values does not either.
    if !arguments.is_object() {
        return Err(Error::invalid_input("arguments", "must be a JSON object"));
    }
    let input: T = serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "arguments" } else { &path };
        Error::invalid_input(field, format!("is wrong: {}", error.inner()))
    })?;
    let output = input.call(tailnet).await?;
    serde_json::to_string(&output)
        .map_err(|error| Error::invalid_input("result", format!("cannot be written: {error}")))
}
