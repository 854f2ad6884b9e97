//! Updates of the client. The admin API cannot push one: what it can do is let clients update
//! themselves, tailnet-wide; otherwise somebody runs `tailscale update` on the device.

use serde::Serialize;

use super::Devices;
use crate::{Error, client::Result};

/// What was done about a device's client, and what is left to do.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct UpdateAdvice {
    /// Its short name.
    pub device: String,
    /// The version that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    /// Whether a newer one is available for it; absent if the API does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_available: Option<bool>,
    /// Whether clients update themselves in this tailnet, unless a device decided otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tailnet_auto_updates: Option<bool>,
    /// What that was before this call; absent if the call did not change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tailnet_auto_updates_before: Option<bool>,
    /// Whether this call has changed anything.
    pub applied: bool,
    /// Always false: nobody can do this through the admin API.
    pub update_pushed: bool,
    /// What happens now, or what to do.
    pub next: Vec<String>,
}

impl Devices<'_> {
    /// Does what can be done to get a device's client updated. With `auto_updates`, clients of the
    /// whole tailnet update themselves from now on (`PATCH /tailnet/{tailnet}/settings`); without
    /// it nothing is changed. With `dry_run` nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`Forbidden`](crate::ErrorKind::Forbidden) without the scope
    /// `feature_settings`.
    pub async fn force_update(
        &self,
        device: &str,
        auto_updates: bool,
        dry_run: bool,
    ) -> Result<UpdateAdvice> {
        let device = self.get(device).await?;
        if auto_updates && device.is_shared_in() {
            return Err(Error::refused(
                format!("`{}` belongs to another tailnet", device.short_name()),
                "ask its owner to update it",
            ));
        }
        let settings = self.tailnet().tailnet_settings();
        // Without the scope the setting is not known, which is no reason to say nothing.
        let before = settings.get().await.ok().and_then(|it| it.devices_auto_updates_on);
        let change = auto_updates && before != Some(true);
        let applied = change && !dry_run;
        let now = if applied {
            settings.set_auto_updates(true).await?.devices_auto_updates_on.or(Some(true))
        } else {
            before
        };
        let mut next = Vec::new();
        if dry_run && change {
            next.push("this was a dry run: auto-updates would be turned on".to_owned());
        }
        if device.update_available == Some(false) {
            next.push("it runs the newest version for its system".to_owned());
        } else {
            if now == Some(true) {
                next.push(
                    "it updates itself within a day or so, if its system supports that and it did \
                     not opt out"
                        .to_owned(),
                );
            } else if !auto_updates {
                next.push(
                    "with `auto_updates` all clients of the tailnet update themselves".to_owned(),
                );
            }
            next.push(how(device.os.as_deref().unwrap_or_default()).to_owned());
        }
        Ok(UpdateAdvice {
            device: device.short_name().to_owned(),
            client_version: device.client_version.clone(),
            update_available: device.update_available,
            tailnet_auto_updates: now,
            tailnet_auto_updates_before: before.filter(|_| applied),
            applied,
            update_pushed: false,
            next,
        })
    }
}

/// How to update the client at once, on the device itself.
fn how(os: &str) -> &'static str {
    match os.to_lowercase().as_str() {
        "ios" | "tvos" => "to update it now, use the App Store on the device",
        "android" => "to update it now, use the Play Store on the device",
        "macos" => {
            "to update it now, use the App Store or `tailscale update` on the device, as it was \
             installed"
        }
        _ => "to update it now, run `tailscale update` on the device",
    }
}
