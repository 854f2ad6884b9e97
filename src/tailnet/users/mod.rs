//! The people of a tailnet.

use std::sync::Arc;

pub use crate::api::types::User;
use crate::{
    Operation,
    client::{Client, Result},
    tailnet::Tailnet,
};

/// The people of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> Users<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists everybody, those of other tailnets with whom something is shared included
    /// (`GET /tailnet/{tailnet}/users`). Cached for a few seconds.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `users:read`.
    pub async fn list(&self) -> Result<Arc<Vec<User>>> {
        let client = self.tailnet.client();
        client
            .cached("users".to_owned(), async {
                let answer = client.api()?.list_users().tailnet(client.tailnet()).send().await;
                let list = Client::value(Operation::ListUsers, answer)?.users;
                Ok(list.unwrap_or_default())
            })
            .await
    }
}
