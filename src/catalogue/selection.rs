//! Which tools are offered: what the administrator allows, and what a token or request narrows.

use std::sync::Arc;

use super::{Allowance, every, toolsets};
use crate::{
    Error, ErrorKind,
    change::{Item, Plan},
    client::Result,
    risk::Risk,
    tailnet::{caller, operations},
    tool::{ToolDef, Toolset},
    visible::visible_up_to,
};

/// The prefix of the generated toolsets, which are offered only on request.
const GENERATED: &str = "api:";

/// A selection of tools by name, as given by an administrator or a request header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selectors {
    /// Toolsets, or `default`, `all`, `api`.
    pub toolsets: Vec<String>,
    /// Additional tools, or the only ones if no toolset is given.
    pub tools: Vec<String>,
    /// Tools that are excluded in any case.
    pub exclude: Vec<String>,
    /// Whether only tools that read are selected.
    pub read_only: bool,
}

impl Selectors {
    /// Whether nothing is selected or restricted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A validated selection of tools.
#[derive(Debug, Clone)]
pub struct ToolSelection {
    toolsets: Vec<&'static str>,
    tools: Vec<&'static str>,
    exclude: Vec<&'static str>,
    read_only: bool,
}

impl ToolSelection {
    /// Validates a selection.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown name, with the nearest one.
    pub fn read(words: &Selectors) -> Result<Self> {
        let wanted_sets = match words.toolsets.as_slice() {
            [] if words.tools.is_empty() => vec!["default".to_owned()],
            named => named.to_vec(),
        };
        let mut chosen = Vec::new();
        for name in wanted_sets {
            chosen.extend(toolsets_named(&name)?.map(|it| it.name));
        }
        Ok(Self {
            toolsets: chosen,
            tools: tools("tool", &words.tools)?,
            exclude: tools("tool to exclude", &words.exclude)?,
            read_only: words.read_only,
        })
    }

