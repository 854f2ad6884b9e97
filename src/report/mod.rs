//! A report about a tailnet: one [`Report`], from which every form of it is made. Pure.
//!
//! [`Report::to_html`] is a page that needs nothing else: no script, no network. Its JSON has the version of its
//! shape, [`SCHEMA`].
//!
//! ```no_run
//! # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
//! let report = tailnet.reports().make(jiff::SignedDuration::from_hours(30 * 24)).await?;
//! std::fs::write("net.html", report.to_html()).unwrap();
//! # Ok(()) }
//! ```

use serde::{Deserialize, Serialize};

mod html;
mod parts;
mod summary;
mod svg;

pub use self::parts::{
    Change, Changes, CheckRow, Compliance, Connectivity, Count, DeviceRow, ExitNode, ExitTalker,
    Expiring, Expiry, Fleet, Hours, KeyKindRow, KeyRow, Keys, Online, People, Person,
    PolicyFinding, PolicyPart, Reach, Refused, Region, Relayed, Route, Router, Routes, Run,
    Service, Strip, TagTable, Talker, TrafficPart, Users, VersionCount, Week,
};

pub use self::summary::{
    Names, Short, ShortChanges, ShortExpiry, ShortFleet, ShortNeed, ShortStrip, ShortTraffic,
    Summary,
};

/// The version of the shape of a report's JSON. It changes when a field goes away or means something else.
pub const SCHEMA: u32 = 1;

/// A report about a tailnet. Times are RFC 3339, days `2026-11-29`, both in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this shape: [`SCHEMA`].
    pub schema: u32,
    /// What it is about.
    pub head: Head,
    /// What needs attention, the worst first.
    pub needs: Vec<Need>,
    /// How many more need attention.
    pub more_needs: usize,
    /// What changed since the last report.
    pub changes: Part<Changes>,
    /// The devices.
    pub fleet: Part<Fleet>,
    /// Which share of devices was connected, and when.
    pub online: Part<Online>,
    /// What expires.
    pub expiry: Part<Expiry>,
    /// Subnet routes and exit nodes.
    pub routes: Part<Routes>,
    /// What the clients report of their networks.
    pub connectivity: Part<Connectivity>,
    /// Traffic, if it is logged.
    pub traffic: Part<TrafficPart>,
    /// The compliance audit.
    pub compliance: Part<Compliance>,
    /// The policy file.
    pub policy: Part<PolicyPart>,
    /// Users and keys.
    pub people: People,
    /// How it was made.
    pub method: Method,
}

/// A part of a report, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part<T> {
    /// What it says.
    Known(T),
    /// Why it is not known.
    Unknown(String),
}

impl<T> Part<T> {
    /// What it says; none if that is not known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(it) => Some(it),
            Self::Unknown(_) => None,
        }
    }
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The tailnet.
    pub tailnet: String,
    /// When the report was made.
    pub at: String,
    /// Who had it made.
    pub by: String,
    /// Start of the window that figures about time are of.
    pub from: String,
    /// Its end.
    pub to: String,
    /// How much of the window was watched. None if no history is kept, or nobody has watched yet.
    pub watched: Option<Watched>,
    /// What could not be read, and why.
    pub unread: Vec<Unread>,
}

/// How much of a window was watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// When somebody first looked.
    pub since: String,
    /// Percent of the window in which somebody looked.
    pub percent: f64,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Something that needs attention: an alert that nobody takes care of, or a check that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// `critical`, `high` or, of an alert, `warning`.
    pub severity: String,
    /// What is wrong.
    pub title: String,
    /// With what: devices, users, routes.
    pub subjects: Vec<String>,
    /// With how many more.
    pub more: usize,
    /// Since when, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What to do first.
    pub first_step: String,
    /// Where it comes from: the name of an alert rule, or the ID of a check.
    pub source: String,
}

/// How a report was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// The program and its version.
    pub program: String,
    /// What was read, with the scope that it needs.
    pub sources: Vec<SourceRead>,
    /// What words mean here.
    pub definitions: Vec<Definition>,
    /// What can never be known from the API.
    pub never_known: Vec<String>,
}

/// A source of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRead {
    /// What it has.
    pub name: String,
    /// The scope that it needs; empty if none is documented.
    pub scope: String,
    /// Whether it could be read.
    pub was_read: bool,
}

/// What a word means in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The word.
    pub word: String,
    /// What it means.
    pub meaning: String,
}

impl Report {
    /// The report as one HTML page, made from this report only: complete without script, without a request to
    /// anywhere.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}
