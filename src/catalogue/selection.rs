//! Which tools are offered: what the operator allows, and what narrows it.

use super::{every, toolsets};
use crate::{
    Error, ErrorKind,
    change::{Item, Plan},
    client::Result,
    risk::Risk,
    tailnet::operations,
    tool::{ToolDef, Toolset},
};

/// How the toolsets begin whose tools nobody wrote; they are offered to whoever names them.
const GENERATED: &str = "api:";

/// The words of a choice, as an operator or a request header writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selectors {
    /// Toolsets, `default` or `all`.
    pub toolsets: Vec<String>,
    /// Tools besides those, or alone where no toolset is named.
    pub tools: Vec<String>,
    /// Tools to leave out in any case.
    pub exclude: Vec<String>,
    /// Nothing that changes anything.
    pub read_only: bool,
}

impl Selectors {
    /// Whether nothing is chosen.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A choice of tools.
#[derive(Debug, Clone)]
pub struct ToolSelection {
    toolsets: Vec<&'static str>,
    tools: Vec<&'static str>,
    exclude: Vec<&'static str>,
    read_only: bool,
}

impl ToolSelection {
    /// Reads a choice.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name there is not, with the nearest.
    pub fn read(words: &Selectors) -> Result<Self> {
        let wanted_sets = match words.toolsets.as_slice() {
            [] if words.tools.is_empty() => vec!["default".to_owned()],
            named => named.to_vec(),
        };
        let mut chosen = Vec::new();
        for name in wanted_sets {
            let before = chosen.len();
            let wanted = |it: &&Toolset| match name.as_str() {
                "all" => !it.name.starts_with(GENERATED),
                "default" => it.default,
                "api" => it.name.starts_with(GENERATED),
                name => it.name == name,
            };
            chosen.extend(toolsets().filter(wanted).map(|it| it.name));
            if chosen.len() == before {
                // The groups of the API are many: whoever asks for one knows that there are some.
                let is_shown = |it: &&str| name.starts_with("api") || !it.starts_with(GENERATED);
                let names: Vec<&str> = toolsets().map(|it| it.name).filter(is_shown).collect();
                let known = [names.as_slice(), &["default", "all", "api"]].concat();
                return Err(unknown("toolset", &name, &known));
            }
        }
        Ok(Self {
            toolsets: chosen,
            tools: tools("tools", &words.tools)?,
            exclude: tools("exclude-tools", &words.exclude)?,
            read_only: words.read_only,
        })
    }

    fn takes(&self, tool: &ToolDef) -> bool {
        let named = self.tools.contains(&tool.name);
        let in_set = || {
            let sets = toolsets().filter(|it| self.toolsets.contains(&it.name));
            sets.flat_map(|it| it.tools).any(|it| it.name == tool.name)
        };
        let writes = self.read_only && tool.risk > Risk::Read;
        !writes && !self.exclude.contains(&tool.name) && (named || in_set())
    }
}

/// What is offered to somebody: everything that all choices take, up to an access.
#[derive(Debug, Clone)]
pub struct Offer {
    access: Risk,
    choices: Vec<ToolSelection>,
    /// The scopes of the credential, where they are known.
    scopes: Vec<String>,
}

impl Offer {
    /// What an operator offers. `scopes` are the credential's, if they are known.
    pub fn new(access: Risk, choice: ToolSelection, scopes: Vec<String>) -> Self {
        Self { access, choices: vec![choice], scopes }
    }

    /// The default tools up to `access`.
    pub fn up_to(access: Risk) -> Self {
        let choices = ToolSelection::read(&Selectors::default()).into_iter().collect();
        Self { access, choices, scopes: Vec::new() }
    }

    /// The same, less what `choice` does not take.
    #[must_use]
    pub fn narrowed(&self, choice: ToolSelection) -> Self {
        let mut narrowed = self.clone();
        narrowed.choices.push(choice);
        narrowed
    }

    /// The access up to which plans are carried out.
    pub fn access(&self) -> Risk {
        if self.choices.iter().any(|it| it.read_only) { Risk::Read } else { self.access }
    }

