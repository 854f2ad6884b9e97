//! Mends what a Funnel needs and this node lacks, in the same plan.

use serde_json::json;

use super::{Funnel, ready::Ready};
use crate::{
    Error, ErrorKind,
    change::{Change, Item, Plan},
    client::Result,
    policy::edit::{Edit, Op},
    tailnet::{
        policy_file::Draft,
        settings::SettingsUpdate,
        this_node::change::{Preferences, SHIELDS_UP},
    },
};

impl Funnel<'_> {
    /// Puts the changes that mend what is missing before those of `plan`.
    pub(super) async fn mend(self, ready: &Ready, plan: &mut Plan) -> Result<()> {
        let missing: Vec<_> = ready.requirements.iter().filter(|it| !it.met).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let admin: Vec<&str> =
            missing.iter().map(|it| it.need).filter(|it| *it != "shields_down").collect();
        let steps: Vec<&str> = missing.iter().filter_map(|it| it.mend).collect();
        let steps = steps.join("; ");
        if !admin.is_empty() {
            self.is_served(ready, &steps).await?;
        }
        let mut first: Vec<Item> = Vec::new();
        for need in &admin {
            let mending = self.mending(need, ready).await.map_err(|error| {
                let why = format!(
                    "Funnel is not ready on `{}`, and it cannot be set up from here: {error}",
                    ready.machine
                );
                let remedy = error.advice().map(|it| format!("; {it}")).unwrap_or_default();
                Error::refused(why, format!("{steps}{remedy}"))
            })?;
            plan.warnings.extend(mending.warnings);
            plan.notes.extend(mending.notes);
            first.extend(mending.items.into_iter().filter(|it| !it.changes().is_empty()));
        }
        if !ready.has("shields_down") {
            let change = Change::new(SHIELDS_UP, true, false);
            first.push(Item::new(&Preferences, &ready.id, &ready.machine, vec![change]));
            plan.warnings
                .push("this machine no longer blocks incoming connections (shields up)".to_owned());
        }
        first.append(&mut plan.items);
        plan.items = first;
        Ok(())
    }

    /// Whether this node is in the tailnet that the credential belongs to.
    async fn is_served(self, ready: &Ready, steps: &str) -> Result<()> {
        let devices = self.tailnet().devices().list().await;
        let why = match devices {
            Ok(list) if list.iter().any(|it| it.key() == ready.id) => return Ok(()),
            Ok(_) => "the machine is not in the tailnet that this server manages".to_owned(),
            Err(error) => format!("it is unknown whether the machine is in the tailnet: {error}"),
        };
        let message = format!("Funnel is not ready on `{}`, and {why}", ready.machine);
        Err(Error::refused(message, format!("ask an admin of its tailnet to do this: {steps}")))
    }

    async fn mending(self, need: &str, ready: &Ready) -> Result<Plan> {
        let tailnet = self.tailnet();
        match need {
            "magic_dns" => tailnet.dns().plan_magic_dns(true).await,
            "https" => {
                let update =
                    SettingsUpdate { https_enabled: Some(true), ..SettingsUpdate::default() };
                tailnet.tailnet_settings().plan_update(&update).await
            }
            _ => {
                let target = target(ready)?;
                let value = json!({ "target": [target], "attr": ["funnel"] });
                let edit = Edit {
                    op: Op::Add,
                    section: "nodeAttrs".to_owned(),
                    name: None,
                    value: Some(value),
                    index: None,
                };
                let mut plan = tailnet.policy_file().plan_text(&Draft::edits(vec![edit])).await?;
                plan.warnings.push(format!(
                    "all devices of `{target}` are allowed to use Funnel from then on"
                ));
                Ok(plan)
            }
        }
    }
}

/// Whom the attribute is given to: a node's tag, or its owner. An attribute cannot be given to one device.
fn target(ready: &Ready) -> Result<String> {
    let tag = ready.node.tags.first().cloned();
    tag.or_else(|| Some(ready.owner.clone()).filter(|it| !it.is_empty())).ok_or_else(|| {
        let why = "the owner of this node is unknown";
        Error::new(ErrorKind::Unsupported, why).with_remedy("edit the policy file by hand")
    })
}
