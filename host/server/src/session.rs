//! One session over HTTP (before 2026-07-28): its requests, and which of them a message is about.

use crate::exchange::Exchange;
use crate::link::{self, Link, Turn};
use crate::shares::Share;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _};
use futures::{FutureExt as _, Stream};
use parking_lot::Mutex;
use rmcp::model::{ClientRequest, GetExtensions, GetMeta, JsonRpcRequest, ServerJsonRpcMessage, ServerNotification};
use rmcp::service::OriginatingRequestId;
use rmcp::transport::common::server_side_http::ServerSseMessage;
use rmcp::transport::streamable_http_server::session::SessionId;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tollgate::{Clock as _, SystemClock};

/// How long an answer is waited for before the response begins as a stream. A client that goes before that has no way
/// back to the answer of its request, which goes on.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long an answer is kept for a client that lost its stream.
pub(crate) const KEPT: Duration = Duration::from_secs(10);
/// The most requests of one session whose streams have ended that are kept for such a client.
const MAX_KEPT: usize = 8;

/// How a request is answered.
pub(crate) enum Answer {
    /// Nothing comes before the answer.
    Whole(Box<ServerJsonRpcMessage>),
    /// Something does, or the answer takes long.
    Stream(BoxStream<'static, ServerSseMessage>),
    /// It was cancelled: nobody answers it.
    Nobody,
    /// The session has ended.
    Ended,
}

/// What the requests of one session share.
pub(crate) struct Session {
    pub(crate) link: Arc<Link>,
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    /// Those whose streams have ended, the oldest first.
    kept: Mutex<VecDeque<Arc<Exchange>>>,
    next_number: AtomicU64,
    pub(crate) id: SessionId,
    touched: Mutex<Instant>,
    shared: Arc<Shared>,
}

/// What all sessions share.
pub(crate) struct Shared {
    /// Where they are used and ended.
    pub(crate) sessions: LocalSessionManager,
    /// How often a session is told that it is used.
    pub(crate) touch_after: Duration,
    pub(crate) clock: SystemClock,
}

impl Session {
    pub(crate) fn new(id: SessionId, shared: Arc<Shared>) -> Self {
        let (exchanges, kept, next_number) = (Mutex::default(), Mutex::default(), AtomicU64::new(1));
        let (link, touched) = (Link::new(), Mutex::new(Instant::now()));
        Self { link, exchanges, kept, next_number, id, touched, shared }
    }

    /// Works on a request until it is answered, or has to be by a stream; then in a task of its own. `place` is the request's,
    /// which the work keeps.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: JsonRpcRequest<ClientRequest>,
        place: Option<Arc<Share>>,
    ) -> Answer {
        let touched = *self.touched.lock();
        if touched.elapsed() >= self.shared.touch_after {
            self.touch().await;
        }
        let Some(turn) = self.link.try_turn(&request.request) else {
            return Answer::Whole(Box::new(link::too_many(request.id)));
        };
        let begun = self.begin(request, (turn, place));
        let exchange = begun.0.exchange.clone();
        let mut begun = Begun(Some(begun));
        tokio::select! {
            biased;
            () = exchange.cancelled.cancelled() => {
                begun.0 = None;
                return if self.link.ended().is_cancelled() { Answer::Ended } else { Answer::Nobody };
            }
            () = exchange.told.notified() => {}
            message = begun.answer() => {
                begun.0 = None;
                if exchange.has_told_nothing() {
                    return Answer::Whole(Box::new(message));
                }
                exchange.tell(message).await;
                exchange.end();
                return Answer::Stream(exchange.read_all().boxed());
            }
            () = self.shared.clock.limit(PATIENCE) => {}
        }
        let Some((open, work)) = begun.0.take() else { return Answer::Ended };
        let events = exchange.read_all().boxed();
        tokio::spawn(open.finish(work));
        Answer::Stream(events)
    }

    /// Begins a request, which has its turn and its place until it has been worked on.
    fn begin(
        self: &Arc<Self>,
        request: JsonRpcRequest<ClientRequest>,
        held: (Turn, Option<Arc<Share>>),
    ) -> (Open, BoxFuture<'static, ServerJsonRpcMessage>) {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let token = request.request.get_meta().get_progress_token();
        let exchange = Arc::new(Exchange::new(number, request.id.clone(), token, self.link.ended().child_token()));
        let work = self.link.work(request, exchange.cancelled.clone());
        self.exchanges.lock().push(exchange.clone());
        let work = async move {
            let answer = work.await;
            drop(held);
            answer
        };
        (Open { session: self.clone(), exchange }, work.boxed())
    }

    /// Tells rmcp that the session is used: it ends those that are not.
    async fn touch(&self) {
        *self.touched.lock() = Instant::now();
        let session = self.shared.sessions.sessions.read().await.get(&self.id).cloned();
        if let Some(session) = session {
            // There is no such channel; to look for it is to use the session.
            let _ = session.close_request_wise_channel(u64::MAX).await;
        }
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

    pub(crate) fn find(&self, is_it: impl Fn(&Exchange) -> bool) -> Option<Arc<Exchange>> {
        // The last one that has it, should a client use an identity twice.
        self.exchanges.lock().iter().rev().find(|exchange| is_it(exchange)).cloned()
    }

    /// The stream of a client that comes back for what it missed, after the event of this identity. `None` if it is not
    /// kept.
    pub(crate) fn resume(
        &self,
        event: (u64, u64),
    ) -> Option<impl Stream<Item = ServerSseMessage> + Send + Sync + use<>> {
        let (number, seen) = event;
        Some(self.find(|exchange| exchange.number == number)?.read(seen))
    }

    /// The request on whose stream a message goes, if it is one of ours.
    pub(crate) fn exchange_of(&self, message: &ServerJsonRpcMessage) -> Option<Arc<Exchange>> {
        match message {
            ServerJsonRpcMessage::Request(question) => {
                let OriginatingRequestId(of) = question.request.extensions().get()?;
                let exchange = self.find(|exchange| exchange.id == *of)?;
                exchange.asks(question.id.clone());
                Some(exchange)
            }
            ServerJsonRpcMessage::Notification(told) => match &told.notification {
                ServerNotification::ProgressNotification(progress) => {
                    self.find(|exchange| exchange.token.as_ref() == Some(&progress.params.progress_token))
                }
                // A question is taken back where it was asked.
                ServerNotification::CancelledNotification(cancelled) => {
                    let id = cancelled.params.request_id.as_ref()?;
                    self.find(|exchange| exchange.has_asked(id))
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

impl Open {
    /// Works on the request to its end, and keeps what was told for a while.
    async fn finish(self, work: BoxFuture<'static, ServerJsonRpcMessage>) {
        let Self { session, exchange } = &self;
        let answer = async { exchange.tell(work.await).await };
        let touching = async {
            loop {
                tokio::time::sleep(session.shared.touch_after).await;
                session.touch().await;
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
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.exchange.cancelled.cancel();
        let is_another = |exchange: &Arc<Exchange>| !Arc::ptr_eq(exchange, &self.exchange);
        self.session.exchanges.lock().retain(is_another);
        self.session.kept.lock().retain(is_another);
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
