//! Sessions over HTTP (before 2026-07-28), and the short way of requests in them.
//!
//! rmcp keeps the sessions: it begins and ends them, and has what is not a request of the client. A request it would
//! take through two tasks of the session and a third of its own, each way, and answer as a stream of events, even where
//! the answer is all that comes. Here the connection's own task works on a request, and answers with JSON when nothing
//! comes before the answer; else, or after [`PATIENCE`], with a stream that the client can come back for.

use crate::link::{Link, Served};
use futures::future::{BoxFuture, Either};
use futures::{FutureExt, Stream};
use http::request::Parts;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, GetExtensions, GetMeta, JsonRpcRequest, ProgressToken,
    RequestId, ServerJsonRpcMessage, ServerNotification,
};
use rmcp::service::OriginatingRequestId;
use rmcp::transport::Transport;
use rmcp::transport::common::server_side_http::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig, SessionError,
};
use rmcp::transport::streamable_http_server::session::{SessionId, SessionManager};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tollgate::{Clock as _, Principal, SystemClock};

/// How long an answer is waited for before the response begins as a stream. A client that goes before that has no way
/// back to the answer of its request, which goes on.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a client that lost its stream is told to wait before it comes back.
const RETRY: Duration = Duration::from_secs(3);
/// How long an answer is kept for a client that lost its stream.
const KEPT: Duration = Duration::from_secs(10);
/// The most messages of one request that are kept for such a client, and that wait for one that reads slowly.
const MAX_MESSAGES: usize = 64;
/// The most requests of one session whose streams have ended that are kept for such a client.
const MAX_KEPT: usize = 8;

/// Where the answer of a request goes when it comes without a stream: travels with the request, from the front end's
/// own layer to here.
#[derive(Clone, Default)]
pub(crate) struct WholeAnswer(Arc<Mutex<Option<Vec<u8>>>>);

impl WholeAnswer {
    /// The answer, as JSON.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().take()
    }
}

/// The sessions.
pub(crate) struct Sessions {
    sessions: Arc<LocalSessionManager>,
    known: Mutex<HashMap<SessionId, Arc<Session>>>,
    /// How often a session is told that it is used.
    touch_after: Duration,
    clock: SystemClock,
}

/// What the requests of one session share.
struct Session {
    link: Arc<Link>,
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    /// Those whose streams have ended, the oldest first.
    kept: Mutex<VecDeque<Arc<Exchange>>>,
    next_number: AtomicU64,
    touched: Mutex<Instant>,
}

impl Session {
    fn new() -> Self {
        Self {
            link: Link::new(),
            exchanges: Mutex::default(),
            kept: Mutex::default(),
            next_number: AtomicU64::new(1),
            touched: Mutex::new(Instant::now()),
        }
    }

    /// Begins a request.
    fn begin(
        self: &Arc<Self>,
        served_by: &Served,
        request: JsonRpcRequest<ClientRequest>,
    ) -> (Open, BoxFuture<'static, ServerJsonRpcMessage>) {
        let exchange = Arc::new(Exchange {
            number: self.next_number.fetch_add(1, Ordering::Relaxed),
            id: request.id.clone(),
            token: request.request.get_meta().get_progress_token(),
            cancelled: self.link.ended().child_token(),
            told: Notify::new(),
            replaced: Notify::new(),
            stream: Mutex::default(),
        });
        let work = self.link.work(served_by, request, exchange.cancelled.clone());
        self.exchanges.lock().push(exchange.clone());
        (Open { session: self.clone(), exchange }, work.boxed())
    }

    /// Keeps a request whose stream has ended, and gives up the oldest.
    fn keep(&self, exchange: &Arc<Exchange>) {
        let mut kept = self.kept.lock();
        kept.push_back(exchange.clone());
        if kept.len() > MAX_KEPT
            && let Some(oldest) = kept.pop_front()
        {
            oldest.cancelled.cancel();
        }
    }

    fn find(&self, is_it: impl Fn(&Exchange) -> bool) -> Option<Arc<Exchange>> {
        // The last one that has it, should a client use an identity twice.
        self.exchanges.lock().iter().rev().find(|exchange| is_it(exchange)).cloned()
    }

    /// The request on whose stream a message goes, if it is one of ours.
    fn exchange_of(&self, message: &ServerJsonRpcMessage) -> Option<Arc<Exchange>> {
        match message {
            ServerJsonRpcMessage::Request(question) => {
                let OriginatingRequestId(of) = question.request.extensions().get()?;
                let exchange = self.find(|exchange| exchange.id == *of)?;
                exchange.stream.lock().asked.push(question.id.clone());
                Some(exchange)
            }
            ServerJsonRpcMessage::Notification(told) => match &told.notification {
                ServerNotification::ProgressNotification(progress) => {
                    self.find(|exchange| exchange.token.as_ref() == Some(&progress.params.progress_token))
                }
                // A question is taken back where it was asked.
                ServerNotification::CancelledNotification(cancelled) => {
                    let id = cancelled.params.request_id.as_ref()?;
                    self.find(|exchange| exchange.stream.lock().asked.contains(id))
                }
                _ => None,
            },
            ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_) => None,
        }
    }
}

