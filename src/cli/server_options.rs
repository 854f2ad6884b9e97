//! Options of the offered tools, and of the journal.

use std::sync::Arc;

use clap::builder::BoolishValueParser;
use etcetera::base_strategy::{BaseStrategy as _, choose_base_strategy};

use secrecy::{ExposeSecret as _, SecretString};

use super::{Target, arguments::quoted};
use crate::{
    Credential, Error, Tailnet,
    catalogue::{Offer, Selectors, ToolSelection},
    change::store::{Place, Store},
    client::{Result, resolve},
    config::Profiles,
    guard::{ConfirmMode, Principal},
    guardrails::Guardrails,
    history::History,
    mcp::Setup,
    tool::Risk,
};

/// The most characters in the name of a caller, as given with `--as`.
const MAX_NAME: usize = 64;

/// Options of the offered tools, and of the journal.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Offered tools and journal")]
pub(super) struct Offered {
    /// The highest access level of tools: `read`, `change` (reversible changes) or `danger`. By default
    /// `read`, with --sandbox `danger`
    #[arg(long, global = true, env = "TAILSTEWARD_ACCESS", value_name = "LEVEL")]
    access: Option<Risk>,
    /// Toolsets to offer, separated by commas; also `default`, `all`, and `api` or `api:GROUP` for
    /// the operations of the API
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_TOOLSETS",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    toolsets: Vec<String>,
    /// Additional tools, or the only ones if --toolsets is not given
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_TOOLS",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    tools: Vec<String>,
    /// Tools that are never offered
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_EXCLUDE_TOOLS",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    exclude_tools: Vec<String>,
    /// Offer only read-only tools, whatever other options allow
    #[arg(long, global = true, env = "TAILSTEWARD_READ_ONLY", value_parser = BoolishValueParser::new())]
    read_only: bool,
    /// Do not ask for confirmation of changes that are hard to undo
    #[arg(long, global = true, env = "TAILSTEWARD_YES", value_parser = BoolishValueParser::new())]
    yes: bool,
    /// Who confirms changes that are hard to undo: `auto` (a person if the client can ask one, otherwise
    /// whoever calls again with the plan), `person`, or `other` (another principal than the caller)
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_CONFIRM",
        default_value = "auto",
        value_name = "WHO"
    )]
    confirm: ConfirmMode,
    /// The journal of changes: a file, `memory`, `postgres://USER:PASSWORD@HOST/DATABASE`, or `file:PATH`
    /// of a file that has one of these in it.
    /// By default a file in the platform's data folder, with --sandbox `memory`
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_STORE",
        value_name = "PLACE",
        hide_env_values = true,
        value_parser = |text: &str| Ok::<SecretString, String>(text.into())
    )]
    store: Option<SecretString>,
    /// Where the history is stored: a file, `memory`, `postgres://USER:PASSWORD@HOST/DATABASE`, `file:PATH`
    /// of a file that has one of these in it, or `off`. By default beside the journal
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_HISTORY",
        value_name = "PLACE",
        hide_env_values = true,
        value_parser = |text: &str| Ok::<SecretString, String>(text.into())
    )]
    history: Option<SecretString>,
    /// Your name in the journal and the audit. By default the user of the operating system. Callers with
    /// a token have the token's name
    #[arg(long = "as", global = true, env = "TAILSTEWARD_AS", value_name = "NAME")]
    local: Option<String>,
}

impl Offered {
    /// The highest class of tools that may be called.
    pub(super) fn access(&self, sandbox: bool) -> Risk {
        let access = self.access.unwrap_or(if sandbox { Risk::Danger } else { Risk::Read });
        if self.read_only { Risk::Read } else { access }
    }

    /// Fails if an option is set that tokens cannot be limited by.
    pub(super) fn fits_a_token(&self) -> Result<()> {
        let limited = self.access.is_some_and(|it| it < Risk::Danger);
        if limited || !self.tools.is_empty() || !self.exclude_tools.is_empty() {
            return Err(Error::config(
                "a token cannot be limited by --access, --tools or --exclude-tools",
                "limit it with --read-only and --toolsets",
            ));
        }
        Ok(())
    }