    /// The selection with one more toolset, if its tools are not excluded.
    fn with(mut self, toolset: &'static str) -> Self {
        self.toolsets.push(toolset);
        self
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

/// What a caller is offered: the tools in all selections, up to an access level.
#[derive(Debug, Clone)]
pub struct Offer {
    access: Risk,
    choices: Vec<ToolSelection>,
    /// The scopes of the credential; empty if unknown.
    scopes: Vec<String>,
    /// Whether the caller set the options of this offer, as on the command line.
    is_callers: bool,
    /// What grants or scopes allow the caller; `None` for a caller who is not limited by them.
    allowances: Option<Arc<[Allowance]>>,
}

impl Offer {
    /// An offer by the administrator. `scopes` are the scopes of the credential; empty if unknown.
    pub fn new(access: Risk, choice: ToolSelection, scopes: Vec<String>) -> Self {
        Self { access, choices: vec![choice], scopes, is_callers: false, allowances: None }
    }

    /// The default tools up to the access level `access`.
    pub fn up_to(access: Risk) -> Self {
        let choices = ToolSelection::read(&Selectors::default()).into_iter().collect();
        Self { access, choices, scopes: Vec::new(), is_callers: false, allowances: None }
    }

    /// The same offer to a caller who set its options, so that refusals say which to change.
    #[must_use]
    pub(crate) fn on_command_line(mut self) -> Self {
        self.is_callers = true;
        self
    }

    /// The offer without the tools that are not in `choice`.
    #[must_use]
    pub fn narrowed(&self, choice: ToolSelection) -> Self {
        let mut narrowed = self.clone();
        narrowed.choices.push(choice);
        narrowed
    }

    /// The offer with the tools by which callers find out what they may do, unless they are excluded.
    #[must_use]
    pub fn with_caller_tools(mut self) -> Self {
        let choices = std::mem::take(&mut self.choices).into_iter();
        self.choices = choices.map(|it| it.with(caller::tools::TOOLSET.name)).collect();
        self
    }

    /// The offer to a caller who is limited by these entries of grants.
    #[must_use]
    pub fn limited_to(&self, allowances: Arc<[Allowance]>) -> Self {
        Self { allowances: Some(allowances), ..self.clone() }
    }

    /// The offer for calls on one tailnet. The same for a caller who is not limited by grants.
    #[must_use]
    pub fn on(&self, tailnet: &str) -> Self {
        let mut there = self.clone();
        if let Some(all) = &self.allowances {
            there.allowances = Some(all.iter().filter(|it| it.is_for(tailnet)).cloned().collect());
        }
        there
    }

    /// Whether there is anything that the caller is allowed on the tailnet.
    pub(crate) fn reaches(&self, tailnet: &str) -> bool {
        let all = self.allowances.as_ref();
        all.is_none_or(|it| it.iter().any(|it| it.is_for(tailnet) && it.has_tools()))
    }

    /// Whether the caller is limited by grants or scopes, which change while the server runs.
    pub(crate) fn is_limited(&self) -> bool {
        self.allowances.is_some()
    }

    pub(super) fn allowances(&self) -> Option<&[Allowance]> {
        self.allowances.as_deref()
    }

    /// Whether one of the caller's entries allows the tool at this risk.
    pub(super) fn is_granted(&self, tool: &str, risk: Risk) -> bool {
        let Some(all) = &self.allowances else { return true };
        let is_about_caller = || caller::tools::TOOLSET.tools.iter().any(|it| it.name == tool);
        all.iter().any(|it| it.access >= risk && it.covers(tool)) || is_about_caller()
    }

    /// The highest risk of plans that are applied.
    pub fn access(&self) -> Risk {
        let granted = self.allowances.as_ref().map(|all| all.iter().map(|it| it.access).max());
        let most = granted.map_or(Risk::Danger, Option::unwrap_or_default);
        let read_only = self.choices.iter().any(|it| it.read_only);
        if read_only { Risk::Read } else { self.access.min(most) }
    }

    /// Whether `tool` is offered.
    pub fn takes(&self, tool: &ToolDef) -> bool {
        tool.risk <= self.access && self.is_covered(tool) && self.selects(tool)
    }

    /// Whether the scopes of the credential suffice for `tool`, as far as they are known.
    pub(super) fn is_covered(&self, tool: &ToolDef) -> bool {
        self.scopes.is_empty() || tool.is_covered_by(&self.scopes)
    }

    /// Whether `tool` is selected and granted, whatever access level and scopes it needs.
    pub(crate) fn selects(&self, tool: &ToolDef) -> bool {
        self.is_selected(tool) && self.is_granted(tool.name, tool.risk)
    }

    /// Whether `tool` is in all selections.
    pub(super) fn is_selected(&self, tool: &ToolDef) -> bool {
        self.choices.iter().all(|choice| choice.takes(tool))
    }

    /// Returns `tool` if it is offered.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) otherwise, with what to change.
    pub fn allow(&self, tool: &'static ToolDef) -> Result<&'static ToolDef> {
        if self.takes(tool) {
            return Ok(tool);
        }
        self.allow_risk(tool.name, tool.risk)?;
        let covered = self.is_covered(tool);
        Err(Error::refused(
            format!("`{}` is not offered here", tool.name),
            if covered && self.is_callers {
                format!(
                    "add --tools {}, or --toolsets {}, and check --exclude-tools and --read-only",
                    tool.name,
                    toolset_of(tool)
                )
            } else if covered {
                format!(
                    "the administrator of this server selects tools with --toolsets (such as \
                     `default,{}`), --tools, --exclude-tools and --read-only, and may have limited \
                     this token",
                    toolset_of(tool)
                )
            } else {
                "the credential lacks the scopes it needs; add them to the client's `scopes` in \
                 the profile"
                    .to_owned()
            },
        ))
    }

    /// Checks that a call of `tool` may have this risk.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) otherwise, with what to change.
    pub fn allow_risk(&self, tool: &str, risk: Risk) -> Result<()> {
        if risk <= self.access() && self.is_granted(tool, risk) {
            return Ok(());
        }
        if self.allowances.is_some() && !self.is_granted(tool, risk) {
            return Err(Error::refused(
                format!("no grant allows you `{tool}` with `{risk}` access here"),
                "call why_not to see what is missing; whoever manages the tailnet's policy file or the \
                 authorization server can allow it",
            ));
        }
        if self.is_callers {
            let is_limited = self.choices.iter().any(|it| it.read_only);
            return Err(Error::refused(
                format!("this needs `{risk}` access, and only `{}` is allowed", self.access()),
                if is_limited {
                    format!("remove --read-only and add --access {risk}")
                } else {
                    format!("add --access {risk}")
                },
            ));
        }
        Err(Error::refused(
            format!("`{tool}` needs `{risk}` access, and only `{}` is allowed", self.access()),
            format!(
                "it takes --access {risk}, and neither --read-only nor a token that only reads: set it, \
                 or ask the administrator of this server"
            ),
        ))
    }

    /// Checks that the plan does not call an operation whose own tool was excluded, so that an exclusion
    /// cannot be bypassed.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) otherwise, with the excluded tool.
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
                format!("this call would do what the excluded tool `{}` does", tool.name),
                "the administrator of this server excluded that tool with --exclude-tools",
            )),
        }
    }

