//! Settings that hold for the whole tailnet.

use futures_util::future::BoxFuture;
use serde_json::json;

pub use crate::api::types::TailnetSettings;
use crate::{
    Error, Operation,
    change::{Change, Fields, Plan, Risk, Sending, Sent, Subject},
    client::{Client, Result},
    tailnet::Tailnet,
};

/// The settings of a tailnet.
#[derive(Debug)]
pub struct SettingsOf<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> SettingsOf<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Reads the settings (`GET /tailnet/{tailnet}/settings`). A field that the credential's
    /// scopes do not cover is absent, which says nothing about its value.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) if no scope covers any of them.
    pub async fn get(&self) -> Result<TailnetSettings> {
        let client = self.tailnet.client();
        let answer = client.api()?.get_tailnet_settings().tailnet(client.tailnet()).send().await;
        Client::value(Operation::GetTailnetSettings, answer)
    }

    /// Plans to let clients update themselves, or not (`PATCH /tailnet/{tailnet}/settings`). It is
    /// the default for devices that have not decided themselves.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn plan_auto_updates(&self, on: bool) -> Result<Plan> {
        Ok(auto_updates(self.get().await?.devices_auto_updates_on, on))
    }

    /// Sends the change by itself, unplanned and unrecorded: the tests of the transport need one
    /// write without the rest.
    #[doc(hidden)]
    pub async fn set_auto_updates(&self, on: bool) -> Result<TailnetSettings> {
        let client = self.tailnet.client();
        let answer = client
            .api()?
            .update_tailnet_settings()
            .tailnet(client.tailnet())
            .body_map(|it| it.devices_auto_updates_on(on))
            .send()
            .await;
        Client::value(Operation::UpdateTailnetSettings, answer)
    }
}

const AUTO_UPDATES: &str = "devices_auto_updates_on";

pub(crate) fn auto_updates(is_on: Option<bool>, wanted: bool) -> Plan {
    let change = Change::new(AUTO_UPDATES, is_on, wanted);
    let changes = match is_on {
        Some(is_on) if is_on == wanted => Vec::new(),
        Some(_) => vec![change],
        // What nobody may read cannot be put back.
        None => vec![change.lasting()],
    };
    let mut plan = Plan::one(&Settings, "", "", changes);
    plan.least = Risk::Danger;
    plan
}

/// The settings, as something that changes.
#[derive(Debug)]
pub(crate) struct Settings;

impl Subject for Settings {
    fn kind(&self) -> &'static str {
        "tailnet settings"
    }

    fn look<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        _: &'a str,
        fields: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Fields>> {
        Box::pin(async move {
            let now = tailnet.tailnet_settings().get().await?;
            let seen = |field: &&str| {
                let value = (**field == *AUTO_UPDATES).then_some(now.devices_auto_updates_on);
                ((*field).to_owned(), json!(value.flatten()))
            };
            Ok(fields.iter().map(seen).collect())
        })
    }

    fn send<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        sending: Sending<'a>,
    ) -> BoxFuture<'a, Result<Sent>> {
        Box::pin(async move {
            let change = sending.change;
            let (true, Some(on)) = (change.field == AUTO_UPDATES, change.to.as_bool()) else {
                return Err(Error::invalid_input(
                    &change.field,
                    "is no setting that can be put so",
                ));
            };
            tailnet.tailnet_settings().set_auto_updates(on).await?;
            Ok(Sent::default())
        })
    }
}