/// A request that is known, until it is dropped.
struct Open {
    session: Arc<Session>,
    exchange: Arc<Exchange>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.exchange.cancelled.cancel();
        let is_another = |exchange: &Arc<Exchange>| !Arc::ptr_eq(exchange, &self.exchange);
        self.session.exchanges.lock().retain(is_another);
        self.session.kept.lock().retain(is_another);
    }
}

/// One request of a client, and what is told on its stream.
struct Exchange {
    number: u64,
    id: RequestId,
    token: Option<ProgressToken>,
    cancelled: CancellationToken,
    /// Something was told: the response has to be a stream.
    told: Notify,
    /// Another reader came.
    replaced: Notify,
    stream: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The latest events, for a client that comes back.
    events: VecDeque<(u64, ServerSseMessage)>,
    last: u64,
    /// Who reads them.
    reader: Option<mpsc::Sender<ServerSseMessage>>,
    has_ended: bool,
    /// The questions that were put to the client.
    asked: Vec<RequestId>,
}

impl Exchange {
    /// The identity of an event: rmcp's own begin with a digit.
    fn event_id(&self, index: u64) -> String {
        format!("r{}-{index}", self.number)
    }

    /// The request and the event that an identity names.
    fn read_event_id(id: &str) -> Option<(u64, u64)> {
        let (number, index) = id.strip_prefix('r')?.split_once('-')?;
        Some((number.parse().ok()?, index.parse().ok()?))
    }

    /// Tells the client something. Waits for one that reads slowly.
    async fn tell(&self, message: ServerJsonRpcMessage) {
        let mut replaced = std::pin::pin!(self.replaced.notified());
        replaced.as_mut().enable();
        let (event, reader) = {
            let mut told = self.stream.lock();
            told.last += 1;
            let index = told.last;
            let event = ServerSseMessage::new(self.event_id(index), message);
            if told.events.len() >= MAX_MESSAGES {
                told.events.pop_front();
            }
            told.events.push_back((index, event.clone()));
            (event, told.reader.clone())
        };
        self.told.notify_one();
        if let Some(reader) = reader {
            // One that is gone may come back for it, and has it then.
            tokio::select! {
                _ = reader.send(event) => {}
                () = replaced => {}
            }
        }
    }

    /// What was told after event `seen`, and all that will be. Whoever read before reads no more.
    fn read(&self, seen: u64) -> impl Stream<Item = ServerSseMessage> + Send + Sync + use<> {
        let mut told = self.stream.lock();
        let (sender, mut reader) = mpsc::channel(MAX_MESSAGES + 1);
        for (_, event) in told.events.iter().filter(|(index, _)| *index > seen) {
            // There is room for all that are kept.
            drop(sender.try_send(event.clone()));
        }
        told.reader = (!told.has_ended).then_some(sender);
        self.replaced.notify_waiters();
        futures::stream::poll_fn(move |cx| reader.poll_recv(cx))
    }

    /// The whole stream, after an event with which a client can come back.
    fn read_all(&self) -> impl Stream<Item = ServerSseMessage> + Send + Sync + use<> {
        use futures::StreamExt as _;
        let first = ServerSseMessage::priming(self.event_id(0), RETRY);
        futures::stream::iter([first]).chain(self.read(0))
    }

    fn has_told_nothing(&self) -> bool {
        self.stream.lock().last == 0
    }

    fn end(&self) {
        let mut told = self.stream.lock();
        (told.has_ended, told.reader) = (true, None);
    }
}

impl Sessions {
    pub(crate) fn new(session_timeout: Duration) -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(session_timeout);
        // What was cancelled is kept for a client that comes back for its stream; few do, and each takes memory.
        config.completed_cache_ttl = KEPT;
        let mut sessions = LocalSessionManager::default();
        sessions.session_config = config;
        let (touch_after, clock) = (session_timeout / 8, SystemClock::default());
        Self { sessions: Arc::new(sessions), known: Mutex::default(), touch_after, clock }
    }

    /// How many there are.
    pub(crate) async fn count(&self) -> usize {
        self.sessions.sessions.read().await.len()
    }

    /// Who began a session.
    pub(crate) fn owner(&self, id: &str) -> Option<Principal> {
        self.session(id)?.link.owner()
    }

    fn session(&self, id: &str) -> Option<Arc<Session>> {
        self.known.lock().get(id).cloned()
    }
}

