//! The short way of a request: worked on by who got it, past rmcp's loop.
//!
//! rmcp takes each request through a task of its own, and its answer through the queue of the connection and a second
//! task: more, for a server on the same machine, than our gate. It still opens and keeps the connection, and has all that
//! is not a request of the client.

use crate::agent::Connection;
use futures::FutureExt;
use rmcp::RoleServer;
use rmcp::model::{ClientRequest, ErrorData, GetExtensions, GetMeta, JsonRpcRequest, RequestId, ServerJsonRpcMessage};
use rmcp::service::{Peer, RequestContext, Service};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The most requests that one connection has at once. A client may go away from a request that goes on.
const MAX_REQUESTS: usize = 1_024;

/// A connection, as requests go over it the short way. Travels with the request that begins it, so that the one
/// who gets that can say that it is the one.
pub(crate) struct Link {
    /// Who works on the requests; known once the connection has begun.
    served_by: OnceLock<(Connection, Peer<RoleServer>)>,
    is_open: AtomicBool,
    turns: Arc<Semaphore>,
    /// The client asks for nothing more.
    closing: CancellationToken,
    /// Nobody takes what is told to the client any more.
    is_deaf: CancellationToken,
    ended: CancellationToken,
    _end: DropGuard,
}

impl Link {
    pub(crate) fn new() -> Arc<Self> {
        let ended = CancellationToken::new();
        let (served_by, is_open) = (OnceLock::new(), AtomicBool::new(false));
        let turns = Arc::new(Semaphore::new(MAX_REQUESTS));
        let (closing, is_deaf) = (CancellationToken::new(), CancellationToken::new());
        Arc::new(Self { served_by, is_open, turns, closing, is_deaf, _end: ended.clone().drop_guard(), ended })
    }

    /// Says who works on the requests.
    pub(crate) fn serve_by(&self, connection: Connection, peer: Peer<RoleServer>) {
        drop(self.served_by.set((connection, peer)));
    }

    /// Says that rmcp is as far that requests can come.
    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// Whether requests can come.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_open.load(Ordering::Acquire) && self.served_by.get().is_some()
    }

    /// Cancelled when the connection has ended, and with it all that is worked on.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Cancelled when the client asks for nothing more: what would go on for ever ends then.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Says that rmcp's loop is over. Whoever waits for it to tell the client something waits no longer.
    pub(crate) fn stop_telling(&self) {
        self.is_deaf.cancel();
    }

    /// Tells the client something, by rmcp's loop. It is lost when that is over.
    pub(crate) async fn tell<T>(&self, told: impl Future<Output = T>) {
        let _ = self.is_deaf.run_until_cancelled(told).await;
    }

    /// Waits for a request's turn: so many at once are worked on.
    pub(crate) async fn turn(&self, request: &ClientRequest) -> Turn {
        Turn(if takes_long(request) { self.turns.clone().acquire_owned().await.ok() } else { None })
    }

    /// A request's turn, if it need not wait for it.
    pub(crate) fn try_turn(&self, request: &ClientRequest) -> Option<Turn> {
        let turn = if takes_long(request) { Some(self.turns.clone().try_acquire_owned().ok()?) } else { None };
        Some(Turn(turn))
    }

    /// Works on a request, to its answer.
    pub(crate) fn work(
        self: &Arc<Self>,
        request: JsonRpcRequest<ClientRequest>,
        cancelled: CancellationToken,
    ) -> impl Future<Output = ServerJsonRpcMessage> + Send + use<> {
        let JsonRpcRequest { id, mut request, .. } = request;
        let link = self.clone();
        async move {
            let Some((connection, peer)) = link.served_by.get() else {
                return refusal("the connection has not begun", id);
            };
            let mut context = RequestContext::new(id.clone(), peer.clone());
            context.ct = cancelled;
            // `_meta` is one of the extensions.
            std::mem::swap(&mut context.meta, request.get_meta_mut());
            std::mem::swap(&mut context.extensions, request.extensions_mut());
            context.extensions.insert(link.clone());
            match AssertUnwindSafe(connection.handle_request(request, context)).catch_unwind().await {
                Ok(Ok(result)) => ServerJsonRpcMessage::response(result, id),
                Ok(Err(error)) => ServerJsonRpcMessage::error(error, Some(id)),
                Err(_) => refusal("the request ended early: it panicked", id),
            }
        }
    }
}

/// The place of a request among those that are worked on, until it is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>);

/// Whether a request does more than look up what the host has. A client that asks whether the host is there (`ping`)
/// waits behind none.
fn takes_long(request: &ClientRequest) -> bool {
    matches!(
        request,
        ClientRequest::CallToolRequest(_)
            | ClientRequest::GetPromptRequest(_)
            | ClientRequest::ReadResourceRequest(_)
            | ClientRequest::CompleteRequest(_)
    )
}

/// The answer to a request that comes while too many are worked on.
pub(crate) fn too_many(id: RequestId) -> ServerJsonRpcMessage {
    refusal(&format!("this session has {MAX_REQUESTS} requests at once; wait for some of them"), id)
}

fn refusal(why: &str, id: RequestId) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::error(ErrorData::internal_error(why.to_owned(), None), Some(id))
}
