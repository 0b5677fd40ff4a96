//! Sessions over HTTP (before 2026-07-28): rmcp keeps them, and has what is not a request of the client.

use crate::exchange::Exchange;
use crate::session::{KEPT, Session, Shared};
use crate::shares::{Share, Shares};
use futures::Stream;
use futures::future::Either;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, GetExtensions, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::common::server_side_http::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig, SessionError,
};
use rmcp::transport::streamable_http_server::session::{SessionId, SessionManager};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tollgate::{Identity, SystemClock};

/// The sessions of all.
pub(crate) struct Sessions {
    shared: Arc<Shared>,
    known: Mutex<HashMap<SessionId, Known>>,
    shares: Arc<Shares>,
}

/// A session that there is.
struct Known {
    session: Arc<Session>,
    owner: Identity,
    _place: Share,
}

impl Sessions {
    pub(crate) fn new(session_timeout: Duration, max: usize) -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(session_timeout);
        // What was cancelled is kept for a client that comes back for its stream; few do, and each takes memory.
        config.completed_cache_ttl = KEPT;
        let mut sessions = LocalSessionManager::default();
        sessions.session_config = config;
        let shared = Shared { sessions, touch_after: session_timeout / 8, clock: SystemClock::default() };
        Self { shared: Arc::new(shared), known: Mutex::default(), shares: Shares::new(max) }
    }

    /// The places that there are for them.
    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Who began a session.
    pub(crate) fn owner(&self, id: &str) -> Option<Identity> {
        self.known.lock().get(id).map(|known| known.owner.clone())
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.known.lock().get(id).map(|known| known.session.clone())
    }

    /// Ends the sessions of some.
    pub(crate) async fn end_those(&self, whose: impl Fn(&Identity) -> bool) {
        let ids: Vec<SessionId> = {
            let known = self.known.lock();
            known.iter().filter(|(_, of)| whose(&of.owner)).map(|(id, _)| id.clone()).collect()
        };
        for id in ids {
            drop(self.close(&id).await);
        }
    }

    pub(crate) async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), LocalSessionManagerError> {
        let session = self.get(id);
        let mut opens = false;
        if let (Some(session), ClientJsonRpcMessage::Notification(notification)) = (&session, &message) {
            match &notification.notification {
                ClientNotification::CancelledNotification(cancelled) => {
                    let of = cancelled.params.request_id.as_ref();
                    if let Some(exchange) = of.and_then(|of| session.find(|exchange| exchange.id == *of)) {
                        exchange.cancelled.cancel();
                    }
                }
                ClientNotification::InitializedNotification(_) => opens = true,
                _ => {}
            }
        }
        self.shared.sessions.accept_message(id, message).await?;
        if let Some(session) = session.filter(|_| opens) {
            session.link.open();
        }
        Ok(())
    }

    async fn close(&self, id: &SessionId) -> Result<(), LocalSessionManagerError> {
        if let Some(session) = self.get(id) {
            session.link.ended().cancel();
        }
        let closed = self.shared.sessions.close_session(id).await;
        // Last: it says whose the session is.
        self.known.lock().remove(id);
        closed
    }
}

/// The sessions, for requests of one caller: what he begins is his.
pub(crate) struct OwnSessions {
    all: Arc<Sessions>,
    owner: Identity,
    is_full: AtomicBool,
}

impl OwnSessions {
    pub(crate) fn new(all: Arc<Sessions>, owner: Identity) -> Self {
        Self { all, owner, is_full: AtomicBool::new(false) }
    }

    /// Whether a session did not begin because he has as many as he may.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }
}

/// A transport of rmcp's, whose messages go to the requests that they are about.
pub(crate) struct Linked<T> {
    transport: T,
    session: Arc<Session>,
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Linked<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        match self.session.exchange_of(&message) {
            Some(exchange) => Either::Left(async move {
                exchange.tell(message).await;
                Ok(())
            }),
            None => Either::Right(self.transport.send(message)),
        }
    }

    fn receive(&mut self) -> impl Future<Output = Option<ClientJsonRpcMessage>> + Send {
        self.transport.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.transport.close()
    }
}

impl SessionManager for OwnSessions {
    type Error = LocalSessionManagerError;
    type Transport = Linked<<LocalSessionManager as SessionManager>::Transport>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let Some(place) = self.all.shares.take(&self.owner) else {
            self.is_full.store(true, Ordering::Relaxed);
            return Err(SessionError::SessionServiceTerminated.into());
        };
        let (id, transport) = self.all.shared.sessions.create_session().await?;
        let session = Arc::new(Session::new(id.clone(), self.all.shared.clone()));
        let known = Known { session: session.clone(), owner: self.owner.clone(), _place: place };
        self.all.known.lock().insert(id.clone(), known);
        Ok((id, Linked { transport, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        if let (Some(session), ClientJsonRpcMessage::Request(request)) = (self.all.get(id), &mut message) {
            // The connection that gets it says that it is the one.
            request.request.extensions_mut().insert(session.link.clone());
        }
        self.all.shared.sessions.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.all.shared.sessions.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.all.close(id).await
    }

    /// Before the session has begun, and where a request says something unusual: else it goes the short way
    /// ([`crate::posted`]).
    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.all.shared.sessions.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.all.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.all.shared.sessions.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        match Exchange::read_event_id(&last_event_id) {
            None => Ok(Either::Left(self.all.shared.sessions.resume(id, last_event_id).await?)),
            Some(event) => match self.all.get(id).and_then(|session| session.resume(event)) {
                Some(events) => Ok(Either::Right(events)),
                None => Err(SessionError::InvalidEventId.into()),
            },
        }
    }
}
