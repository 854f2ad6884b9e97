//! Settings that hold for the whole tailnet.

pub use crate::api::types::TailnetSettings;
use crate::{
    Operation,
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

    /// Lets clients update themselves, or not (`PATCH /tailnet/{tailnet}/settings`). It is the
    /// default for devices that have not decided themselves.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `feature_settings`.
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
