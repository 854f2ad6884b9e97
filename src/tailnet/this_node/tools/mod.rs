//! Tools for the machine that this server runs on.

use crate::tool::{Toolset, edit, query};

mod change;
mod look;

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "this_node",
    about: "The machine that this server runs on, through its Tailscale daemon.",
    instructions: "These tools are about the machine that this server runs on (`machine` in the answers), \
                   which may not be the user's own.",
    default: false,
    tools: &[
        query::<look::GetLocalStatus>(),
        query::<look::PingPeer>(),
        query::<look::GetNetcheck>(),
        query::<look::ExplainConnection>(),
        query::<look::SuggestExitNode>(),
        edit::<change::UseExitNode>(),
        edit::<change::AdvertiseRoutes>(),
        edit::<change::AdvertiseExitNode>(),
        edit::<change::SetAcceptRoutes>(),
    ],
};
