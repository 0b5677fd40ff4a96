//! Sessions over HTTP (before 2026-07-28): rmcp keeps them, and has what is not a request of the client.

use crate::exchange::Exchange;
use crate::session::{KEPT, Session, Shared};
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
use std::time::Duration;
use tollgate::{Principal, SystemClock};

/// The sessions.
pub(crate) struct Sessions {
    shared: Arc<Shared>,
    known: Mutex<HashMap<SessionId, Arc<Session>>>,
}

impl Sessions {
    pub(crate) fn new(session_timeout: Duration) -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(session_timeout);
        // What was cancelled is kept for a client that comes back for its stream; few do, and each takes memory.
        config.completed_cache_ttl = KEPT;
        let mut sessions = LocalSessionManager::default();
        sessions.session_config = config;
        let shared = Shared { sessions, touch_after: session_timeout / 8, clock: SystemClock::default() };
        Self { shared: Arc::new(shared), known: Mutex::default() }
    }

    /// How many there are.
    pub(crate) async fn count(&self) -> usize {
        self.shared.sessions.sessions.read().await.len()
    }

    /// Who began a session.
    pub(crate) fn owner(&self, id: &str) -> Option<Principal> {
        self.get(id)?.link.owner()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.known.lock().get(id).cloned()
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

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = Linked<<LocalSessionManager as SessionManager>::Transport>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let (id, transport) = self.shared.sessions.create_session().await?;
        let session = Arc::new(Session::new(id.clone(), self.shared.clone()));
        self.known.lock().insert(id.clone(), session.clone());
        Ok((id, Linked { transport, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        if let (Some(session), ClientJsonRpcMessage::Request(request)) = (self.get(id), &mut message) {
            // The agent that gets it says that it is the one.
            request.request.extensions_mut().insert(session.link.clone());
        }
        self.shared.sessions.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.shared.sessions.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        if let Some(session) = self.get(id) {
            session.link.ended().cancel();
        }
        let closed = self.shared.sessions.close_session(id).await;
        // Last: it says whose the session is.
        self.known.lock().remove(id);
        closed
    }

    /// Before the session has begun, and where a request says something unusual: else it goes the short way
    /// ([`crate::posted`]).
    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.shared.sessions.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
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

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.shared.sessions.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        match Exchange::read_event_id(&last_event_id) {
            None => Ok(Either::Left(self.shared.sessions.resume(id, last_event_id).await?)),
            Some(event) => match self.get(id).and_then(|session| session.resume(event)) {
                Some(events) => Ok(Either::Right(events)),
                None => Err(SessionError::InvalidEventId.into()),
            },
        }
    }
}
