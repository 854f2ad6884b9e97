//! The users of a tailnet.

use std::sync::Arc;

pub(crate) mod change;
pub mod find;
pub mod offboard;
mod plan;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use crate::{
    api::types::{ListUsersType, User},
    values::{Role, UserKind, UserState},
};
use crate::{client::Result, tailnet::Tailnet};

/// The users of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> Users<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists the users of this tailnet (`GET /tailnet/{tailnet}/users`). Cached for a few seconds.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `users:read`.
    pub async fn list(&self) -> Result<Arc<Vec<User>>> {
        let client = self.tailnet.client();
        client
            .cached("users".to_owned(), async {
                let response = self.tailnet.api()?.list_users().send().await?;
                Ok(response.into_inner().users.unwrap_or_default())
            })
            .await
    }

    /// Lists all users, including those of other tailnets with whom something is shared
    /// (`GET /tailnet/{tailnet}/users?type=all`). Cached for a few seconds.
    ///
    /// # Errors
    ///
    /// Same as [`list`](Self::list).
    pub async fn everybody(&self) -> Result<Arc<Vec<User>>> {
        let client = self.tailnet.client();
        client
            .cached("users of all kinds".to_owned(), async {
                let request = self.tailnet.api()?.list_users().type_(ListUsersType::All);
                Ok(request.send().await?.into_inner().users.unwrap_or_default())
            })
            .await
    }

    /// Reads the current state of a user (`GET /users/{userId}`). `user` is anything that
    /// [`find::find`] accepts.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), or [`Ambiguous`](crate::ErrorKind::Ambiguous)
    /// with the candidates.
    pub async fn get(&self, user: &str) -> Result<User> {
        let list = self.everybody().await?;
        self.read(find::id(find::find(&list, user)?)).await
    }

    /// Reads the user with this ID.
    pub(crate) async fn read(&self, id: &str) -> Result<User> {
        Ok(self.tailnet.api()?.get_user().user_id(id).send().await?.into_inner())
    }
}
