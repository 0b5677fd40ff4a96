//! The short way of a request: worked on by who got it, past rmcp's loop.
//!
//! rmcp takes each request through a task of its own, and its answer through the queue of the connection and a second
//! task: more, for a server on the same machine, than our gate. It still opens and keeps the connection, and has all that
//! is not a request of the client.

use crate::agent::Agent;
use futures::FutureExt;
use rmcp::RoleServer;
use rmcp::model::{ClientRequest, ErrorData, GetExtensions, GetMeta, JsonRpcRequest, ServerJsonRpcMessage};
use rmcp::service::{Peer, RequestContext, Service};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio_util::sync::{CancellationToken, DropGuard};
use tollgate::Principal;

/// The most requests that one connection has at once. A client may go away from a request that goes on.
pub(crate) const MAX_REQUESTS: usize = 1_024;

/// Who works on the requests of a connection.
pub(crate) type Served = (Agent, Peer<RoleServer>);

/// A connection, as requests go over it the short way. Travels with the request that begins it, so that the agent who
/// gets that can say that it is the one.
pub(crate) struct Link {
    /// Known once the connection has begun.
    served_by: OnceLock<Served>,
    is_open: AtomicBool,
    at_once: AtomicUsize,
    /// Nobody takes what is told to the client any more.
    is_deaf: CancellationToken,
    ended: CancellationToken,
    _end: DropGuard,
}

impl Link {
    pub(crate) fn new() -> Arc<Self> {
        let ended = CancellationToken::new();
        let (served_by, is_open, at_once) = (OnceLock::new(), AtomicBool::new(false), AtomicUsize::new(0));
        let is_deaf = CancellationToken::new();
        Arc::new(Self { served_by, is_open, at_once, is_deaf, _end: ended.clone().drop_guard(), ended })
    }

    /// Says who works on the requests.
    pub(crate) fn serve_by(&self, agent: Agent, peer: Peer<RoleServer>) {
        drop(self.served_by.set((agent, peer)));
    }

    /// Says that rmcp is as far that requests can come.
    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// Whether requests can come.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_open.load(Ordering::Acquire) && self.served_by.get().is_some()
    }

    /// Who began the connection.
    pub(crate) fn owner(&self) -> Option<Principal> {
        self.served_by.get().map(|(agent, _)| agent.principal().clone())
    }

    /// Cancelled when the connection has ended, and with it all that is worked on.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Says that rmcp's loop is over. Whoever waits for it to tell the client something waits no longer.
    pub(crate) fn stop_telling(&self) {
        self.is_deaf.cancel();
    }

    /// Tells the client something, by rmcp's loop. It is lost when that is over.
    pub(crate) async fn tell<T>(&self, told: impl Future<Output = T>) {
        let _ = self.is_deaf.run_until_cancelled(told).await;
    }

    /// Works on a request, to its answer.
    pub(crate) fn work(
        self: &Arc<Self>,
        request: JsonRpcRequest<ClientRequest>,
        cancelled: CancellationToken,
    ) -> impl Future<Output = ServerJsonRpcMessage> + Send + use<> {
        let JsonRpcRequest { id, mut request, .. } = request;
        let working = Working::begin(self);
        async move {
            let Some((agent, peer)) = working.link.served_by.get() else {
                let error = ErrorData::internal_error("the connection has not begun", None);
                return ServerJsonRpcMessage::error(error, Some(id));
            };
            let mut context = RequestContext::new(id.clone(), peer.clone());
            context.ct = cancelled;
            // `_meta` is one of the extensions.
            std::mem::swap(&mut context.meta, request.get_meta_mut());
            std::mem::swap(&mut context.extensions, request.extensions_mut());
            context.extensions.insert(working.link.clone());
            if !working.has_room {
                let why = format!("this session has {MAX_REQUESTS} requests at once; wait for some of them");
                return ServerJsonRpcMessage::error(ErrorData::internal_error(why, None), Some(id));
            }
            match AssertUnwindSafe(agent.handle_request(request, context)).catch_unwind().await {
                Ok(Ok(result)) => ServerJsonRpcMessage::response(result, id),
                Ok(Err(error)) => ServerJsonRpcMessage::error(error, Some(id)),
                Err(_) => {
                    let error = ErrorData::internal_error("the request ended early: it panicked", None);
                    ServerJsonRpcMessage::error(error, Some(id))
                }
            }
        }
    }
}

/// Counts a request for as long as it is worked on.
struct Working {
    link: Arc<Link>,
    has_room: bool,
}

impl Working {
    fn begin(link: &Arc<Link>) -> Self {
        let has_room = link.at_once.fetch_add(1, Ordering::Relaxed) < MAX_REQUESTS;
        Self { link: link.clone(), has_room }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.link.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}
