//! The parts of a report.

mod fleet;
mod network;
mod rules;
mod traffic;

pub use self::{
    fleet::{Change, Changes, Count, DeviceRow, Fleet, VersionCount},
    network::{
        Connectivity, ExitNode, Expiring, Expiry, Hours, Online, Region, Relayed, Route, Router,
        Routes, Run, Strip, Week,
    },
    rules::{
        CheckRow, Compliance, KeyKindRow, KeyRow, Keys, People, Person, PolicyFinding, PolicyPart,
        Reach, Users,
    },
    traffic::{ExitTalker, Refused, Service, TagTable, Talker, TrafficPart},
};