    /// The offered tools, in the order of the manual.
    pub fn tools(&self) -> impl Iterator<Item = &'static ToolDef> {
        every().filter(|it| self.takes(it))
    }

    /// The toolsets that have at least one offered tool.
    pub fn toolsets(&self) -> impl Iterator<Item = &'static Toolset> {
        toolsets().filter(|set| set.tools.iter().any(|it| self.takes(it)))
    }
}

/// The toolsets that `name` stands for: one, or those of `default`, `all` or `api`.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown name, with the nearest one.
pub(super) fn toolsets_named(name: &str) -> Result<impl Iterator<Item = &'static Toolset>> {
    let is_named = move |it: &&Toolset| match name {
        "all" => !it.name.starts_with(GENERATED),
        "default" => it.default,
        "api" => it.name.starts_with(GENERATED),
        name => it.name == name,
    };
    if toolsets().any(|it| is_named(&it)) {
        return Ok(toolsets().filter(is_named));
    }
    // The API has many groups, so their toolsets are suggested only for names that start with `api`.
    let is_shown = |it: &&str| name.starts_with("api") || !it.starts_with(GENERATED);
    let names: Vec<&str> = toolsets().map(|it| it.name).filter(is_shown).collect();
    let known = [names.as_slice(), &["default", "all", "api"]].concat();
    Err(unknown("toolset", name, &known))
}

pub(super) fn toolset_of(tool: &ToolDef) -> &'static str {
    let has = |set: &&Toolset| set.tools.iter().any(|it| it.name == tool.name);
    toolsets().find(has).map(|it| it.name).unwrap_or_default()
}

fn tools(kind: &str, names: &[String]) -> Result<Vec<&'static str>> {
    let known: Vec<&'static str> = every().map(|it| it.name).collect();
    let find = |name: &String| {
        known.iter().copied().find(|it| it == name).ok_or_else(|| unknown(kind, name, &known))
    };
    names.iter().map(find).collect()
}

/// The longest name that is compared with known ones.
const MAX_NAME_CHARS: usize = 100;

/// The most names that an error lists.
const MAX_LISTED: usize = 30;

/// The error for an unknown `name`, with the nearest of the `known` ones. `kind` is what the name stands
/// for.
pub(super) fn unknown(kind: &str, name: &str, known: &[&str]) -> Error {
    // What is longer than any name is neither compared nor repeated as it is.
    let name = &*visible_up_to(name, MAX_NAME_CHARS);
    let mut near: Vec<(f64, &str)> =
        known.iter().map(|it| (strsim::jaro_winkler(name, it), *it)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let quoted = |least: f64| -> Vec<String> {
        let near = near.iter().filter(|it| it.0 > least);
        near.take(3).map(|it| format!("`{}`", it.1)).collect()
    };
    let nearest = quoted(0.7);
    let instead = if !nearest.is_empty() {
        format!("did you mean {}?", nearest.join(" or "))
    } else if known.len() > MAX_LISTED {
        format!("closest matches (of {}): {}", known.len(), quoted(-1.0).join(", "))
    } else {
        format!("choose from {}", known.join(", "))
    };
    Error::new(ErrorKind::InvalidInput, format!("unknown {kind} `{name}`; {instead}"))
}