    /// Whether `tool` is in it.
    pub fn takes(&self, tool: &ToolDef) -> bool {
        let covered = self.scopes.is_empty() || tool.is_covered_by(&self.scopes);
        tool.risk <= self.access && covered && self.choices.iter().all(|it| it.takes(tool))
    }

    /// Gives `tool` back if it is in it.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) with what to change.
    pub fn allow(&self, tool: &'static ToolDef) -> Result<&'static ToolDef> {
        if self.takes(tool) {
            return Ok(tool);
        }
        self.allow_risk(tool.name, tool.risk)?;
        let covered = self.scopes.is_empty() || tool.is_covered_by(&self.scopes);
        Err(Error::refused(
            format!("`{}` is not offered here", tool.name),
            if covered {
                format!(
                    "the administrator of this server chooses with --toolsets (as `default,{}`), --tools, \
                     --exclude-tools and --read-only, or restricted this token",
                    toolset_of(tool)
                )
            } else {
                "the credential lacks its scopes; widen the client's `scopes` in the profile"
                    .to_owned()
            },
        ))
    }

    /// Whether a call of `tool` may have this risk.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) with what to change.
    pub fn allow_risk(&self, tool: &str, risk: Risk) -> Result<()> {
        if risk <= self.access() {
            return Ok(());
        }
        Err(Error::refused(
            format!("`{tool}` needs `{risk}` access here, and this is `{}`", self.access()),
            format!("the administrator of this server can start it with --access {risk}"),
        ))
    }

    /// Whether the operations that `plan` calls by name are left: what a tool does that was left out
    /// on purpose is not done another way.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) with the tool.
    pub fn allow_plan(&self, plan: &Plan) -> Result<()> {
        let called = || plan.items().iter().filter(|it| it.kind() == operations::change::KIND);
        let fields = || called().flat_map(Item::changes).map(|it| it.field.as_str());
        let does = |it: &&ToolDef| {
            let mut writes = it.operations.iter().filter(|it| !it.reads());
            writes.any(|it| fields().any(|field| field == it.id()))
        };
        let excluded = |it: &&ToolDef| self.choices.iter().any(|of| of.exclude.contains(&it.name));
        match every().filter(excluded).find(does) {
            None => Ok(()),
            Some(tool) => Err(Error::refused(
                format!("this call does what the excluded tool `{}` does", tool.name),
                "the administrator of this server chooses with --exclude-tools",
            )),
        }
    }

    /// The tools, in the order of the manual.
    pub fn tools(&self) -> impl Iterator<Item = &'static ToolDef> {
        every().filter(|it| self.takes(it))
    }

    /// The toolsets that at least one tool is of.
    pub fn toolsets(&self) -> impl Iterator<Item = &'static Toolset> {
        toolsets().filter(|set| set.tools.iter().any(|it| self.takes(it)))
    }
}

fn toolset_of(tool: &ToolDef) -> &'static str {
    let has = |set: &&Toolset| set.tools.iter().any(|it| it.name == tool.name);
    toolsets().find(has).map(|it| it.name).unwrap_or_default()
}

fn tools(field: &str, names: &[String]) -> Result<Vec<&'static str>> {
    let known: Vec<&'static str> = every().map(|it| it.name).collect();
    let find = |name: &String| {
        known
            .iter()
            .copied()
            .find(|it| it == name)
            .ok_or_else(|| unknown(&format!("tool in {field}"), name, &known))
    };
    names.iter().map(find).collect()
}

/// The error for a `name` that is not among the `known` ones of a `kind`, with the nearest of them.
pub(super) fn unknown(kind: &str, name: &str, known: &[&str]) -> Error {
    let mut near: Vec<(f64, &str)> =
        known.iter().map(|it| (strsim::jaro_winkler(name, it), *it)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let nearest: Vec<String> =
        near.iter().filter(|it| it.0 > 0.7).take(3).map(|it| format!("`{}`", it.1)).collect();
    let instead = if nearest.is_empty() {
        format!("choose from {}", known.join(", "))
    } else {
        format!("did you mean {}?", nearest.join(" or "))
    };
    Error::new(ErrorKind::InvalidInput, format!("unknown {kind} `{name}`; {instead}"))
}
