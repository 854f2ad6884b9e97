//! The tool that lints a policy file, and lists its rules and capabilities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::{Capped, SHOWN, WORLD};
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    policy::{Capability, Compiled, Finding, Weight},
    tailnet::{devices::find::find, policy_file::compute::compute},
    tool::{List, PageSize, Part},
};

/// Problems, rules, or capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Show {
    /// What somebody should look at.
    #[default]
    Findings,
    /// Rules with the devices that they affect.
    Rules,
    /// Capabilities and attributes, and who has them.
    Capabilities,
}

/// Lint a policy file for risky and unused rules, or list its rules or capabilities by device.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PolicyAnalyzer {
    /// What to show; default `findings`.
    show: Option<Show>,
    /// Only this capability.
    capability: Option<String>,
    /// Device name, start of name, ID or IP.
    device: Option<String>,
    /// Policy file to use; default the live one.
    text: Option<String>,
}

/// The result of `policy_analyzer`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Analysis {
    Findings { high: usize, medium: usize, low: usize, findings: Capped<Finding> },
    Rules { rules: Capped<crate::policy::RuleReach> },
    Capabilities { capabilities: Capped<Capability> },
    Attributes { device: String, attributes: serde_json::Map<String, Value> },
}

impl List for PolicyAnalyzer {
    const NAME: &'static str = "policy_analyzer";
    const OPERATIONS: &'static [Operation] = &WORLD;
    const PAGE: PageSize = PageSize { usual: SHOWN, max: 500 };
    type Output = Analysis;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Analysis> {
        self.check_combination()?;
        let judged = tailnet.policy_file().judged(self.text.as_deref()).await?;
        if let Some(name) = self.device {
            let list = tailnet.devices().list().await?;
            let found = find(&list, &name)?;
            let policy = judged.compiled();
            let at = policy.device(found.key());
            let attributes = at.map(|it| policy.attributes(it)).unwrap_or_default();
            return Ok(Analysis::Attributes { device: found.short_name().to_owned(), attributes });
        }
        compute(move || self.analysis(&judged.compiled(), &part)).await
    }
}

impl PolicyAnalyzer {
    /// Refuses parameters that do not apply together.
    fn check_combination(&self) -> Result<()> {
        if self.device.is_some() && (self.show.is_some() || self.capability.is_some()) {
            let should = "shows the attributes of one device; leave out `show` and `capability`";
            return Err(Error::invalid_input("device", should));
        }
        let is_other = self.show.is_some_and(|show| show != Show::Capabilities);
        if self.capability.is_some() && is_other {
            let should = "goes with `show` = `capabilities` only";
            return Err(Error::invalid_input("capability", should));
        }
        Ok(())
    }

    fn analysis(&self, policy: &Compiled<'_>, part: &Part) -> Analysis {
        let show = self.show.unwrap_or_default();
        let show = if self.capability.is_some() { Show::Capabilities } else { show };
        match show {
            Show::Capabilities => {
                let all = policy.capabilities_named(self.capability.as_deref());
                Analysis::Capabilities { capabilities: Capped::page(all, part) }
            }
            Show::Rules => {
                Analysis::Rules { rules: Capped::page(policy.rules_with_devices(), part) }
            }
            Show::Findings => {
                let all = policy.findings();
                let count = |weight: Weight| all.iter().filter(|it| it.weight == weight).count();
                let (high, medium, low) =
                    (count(Weight::High), count(Weight::Medium), count(Weight::Low));
                let findings = Capped::page(all, part);
                Analysis::Findings { high, medium, low, findings }
            }
        }
    }
}
