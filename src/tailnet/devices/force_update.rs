//! Client updates. The API cannot update one device; it can only turn on auto-updates for the
//! tailnet. Otherwise somebody runs `tailscale update` on the device.

use super::Devices;
use crate::{Error, change::Plan, client::Result, tailnet::settings};

impl Devices<'_> {
    /// Plans how to update the client of a device. With `auto_updates`, turns on auto-updates for
    /// the tailnet (`PATCH /tailnet/{tailnet}/settings`); without it, the plan changes nothing and
    /// its notes say what to do on the device.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`Forbidden`](crate::ErrorKind::Forbidden) without the scope
    /// `feature_settings`.
    pub async fn plan_force_update(&self, device: &str, auto_updates: bool) -> Result<Plan> {
        let device = self.get(device).await?;
        if auto_updates && device.is_shared_in() {
            return Err(Error::refused(
                format!("`{}` belongs to another tailnet", device.short_name()),
                "ask its owner to update it",
            ));
        }
        let settings = self.tailnet().tailnet_settings();
        // If the credential may not read the setting, the other notes are still useful.
        let is_on = settings.get().await.ok().and_then(|it| it.devices_auto_updates_on);
        let mut plan =
            if auto_updates { settings::auto_updates(is_on, true) } else { Plan::new(Vec::new()) };
        let runs = device.client_version.as_deref().unwrap_or("an unknown version");
        let name = device.short_name();
        plan.notes.push(format!("{name} runs {runs}; the API cannot push an update to it"));
        if device.update_available == Some(false) {
            plan.notes.push("it runs the newest version for its system".to_owned());
            return Ok(plan);
        }
        if auto_updates || is_on == Some(true) {
            plan.notes.push(
                "with auto-updates on, it updates itself within a day or so, if its system \
                 supports that and it has not opted out"
                    .to_owned(),
            );
        } else {
            plan.notes.push(
                "with `auto_updates`, all clients of the tailnet update themselves".to_owned(),
            );
        }
        plan.notes.push(how(device.os.as_deref().unwrap_or_default()).to_owned());
        Ok(plan)
    }
}

/// How to update the client on the device itself.
fn how(os: &str) -> &'static str {
    match os.to_lowercase().as_str() {
        "ios" | "tvos" => "to update it now, use the App Store on the device",
        "android" => "to update it now, use the Play Store on the device",
        "macos" => {
            "to update it now, use the App Store or `tailscale update` on the device, depending on \
             how it was installed"
        }
        _ => "to update it now, run `tailscale update` on the device",
    }
}
