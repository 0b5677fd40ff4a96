//! One MCP session: the lifecycle, requests, and conversations about them.

mod fault;
mod lists;
mod subscriptions;

pub(crate) use fault::{Fault, http_fault, rejected};
pub(crate) use lists::Lists;

use crate::callers::{Caller, Callers, Slot};
use crate::carry::result_text;
use crate::charge::Charge;
use crate::direct::Direct;
use crate::handler::{Handler, ask};
use crate::text::clean;
use fault::{MAX_SHOWN_CHARS, line_fault, open_fault, transport_fault};
use futures::FutureExt;
use futures::future::join_all;
use rmcp::RoleClient;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientRequest, GetExtensions, GetMeta, InputResponses,
    ProtocolVersion, RequestId, RequestMetaObject, ServerCapabilities,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt, Peer, PeerRequestOptions, RunningServiceCancellationToken, Service,
    ServiceError,
};
use rmcp::transport::IntoTransport;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use subscriptions::Heard;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::task::TaskTracker;
use tollgate_core::{AskKind, BoxFuture, Change, HostMemory, RpcError};
use tollgate_lines::Fate;

/// How often a server may want more input for one request (what rmcp's own client allows).
const MAX_ROUNDS: usize = 10;
/// The most questions of one round.
const MAX_QUESTIONS: usize = 16;

/// Which lifecycle to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// 2026-07-28 first, `initialize` for older servers, and for those that have not answered within 10 seconds.
    Auto,
    /// 2026-07-28 only, however long it takes: the server is known to refuse `initialize`.
    Discover,
    /// `initialize` only: what speaks HTTP+SSE is older.
    Initialize,
}

/// What a session of ours brings along.
#[derive(Clone)]
pub(crate) struct OurSide {
    pub(crate) callers: Arc<Callers>,
    pub(crate) changes: broadcast::Sender<Change>,
    /// Whether runs have clients that can be asked.
    pub(crate) has_clients: bool,
    /// How many want to hear of each resource, by URI. It outlives a lost connection.
    pub(crate) subscribed: watch::Sender<BTreeMap<String, usize>>,
    /// How to begin, where the transport leaves that open.
    pub(crate) lifecycle: Lifecycle,
}

/// An open session.
pub(crate) struct Session {
    peer: Peer<RoleClient>,
    /// The short way of requests, where there is one.
    direct: Option<Arc<dyn Direct>>,
    /// The tools may have changed.
    pub(crate) changed: Arc<Notify>,
    /// The protocol's version.
    pub(crate) protocol: String,
    /// The same, as requests say it in versions without a handshake.
    spoken: ProtocolVersion,
    /// The server's version, if it said.
    pub(crate) version: Option<String>,
    capabilities: ServerCapabilities,
    /// It is of 2026-07-28: it tells of changes only to who listens.
    is_stateless: bool,
    handler: Handler,
    subscribed: watch::Sender<BTreeMap<String, usize>>,
    /// The resources that it was asked to tell of, and what it said to that.
    listened: watch::Sender<BTreeMap<String, Heard>>,
    /// Cancellations on their way.
    cancels: TaskTracker,
}

/// Whose request it is: nobody's where there is neither.
#[derive(Clone, Copy, Default)]
pub(crate) struct Behalf<'a> {
    /// Whom its questions, progress and log lines are for.
    pub(crate) caller: Option<&'a Arc<Caller>>,
    /// What its answer is charged to until it is taken.
    pub(crate) memory: Option<&'a HostMemory>,
}

/// What came of a request.
pub(crate) struct Answered {
    /// The result's text, or why there is none.
    pub(crate) text: Result<String, Fault>,
    /// How many requests were made: more than one where the server had questions.
    pub(crate) rounds: usize,
}

/// The end of a session: wait for it, or bring it about.
pub(crate) struct SessionEnd {
    cancel: RunningServiceCancellationToken,
    cancels: TaskTracker,
    /// `None` once it has ended.
    ended: Option<BoxFuture<'static, ()>>,
}

impl SessionEnd {
    /// Waits until the connection is lost. May be dropped and called again.
    pub(crate) async fn lost(&mut self) {
        if let Some(ended) = &mut self.ended {
            ended.await;
            self.ended = None;
        }
    }

    /// Closes the session, in a courteous way where there is one: first what is cancelled is told so.
    pub(crate) async fn close(self) {
        self.cancels.close();
        self.cancels.wait().await;
        self.cancel.cancel();
        if let Some(ended) = self.ended {
            ended.await;
        }
    }
}