/// Tells rmcp that a session is used: it ends those that are not.
async fn touch(sessions: &LocalSessionManager, id: &SessionId, session: &Session) {
    *session.touched.lock() = Instant::now();
    let session = sessions.sessions.read().await.get(id).cloned();
    if let Some(session) = session {
        // There is no such channel; to look for it is to use the session.
        let _ = session.close_request_wise_channel(u64::MAX).await;
    }
}

/// A request and the work on it. A client that goes away has not cancelled it (MCP 2025-11-25, "Streamable HTTP",
/// "Multiple Connections"), so dropped before its end it goes on in a task of its own.
struct Begun(Option<(Open, BoxFuture<'static, ServerJsonRpcMessage>)>);

impl Begun {
    /// Ends with the answer, once.
    async fn answer(&mut self) -> ServerJsonRpcMessage {
        match &mut self.0 {
            Some((_, work)) => work.await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let (Some((open, work)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            tokio::select! {
                biased;
                () = open.exchange.cancelled.cancelled() => {}
                _ = work => {}
            }
        });
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
        let (id, transport) = self.sessions.create_session().await?;
        let session = Arc::new(Session::new());
        self.known.lock().insert(id.clone(), session.clone());
        Ok((id, Linked { transport, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        if let (Some(session), ClientJsonRpcMessage::Request(request)) = (self.session(id), &mut message) {
            // The agent that gets it says that it is the one.
            request.request.extensions_mut().insert(session.link.clone());
        }
        self.sessions.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.sessions.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        if let Some(session) = self.session(id) {
            session.link.ended().cancel();
        }
        let closed = self.sessions.close_session(id).await;
        // Last: it says whose the session is.
        self.known.lock().remove(id);
        closed
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let session = self.session(id);
        let served_by = session.as_ref().and_then(|session| Some((session, session.link.served_by()?)));
        let (session, served_by, request) = match (served_by, message) {
            (Some((session, served_by)), ClientJsonRpcMessage::Request(request)) => (session, served_by, request),
            (_, message) => return Ok(Either::Left(self.sessions.create_stream(id, message).await?)),
        };
        let touched = *session.touched.lock();
        if touched.elapsed() >= self.touch_after {
            touch(&self.sessions, id, session).await;
        }
        let parts = request.request.extensions().get::<Parts>();
        let answer = parts.and_then(|parts| parts.extensions.get::<WholeAnswer>()).cloned();
        let begun = session.begin(served_by, request);
        let exchange = begun.0.exchange.clone();
        let mut begun = Begun(Some(begun));
        tokio::select! {
            biased;
            () = exchange.cancelled.cancelled() => {
                begun.0 = None;
                if session.link.ended().is_cancelled() {
                    return Err(SessionError::SessionServiceTerminated.into());
                }
                // It is answered by nobody.
                return Ok(Either::Right(Either::Left(futures::stream::empty())));
            }
            () = exchange.told.notified() => {}
            message = begun.answer() => {
                begun.0 = None;
                if let Some(answer) = answer.filter(|_| exchange.has_told_nothing()) {
                    let json = serde_json::to_vec(&message).map_err(|error| SessionError::Io(error.into()))?;
                    *answer.0.lock() = Some(json);
                    return Ok(Either::Right(Either::Left(futures::stream::empty())));
                }
                exchange.tell(message).await;
                exchange.end();
                return Ok(Either::Right(Either::Right(exchange.read_all())));
            }
            () = self.clock.limit(PATIENCE) => {}
        }
        let Some((open, work)) = begun.0.take() else {
            return Err(SessionError::SessionServiceTerminated.into());
        };
        let events = exchange.read_all();
        let (sessions, id, touch_after) = (self.sessions.clone(), id.clone(), self.touch_after);
        tokio::spawn(async move {
            let Open { session, exchange } = &open;
            let answer = async { exchange.tell(work.await).await };
            let touching = async {
                loop {
                    tokio::time::sleep(touch_after).await;
                    touch(&sessions, &id, session).await;
                }
            };
            tokio::select! {
                biased;
                () = exchange.cancelled.cancelled() => {}
                () = answer => {}
                () = touching => {}
            }
            exchange.end();
            // A client that lost its stream may come back for it.
            session.keep(exchange);
            tokio::select! {
                () = exchange.cancelled.cancelled() => {}
                () = tokio::time::sleep(KEPT) => {}
            }
        });
        Ok(Either::Right(Either::Right(events)))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        let session = self.session(id);
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
        self.sessions.accept_message(id, message).await?;
        if let Some(session) = session.filter(|_| opens) {
            session.link.open();
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.sessions.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let Some((number, seen)) = Exchange::read_event_id(&last_event_id) else {
            return Ok(Either::Left(self.sessions.resume(id, last_event_id).await?));
        };
        let exchange = self.session(id).and_then(|session| session.find(|exchange| exchange.number == number));
        match exchange {
            Some(exchange) => Ok(Either::Right(exchange.read(seen))),
            None => Err(SessionError::InvalidEventId.into()),
        }
    }
}
