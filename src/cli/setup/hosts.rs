//! The MCP hosts: where each keeps its servers, in which form, and how it hands over a secret.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The name of the server in the host's configuration.
pub(super) const NAME: &str = "tailsteward";
/// The variable with the API key.
pub(super) const KEY: &str = "TAILSCALE_API_KEY";

/// An MCP host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Host {
    /// Claude Code: `.mcp.json` of the project
    ClaudeCode,
    /// Claude Desktop: `claude_desktop_config.json`
    ClaudeDesktop,
    /// Cursor: `~/.cursor/mcp.json`
    Cursor,
    /// VS Code: `.vscode/mcp.json` of the workspace
    Vscode,
    /// Codex: `~/.codex/config.toml`
    Codex,
    /// Gemini CLI: `~/.gemini/settings.json`
    Gemini,
    /// Zed: its `settings.json`
    Zed,
    /// Windsurf: `~/.codeium/windsurf/mcp_config.json`
    Windsurf,
}

/// The server that a host is to start.
#[derive(Debug, Clone)]
pub(super) struct Started {
    /// The program.
    pub(super) command: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Where the API key comes from.
    pub(super) secret: Secret,
}

/// Where the API key comes from. It is never in the host's file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// The server needs none, or has it from a profile.
    None,
    /// The environment or a prompt of the host.
    OfHost,
    /// A file with nothing else in it.
    File(PathBuf),
}

impl Host {
    /// The name that people call it by.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Zed => "Zed",
            Self::Windsurf => "Windsurf",
        }
    }

    /// The file that it reads, for a user with this home folder who works in `project`.
    pub(super) fn file(self, home: &Path, project: &Path) -> PathBuf {
        let settings = |name: &str| match std::env::consts::OS {
            "macos" => home.join("Library/Application Support").join(name),
            "windows" => home.join("AppData/Roaming").join(name),
            _ => home.join(".config").join(name),
        };
        match self {
            Self::ClaudeCode => project.join(".mcp.json"),
            Self::ClaudeDesktop => settings("Claude").join("claude_desktop_config.json"),
            Self::Cursor => home.join(".cursor/mcp.json"),
            Self::Vscode => project.join(".vscode/mcp.json"),
            Self::Codex => home.join(".codex/config.toml"),
            Self::Gemini => home.join(".gemini/settings.json"),
            Self::Zed if cfg!(windows) => settings("Zed").join("settings.json"),
            Self::Zed => home.join(".config/zed/settings.json"),
            Self::Windsurf => home.join(".codeium/windsurf/mcp_config.json"),
        }
    }

    /// The object in the file that has a member for each server.
    pub(super) fn servers(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::Codex => "mcp_servers",
            Self::Zed => "context_servers",
            _ => "mcpServers",
        }
    }

    /// Whether it can hand over a secret that is not in its file.
    pub(super) fn takes_secrets(self) -> bool {
        !matches!(self, Self::ClaudeDesktop | Self::Zed)
    }

    /// Whether it is started from a shell, and so finds the program by its name.
    pub(super) fn has_path(self) -> bool {
        matches!(self, Self::ClaudeCode | Self::Codex | Self::Gemini)
    }

    /// The entry of the server: its members in the order in which hosts document them.
    pub(super) fn entry(self, started: &Started) -> Vec<(&'static str, Value)> {
        let mut entry = Vec::new();
        if matches!(self, Self::ClaudeCode | Self::Vscode) {
            entry.push(("type", "stdio".into()));
        }
        entry.push(("command", started.command.clone().into()));
        entry.push(("args", started.args.clone().into()));
        match (&started.secret, self.reference()) {
            (Secret::None, _) => {}
            (Secret::File(path), _) => {
                let file = format!("file:{}", path.display());
                entry.push(("env", json!({ KEY: file })));
            }
            // Codex hands over the variables that are named.
            (Secret::OfHost, None) => entry.push(("env_vars", json!([KEY]))),
            (Secret::OfHost, Some(reference)) => entry.push(("env", json!({ KEY: reference }))),
        }
        entry
    }

    /// How the value of [`KEY`] is written where the host fills it in.
    fn reference(self) -> Option<String> {
        match self {
            Self::Codex => None,
            Self::Cursor | Self::Windsurf => Some(format!("${{env:{KEY}}}")),
            Self::Vscode => Some(format!("${{input:{INPUT}}}")),
            _ => Some(format!("${{{KEY}}}")),
        }
    }

    /// What VS Code asks its user for, once.
    pub(super) fn input(self, started: &Started) -> Option<Vec<(&'static str, Value)>> {
        (self == Self::Vscode && started.secret == Secret::OfHost).then(|| {
            vec![
                ("type", "promptString".into()),
                ("id", INPUT.into()),
                ("description", "Tailscale API key".into()),
                ("password", true.into()),
            ]
        })
    }
}

/// The ID of what VS Code asks for.
pub(super) const INPUT: &str = "tailscale-api-key";