impl Session {
    /// Opens a session over `transport`.
    pub(crate) async fn open<T, E, A>(
        transport: T,
        direct: Option<Arc<dyn Direct>>,
        lifecycle: Lifecycle,
        side: OurSide,
    ) -> Result<(Self, SessionEnd), Fault>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let mode = match lifecycle {
            Lifecycle::Auto => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
            Lifecycle::Discover => {
                ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
            }
            Lifecycle::Initialize => ClientLifecycleMode::Initialize,
        };
        let changed = Arc::new(Notify::new());
        let OurSide { callers, changes, has_clients, subscribed, lifecycle: _ } = side;
        let handler = Handler { tools_changed: changed.clone(), changes, callers, has_clients };
        let running = handler.clone().serve_with_lifecycle(transport, mode).await.map_err(open_fault)?;
        let peer = running.peer().clone();
        let info = peer.peer_info();
        let protocol = info.as_ref().map(|i| i.protocol_version.clone()).unwrap_or_default();
        let capabilities = info.as_ref().map(|i| i.capabilities.clone()).unwrap_or_default();
        let version = info.as_ref().and_then(|i| i.server_info.as_ref()).map(|s| clean(&s.version, 64));
        let session = Self {
            peer,
            direct,
            changed,
            is_stateless: !protocol.has_initialize(),
            protocol: clean(protocol.as_str(), 32),
            spoken: protocol,
            version,
            capabilities,
            handler,
            subscribed,
            listened: watch::Sender::default(),
            cancels: TaskTracker::new(),
        };
        let cancel = running.cancellation_token();
        // What it returns says no more than that it ended.
        let ended = Some(running.waiting().map(drop).boxed());
        let cancels = session.cancels.clone();
        Ok((session, SessionEnd { cancel, cancels, ended }))
    }

    /// Sends one request, and gives the text of its result. Dropping the future cancels it at the server.
    pub(crate) async fn request(&self, mut request: ClientRequest, behalf: Behalf<'_>) -> Result<String, Fault> {
        if self.peer.is_transport_closed() {
            return Err(Fault::NotSent("the connection is closed".to_owned()));
        }
        let Behalf { caller, memory } = behalf;
        if let Some(caller) = caller {
            request.extensions_mut().insert(Slot(caller.clone()));
        }
        let charge = memory.map(|memory| Charge::new(memory.clone()));
        if let Some(charge) = &charge {
            request.extensions_mut().insert(charge.clone());
        }
        // Each way has its own future, and the longer one a box: what waits for a server is many times in memory.
        let answer = match &self.direct {
            Some(direct) => self.request_directly(&**direct, request, caller).await,
            None => Box::pin(self.request_by_rmcp(request, caller)).await,
        };
        match charge.and_then(|charge| charge.reached()) {
            Some(reached) => Err(Fault::Limit(reached)),
            None => answer,
        }
    }

    async fn request_directly(
        &self,
        direct: &dyn Direct,
        mut request: ClientRequest,
        caller: Option<&Arc<Caller>>,
    ) -> Result<String, Fault> {
        self.introduce(request.get_meta_mut(), caller);
        let id = direct.next_id();
        let mut guard = CancelOnDrop { session: self, id: Some(id.clone()), fate: Some(Fate::default()) };
        let answer = direct.request(id, request, guard.fate.get_or_insert_default()).await;
        guard.id = None;
        answer.map_err(|error| line_fault(&error))?.map_err(Fault::Rpc)
    }

    async fn request_by_rmcp(&self, request: ClientRequest, caller: Option<&Arc<Caller>>) -> Result<String, Fault> {
        let options = PeerRequestOptions::no_options().with_meta(self.meta(caller));
        let queued = self.peer.send_cancellable_request(request, options).await;
        let handle = queued.map_err(|error| match error {
            // It did not come as far as the transport.
            ServiceError::TransportClosed => Fault::NotSent("the connection is closed".to_owned()),
            error => self.fault(error),
        })?;
        let mut guard = CancelOnDrop { session: self, id: Some(handle.id.clone()), fate: None };
        let answer = handle.await_response().await;
        guard.id = None;
        match answer {
            Ok(result) => {
                result_text(result).ok_or_else(|| Fault::Invalid("its answer came past the transport".to_owned()))
            }
            Err(error) => Err(self.fault(error)),
        }
    }

    /// What rmcp says with each request in versions without a handshake.
    fn introduce(&self, meta: &mut RequestMetaObject, caller: Option<&Arc<Caller>>) {
        if self.is_stateless {
            let us = self.handler.get_info();
            meta.set_protocol_version(self.spoken.clone());
            meta.set_client_info(us.client_info);
            meta.set_client_capabilities(us.capabilities);
            meta.extend(self.meta(caller));
        }
    }

    /// What a request says beside its own, in versions without a handshake: the server sees what this very client can,
    /// and asks for no more; and it sends no log lines unasked.
    fn meta(&self, caller: Option<&Arc<Caller>>) -> RequestMetaObject {
        let mut meta = RequestMetaObject::default();
        if let Some(caller) = caller.filter(|_| self.is_stateless) {
            meta.set_client_capabilities(caller.capabilities());
            let level = caller.client.log_level().map(serde_json::Value::from);
            if let Some(level) = level.and_then(|level| serde_json::from_value(level).ok()) {
                meta.set_log_level(level);
            }
        }
        meta
    }

    /// Sends a request to which the server may answer with questions (2026-07-28, "multi round-trip
    /// requests"): puts them to the client behind the request, and sends it again with the answers.
    pub(crate) async fn converse(
        &self,
        make: impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest,
        behalf: Behalf<'_>,
    ) -> Answered {
        let (mut responses, mut state) = (None, None);
        for rounds in 1..=MAX_ROUNDS {
            let text = match self.request(make(responses.take(), state.take()), behalf).await {
                Ok(text) => text,
                // The server has had the request before.
                Err(Fault::NotSent(why)) if rounds > 1 => return Answered { text: Err(Fault::Lost(why)), rounds },
                Err(fault) => return Answered { text: Err(fault), rounds },
            };
            let Some(wanted) = InputWanted::read(&text) else { return Answered { text: Ok(text), rounds } };
            responses = match Box::pin(self.answers(wanted.input_requests, behalf.caller)).await {
                Ok(answers) => Some(answers),
                Err(fault) => return Answered { text: Err(fault), rounds },
            };
            state = wanted.request_state;
        }
        let fault = Fault::Invalid(format!("it wanted more input {MAX_ROUNDS} times for one request"));
        Answered { text: Err(fault), rounds: MAX_ROUNDS }
    }

    async fn answers(
        &self,
        questions: BTreeMap<String, Question<'_>>,
        caller: Option<&Arc<Caller>>,
    ) -> Result<InputResponses, Fault> {
        if questions.len() > MAX_QUESTIONS {
            return Err(Fault::Invalid(format!("it asks over {MAX_QUESTIONS} questions at once")));
        }
        let answers = questions.into_iter().map(|(key, question)| async move {
            let method = clean(&question.method, 80);
            // The protocol's code for a client that lacks what a server needs (2026-07-28).
            let refused = |why: &str| {
                let message = format!("`{}` asks for {method}, and {why}", self.handler.callers.server);
                Fault::NeedsClient(RpcError { code: -32021, message, data: None })
            };
            let kind = AskKind::of(&question.method).ok_or_else(|| refused("that is not supported"))?;
            let caller = caller.ok_or_else(|| refused("no client is behind this call who could answer"))?;
            let params = question.params.map_or("{}", RawValue::get).to_owned();
            match ask(&self.handler.callers.server, caller, Some(key.clone()), kind, params).await {
                Ok(answer) => Ok((key, answer)),
                Err(error) => Err(Fault::NeedsClient(error)),
            }
        });
        join_all(answers).await.into_iter().collect()
    }

    fn fault(&self, error: ServiceError) -> Fault {
        match error {
            ServiceError::McpError(error) => Fault::Rpc(error),
            ServiceError::TransportSend(error) => transport_fault(&error),
            ServiceError::TransportClosed => Fault::Lost("the connection was lost".to_owned()),
            error => Fault::Invalid(clean(&error.to_string(), MAX_SHOWN_CHARS)),
        }
    }
}

