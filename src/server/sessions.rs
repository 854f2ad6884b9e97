//! Sessions, each owned by one principal. Wraps rmcp's session manager, which has neither owners nor a
//! limit.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::response::Response;
use futures_util::Stream;
use http::HeaderMap;
use rmcp::{
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::streamable_http_server::session::{
        ServerSseMessage, SessionId, SessionManager,
        local::{LocalSessionManager, LocalSessionManagerError, SessionConfig},
    },
};

use super::{
    holder::Holder,
    limits::{Place, Places},
    refusal::Refusal,
};

/// The header with the session ID.
pub(super) const SESSION_ID: &str = "mcp-session-id";

/// How long a new session may wait for its first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// The caller of the request that this task serves: rmcp does not pass it when it creates a session.
    static CALLER: Caller;
}

struct Caller {
    holder: Holder,
    no_place: Cell<bool>,
}

/// The open sessions and their owners.
pub(super) struct Sessions {
    local: LocalSessionManager,
    owners: Mutex<HashMap<SessionId, Owner>>,
    places: Places,
}

struct Owner {
    holder: Holder,
    _place: Place,
}

/// Why a session cannot be created or used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("too many sessions")]
    Full,
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

impl Sessions {
    /// A manager whose sessions end after `idle` without a message.
    pub(super) fn new(places: Places, idle: Duration) -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(idle);
        config.init_timeout = Some(FIRST_MESSAGE);
        let mut local = LocalSessionManager::default();
        local.session_config = config;
        Self { local, owners: Mutex::default(), places }
    }

    /// The number of open sessions.
    pub(super) fn count(&self) -> usize {
        self.places.taken()
    }

    /// Checks that the session named in `headers`, if any, belongs to the holder. A session of somebody
    /// else gets the same response as one that does not exist.
    pub(super) fn check(&self, headers: &HeaderMap, holder: &Holder) -> Result<(), Refusal> {
        let Some(id) = headers.get(SESSION_ID) else { return Ok(()) };
        let id = id.to_str().map_err(|_| Refusal::NoSession)?;
        let owners = self.owners();
        let owner = owners.get(id).filter(|it| !it.holder.ended.is_cancelled());
        // Who is allowed something else than at its start has to start anew: a session has subscriptions.
        let own = owner.is_some_and(|it| it.holder.principal == holder.principal);
        if own { Ok(()) } else { Err(Refusal::NoSession) }
    }

    /// Runs `answer` for `holder`, who becomes the owner of any session that it opens.
    pub(super) async fn on_behalf_of(
        holder: Holder,
        answer: impl Future<Output = Response>,
    ) -> Result<Response, Refusal> {
        let caller = Caller { holder, no_place: Cell::new(false) };
        let answer = async {
            let response = answer.await;
            let no_place = CALLER.with(|it| it.no_place.get());
            if no_place { Err(Refusal::SessionsFull) } else { Ok(response) }
        };
        CALLER.scope(caller, answer).await
    }

    /// Ends the sessions whose tokens are no longer valid.
    pub(super) async fn end_revoked(&self) {
        let revoked: Vec<SessionId> = {
            let owners = self.owners();
            let revoked = owners.iter().filter(|it| it.1.holder.ended.is_cancelled());
            revoked.map(|it| Arc::clone(it.0)).collect()
        };
        for id in revoked {
            if let Err(error) = self.close_session(&id).await {
                tracing::warn!(%error, "a session of a removed token did not end immediately");
            }
        }
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<SessionId, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionError> {
        let owner = CALLER.try_with(|caller| {
            let place = self.places.take(&caller.holder.principal.key);
            caller.no_place.set(place.is_none());
            place.map(|place| Owner { holder: caller.holder.clone(), _place: place })
        });
        let owner = owner.ok().flatten().ok_or(SessionError::Full)?;
        let (id, transport) = self.local.create_session().await?;
        self.owners().insert(Arc::clone(&id), owner);
        Ok((id, transport))
    }

    /// Also called after a session ended by itself.
    async fn close_session(&self, id: &SessionId) -> Result<(), SessionError> {
        drop(self.owners().remove(id));
        Ok(self.local.close_session(id).await?)
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        Ok(self.local.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionError> {
        Ok(self.local.has_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.create_stream(id, message).await?)
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), SessionError> {
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.resume(id, last_event_id).await?)
    }
}
