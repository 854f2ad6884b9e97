//! Tag tools.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Audit, Retag};
use crate::{
    Operation, Tailnet,
    change::{OnFailure, Plan, Risk},
    client::Result,
    tailnet::devices::{DeviceSelector, Filter, name::with_prefix},
    tool::{Edit, List, Page, Part, Toolset, edit, list},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "tag_operations",
    about: "Tags, on several devices at once.",
    instructions: "",
    default: false,
    tools: &[list::<AuditTags>(), edit::<AddTags>(), edit::<RemoveTags>(), edit::<ReplaceTags>()],
};

const OPERATIONS: &[Operation] =
    &[Operation::ListTailnetDevices, Operation::GetPolicyFile, Operation::SetDeviceTags];
/// Without read access to the policy file, a plan only warns that tags were not checked.
const SCOPES: &[&str] = &["devices:core"];

/// List the tags in use with their devices and who owns them, and what is wrong with them.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AuditTags {
    /// Only tags with one of these prefixes, such as `tag:prod-`.
    #[serde(default)]
    prefixes: Vec<String>,
    /// Only tags with problems.
    #[serde(default)]
    problems: bool,
}

/// A page of tags, with notes about what could not be read.
#[derive(Debug, Serialize)]
pub(crate) struct TagPage {
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for AuditTags {
    const NAME: &'static str = "audit_tags";
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetPolicyFile];
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    type Output = TagPage;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<TagPage> {
        let Audit { tags, untagged, with_problems, mut rows, notes } =
            tailnet.tags().audit(&self.prefixes).await?;
        rows.retain(|it| !self.problems || !it.problems.is_empty());
        let page = Page::of("tags", &rows, &part)?
            .out_of(tags)
            .counting("with_problems", with_problems)
            .counting("untagged_devices", untagged);
        Ok(TagPage { page, notes })
    }
}

/// Defines a tool that changes tags; all of them select devices in the same way.
macro_rules! retag {
    ($(#[$about:meta])* $tool:ident, $name:literal, $way:ident) => {
        $(#[$about])*
        #[derive(Debug, Deserialize, JsonSchema)]
        pub(crate) struct $tool {
            /// Tags, such as `tag:web`.
            tags: Vec<String>,
            /// Devices by name, ID or IP; not together with filters.
            #[serde(default)]
            devices: Vec<String>,
            /// Part of the device name.
            name: Option<String>,
            /// Operating system, such as `linux`.
            os: Option<String>,
            /// Part of the owner's login name.
            user: Option<String>,
            /// Only devices with at least one of these tags.
            #[serde(default)]
            tags_any: Vec<String>,
            /// What to do after a device fails.
            #[serde(default)]
            on_failure: OnFailure,
        }

        impl Edit for $tool {
            const NAME: &'static str = $name;
            const RISK: Risk = Risk::Change;
            // A change of several devices, or the first tag of a user's device.
            const WORST: Risk = Risk::Danger;
            const OPERATIONS: &'static [Operation] = OPERATIONS;
            const SCOPES: &'static [&'static str] = SCOPES;

            async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
                let filter = Filter {
                    name: self.name,
                    os: self.os,
                    user: self.user,
                    any_tags: self.tags_any.iter().map(|tag| with_prefix(tag)).collect(),
                    ..Filter::default()
                };
                let which = DeviceSelector::new(self.devices, filter);
                tailnet.tags().plan(&which, &Retag::$way(self.tags), self.on_failure).await
            }
        }
    };
}

retag!(
    /// Add tags to devices.
    AddTags, "add_tags", Add
);
retag!(
    /// Remove tags from devices.
    RemoveTags, "remove_tags", Remove
);
retag!(
    /// Replace all tags of devices.
    ReplaceTags, "replace_tags", Replace
);