/// Sends the protocol's cancellation when a request is given up.
struct CancelOnDrop<'a> {
    session: &'a Session,
    id: Option<RequestId>,
    /// Whether it came to be sent, where that is not sure.
    fate: Option<Fate>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let id = self.id.take().filter(|_| !self.fate.as_ref().is_some_and(Fate::give_up));
        let (Some(id), Ok(runtime)) = (id, tokio::runtime::Handle::try_current()) else { return };
        let peer = self.session.peer.clone();
        let cancel = async move {
            let params = CancelledNotificationParam::new(Some(id), Some("given up by the caller".to_owned()));
            // A connection that is lost needs no cancellation.
            let _ = peer.send_notification(CancelledNotification::new(params).into()).await;
        };
        // Closing the session waits for it.
        self.session.cancels.spawn_on(cancel, &runtime);
    }
}

/// A result that asks for input instead of being one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputWanted<'a> {
    result_type: String,
    #[serde(borrow, default)]
    input_requests: BTreeMap<String, Question<'a>>,
    #[serde(default)]
    request_state: Option<String>,
}

#[derive(Deserialize)]
struct Question<'a> {
    method: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl<'a> InputWanted<'a> {
    fn read(text: &'a str) -> Option<Self> {
        // Most results say no such thing, and some are large.
        if !text.contains("input_required") {
            return None;
        }
        serde_json::from_str(text).ok().filter(|wanted: &Self| wanted.result_type == "input_required")
    }
}