    /// The same with all tools, unless some are selected.
    pub(super) fn with_all_toolsets(&self) -> Self {
        let mut all = self.clone();
        if all.toolsets.is_empty() && all.tools.is_empty() {
            all.toolsets = vec!["all".to_owned(), "api".to_owned()];
        }
        all
    }

    /// The same with these toolsets, if there are any.
    pub(super) fn with_toolsets(&self, names: &[String]) -> Result<Self> {
        let mut other = self.clone();
        if !names.is_empty() {
            if !other.toolsets.is_empty() {
                let should = "are given twice: as arguments and with --toolsets";
                return Err(Error::invalid_input("toolsets", should));
            }
            other.toolsets = names.to_vec();
        }
        Ok(other)
    }

    /// The options that select tools, as they are given to a server.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let access = self.access.map(|it| vec![it.to_string()]).unwrap_or_default();
        for (option, values) in [
            ("--access", &access),
            ("--toolsets", &self.toolsets),
            ("--tools", &self.tools),
            ("--exclude-tools", &self.exclude_tools),
        ] {
            if !values.is_empty() {
                words.extend([option.to_owned(), values.join(",")]);
            }
        }
        words.extend(self.read_only.then(|| "--read-only".to_owned()));
        words
    }

    /// Whether the store of the journal was set explicitly.
    pub(super) fn names_store(&self) -> bool {
        self.store.is_some()
    }

    /// The selected tools.
    pub(super) fn choice(&self) -> Result<ToolSelection> {
        let some = |words: &[String]| -> Vec<String> {
            let words = words.iter().map(|it| it.trim().to_owned());
            words.filter(|it| !it.is_empty()).collect()
        };
        ToolSelection::read(&Selectors {
            toolsets: some(&self.toolsets),
            tools: some(&self.tools),
            exclude: some(&self.exclude_tools),
            read_only: self.read_only,
        })
    }

    /// The tools to offer with a credential that has `scopes`.
    pub(super) fn offer(&self, scopes: &[String], sandbox: bool) -> Result<Offer> {
        Ok(Offer::new(self.access(sandbox), self.choice()?, scopes.to_vec()))
    }

    /// The setup of a server for `tailnet`.
    pub(super) fn setup(&self, tailnet: &Tailnet, target: &Target) -> Result<Setup> {
        let sandbox = target.sandbox;
        if self.yes && self.confirm != ConfirmMode::Auto {
            return Err(Error::config(
                format!(
                    "--yes cannot be combined with --confirm {}, which always asks somebody",
                    self.confirm.as_str()
                ),
                "leave one of them out",
            ));
        }
        let scopes = match &tailnet.settings().credential {
            Credential::OAuth { scopes, .. } => scopes.as_slice(),
            _ => &[],
        };
        let mut setup = Setup::new(self.access(sandbox))?;
        setup.offer = self.offer(scopes, sandbox)?;
        setup.store = Arc::new(match self.confirm {
            ConfirmMode::Other => self.lasting_store(sandbox)?,
            _ => Store::new(self.place(sandbox)?),
        });
        setup.confirm = self.confirm;
        setup.approve_options = self.approve_options(target)?;
        setup.guardrails = Self::guardrails(target)?.into();
        setup.yes = self.yes;
        setup.local = self.local()?;
        Ok(setup)
    }

    /// Whether the name of the caller was set explicitly.
    pub(super) fn names_local(&self) -> bool {
        self.local.is_some()
    }

    /// Who confirms changes that are hard to undo.
    pub(super) fn confirm(&self) -> ConfirmMode {
        self.confirm
    }

    /// Whether nobody is asked.
    pub(super) fn assumes_yes(&self) -> bool {
        self.yes
    }

    /// The guardrails of the config file. The default one is not read for the sandbox.
    pub(super) fn guardrails(target: &Target) -> Result<Arc<Guardrails>> {
        if target.sandbox && target.config.is_none() {
            return Ok(Arc::default());
        }
        Ok(Arc::new(Profiles::load(target.config.as_deref())?.guardrails().clone()))
    }

    /// The store, which another program can open.
    pub(super) fn lasting_store(&self, sandbox: bool) -> Result<Store> {
        match self.place(sandbox)? {
            Place::Memory => Err(Error::config(
                "plans that wait for approval would be in memory, where `tailsteward approve` cannot see them",
                "name a file or a Postgres database with --store",
            )),
            place => Ok(Store::new(place)),
        }
    }

    /// The options with which `approve` finds this store and these guardrails, without a password; empty for
    /// the default ones.
    pub(super) fn approve_options(&self, target: &Target) -> Result<String> {
        let mut words = Vec::new();
        words.extend(target.sandbox.then(|| "--sandbox".to_owned()));
        let absolute = |path: &std::path::Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            quoted(&path.display().to_string())
        };
        if let Some(config) = &target.config {
            words.extend(["--config".to_owned(), absolute(config)]);
        }
        if let Some(given) = &self.store {
            let by_file = given.expose_secret().strip_prefix("file:");
            words.push("--store".to_owned());
            words.push(match (by_file, self.place(target.sandbox)?) {
                (Some(path), _) => quoted(&format!("file:{path}")),
                (None, Place::File(path)) => absolute(&path),
                (None, place) => quoted(&place.to_string()),
            });
        }
        Ok(words.join(" "))
    }

    /// Where the journal is kept.
    pub(super) fn place(&self, sandbox: bool) -> Result<Place> {
        let Some(place) = &self.store else {
            return if sandbox { Ok(Place::Memory) } else { default_store().map(Place::File) };
        };
        parse("--store", place)
    }

    /// The history, or none if it is switched off. Without an option it is beside the journal.
    pub(super) fn history(&self, sandbox: bool) -> Result<Option<Arc<History>>> {
        let place = match &self.history {
            Some(place) if place.expose_secret() == "off" => return Ok(None),
            Some(place) => parse("--history", place)?,
            None => match self.place(sandbox)? {
                Place::File(journal) => Place::File(journal.with_file_name("history.db")),
                other => other,
            },
        };
        Ok(Some(Arc::new(History::new(place))))
    }

    /// The caller over stdio and on the terminal, by the name from `--as` or the operating system.
    fn local(&self) -> Result<Principal> {
        let Some(name) = &self.local else {
            let user = whoami::username().ok().filter(|name| !name.trim().is_empty());
            return Ok(user.map_or_else(Principal::local, Principal::new));
        };
        let length = name.chars().count();
        if name.trim() != name
            || !(1..=MAX_NAME).contains(&length)
            || name.contains(char::is_control)
        {
            let should = format!("must be a name of 1 to {MAX_NAME} characters");
            return Err(Error::invalid_input("--as", should));
        }
        Ok(Principal::new(name.as_str()))
    }
}

/// Reads a place. Not parsed by clap, which repeats invalid values in its error: this one may contain a
/// password.
fn parse(option: &str, place: &SecretString) -> Result<Place> {
    let text = resolve(option, place.expose_secret()).map_err(|error| {
        error.with_remedy(
            "`file:` is for a file with the location in it; to name the database's own file, leave out \
             `file:`",
        )
    })?;
    let wrong =
        |why: String| Error::config(why, format!("see `{option}` in docs/configuration.md"));
    text.expose_secret().parse().map_err(wrong)
}

fn default_store() -> Result<std::path::PathBuf> {
    let base = choose_base_strategy().map_err(|error| {
        Error::config(
            format!("cannot find a home directory for the journal: {error}"),
            "name a file with --store, or use `--store memory`",
        )
    })?;
    let folder = if cfg!(target_os = "macos") {
        base.home_dir().join("Library/Application Support")
    } else {
        base.data_dir()
    };
    Ok(folder.join("tailsteward").join("journal.db"))
}
