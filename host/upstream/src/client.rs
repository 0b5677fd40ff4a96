//! One MCP session: the lifecycle, lists, requests, and what their failures mean.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older servers speak")]

use crate::callers::{Callers, Place, Slot};
use crate::carry::{list_text, result_text};
use crate::catalog::{MAX_TOOLS, read_tools};
use crate::handler::{Handler, ask};
use crate::http::HttpError;
use crate::spec::ServerSpec;
use crate::text::clean;
use futures::FutureExt;
use futures::future::join_all;
use rmcp::RoleClient;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientRequest, ErrorData, GetExtensions, InputResponses,
    ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest, PaginatedRequestParams,
    ProtocolVersion, RequestId, RequestMetaObject, ServerCapabilities, ServerNotification, ServerResult,
    SubscribeRequest, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, Peer, PeerRequestOptions,
    RunningServiceCancellationToken, ServiceError, Subscription,
};
use rmcp::transport::streamable_http_client::StreamableHttpError;
use rmcp::transport::{DynamicTransportError, IntoTransport};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::task::TaskTracker;
use tollgate_core::{AskKind, BoxFuture, CallError, Change, ListKind, RpcError, Tool, ToolResult};

/// The most pages of one `tools/list`.
const MAX_PAGES: usize = 256;
/// The most bytes of all pages of one `tools/list`.
const MAX_LIST_BYTES: usize = 64 << 20;
const MAX_SHOWN_CHARS: usize = 500;
/// How often a server may want more input for one request (what rmcp's own client allows).
const MAX_ROUNDS: usize = 10;
/// The most questions of one round.
const MAX_QUESTIONS: usize = 16;
/// How long a subscription waits until the server has taken note of it.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The most items of one list of resources or prompts.
const MAX_ITEMS: usize = 10_000;

/// Why a request to a server gave nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was not sent.
    NotSent(String),
    /// It was sent, and the connection was lost.
    Lost(String),
    /// The server answered with an error.
    Rpc(ErrorData),
    /// The server wants authorisation.
    Auth(String),
    /// The server asks to slow down; milliseconds.
    RateLimited(Option<u64>),
    /// What came is not MCP.
    Invalid(String),
    /// What came is over the limit.
    TooLarge(String),
    /// It wants something of the client behind the call, and there is none, or it would not.
    NeedsClient(RpcError),
}

impl Fault {
    /// In words, without the server's name.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::NotSent(why) | Self::Lost(why) | Self::Invalid(why) | Self::TooLarge(why) => why.clone(),
            Self::NeedsClient(error) => error.message.clone(),
            Self::Rpc(error) => {
                format!("answered JSON-RPC error {}: {}", error.code.0, clean(&error.message, MAX_SHOWN_CHARS))
            }
            Self::Auth(why) => format!("wants authorisation: {why}"),
            Self::RateLimited(_) => "asks to slow down (HTTP 429)".to_owned(),
        }
    }
}

/// Which lifecycle to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// 2026-07-28 first, `initialize` for older servers.
    Auto,
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
}

/// An open session.
pub(crate) struct Session {
    peer: Peer<RoleClient>,
    /// The tools may have changed.
    pub(crate) changed: Arc<Notify>,
    /// The protocol's version.
    pub(crate) protocol: String,
    /// The server's version, if it said.
    pub(crate) version: Option<String>,
    capabilities: ServerCapabilities,
    /// It is of 2026-07-28: it tells of changes only to who listens.
    is_stateless: bool,
    handler: Handler,
    subscribed: watch::Sender<BTreeMap<String, usize>>,
    /// The resources that are listened to.
    listened: watch::Sender<Vec<String>>,
    /// Cancellations on their way.
    cancels: TaskTracker,
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
            Lifecycle::Initialize => ClientLifecycleMode::Initialize,
        };
        let changed = Arc::new(Notify::new());
        let OurSide { callers, changes, has_clients, subscribed } = side;
        let handler = Handler { tools_changed: changed.clone(), changes, callers, has_clients };
        let running = handler.clone().serve_with_lifecycle(transport, mode).await.map_err(open_fault)?;
        let peer = running.peer().clone();
        let info = peer.peer_info();
        let protocol = info.as_ref().map(|i| i.protocol_version.clone()).unwrap_or_default();
        let capabilities = info.as_ref().map(|i| i.capabilities.clone()).unwrap_or_default();
        let version = info.as_ref().and_then(|i| i.server_info.as_ref()).map(|s| clean(&s.version, 64));
        let session = Self {
            peer,
            changed,
            is_stateless: !protocol.has_initialize(),
            protocol: clean(protocol.as_str(), 32),
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

    /// Waits for news, for a server of 2026-07-28, which tells only who listens. Returns when there is nothing
    /// to wait for.
    pub(crate) async fn listen(&self) {
        if !self.is_stateless {
            return;
        }
        let mut wanted = self.subscribed.subscribe();
        let mut subscription = None;
        loop {
            let uris: Vec<String> = wanted.borrow_and_update().keys().cloned().collect();
            if let Some(filter) = self.filter(uris.clone()) {
                // The last one goes when this one stands: nothing is missed between them.
                subscription = match self.peer.listen(filter).await {
                    Ok(subscription) => Some(subscription),
                    Err(error) => {
                        tracing::debug!(target: crate::LOG, %error, "no subscription to changes");
                        return;
                    }
                };
            }
            self.listened.send_replace(uris);
            let ended = async {
                match &mut subscription {
                    Some(subscription) => hear(subscription, &self.handler).await,
                    // Nothing yet; a subscription may come.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended => return,
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What to listen to; `None` for nothing.
    fn filter(&self, uris: Vec<String>) -> Option<SubscriptionFilter> {
        let ServerCapabilities { tools, prompts, resources, .. } = &self.capabilities;
        let tools = tools.as_ref().and_then(|t| t.list_changed) == Some(true);
        let prompts = prompts.as_ref().and_then(|p| p.list_changed) == Some(true);
        let lists = resources.as_ref().and_then(|r| r.list_changed) == Some(true);
        let mut filter = SubscriptionFilter::builder();
        filter = if tools { filter.tools_list_changed() } else { filter };
        filter = if prompts { filter.prompts_list_changed() } else { filter };
        filter = if lists { filter.resources_list_changed() } else { filter };
        let any = tools || prompts || lists || !uris.is_empty();
        filter = if uris.is_empty() { filter } else { filter.resource_subscriptions(uris) };
        any.then(|| filter.build())
    }

    /// Subscribes to changes of a resource, or ends that. Everybody shares one subscription at the server.
    pub(crate) async fn subscribe(&self, uri: &str, on: bool, request: ClientRequest) -> Result<String, Fault> {
        let mut first_or_last = false;
        self.subscribed.send_if_modified(|uris| {
            let count = uris.entry(uri.to_owned()).or_default();
            *count = if on { *count + 1 } else { count.saturating_sub(1) };
            first_or_last = if on { *count == 1 } else { *count == 0 };
            if *count == 0 {
                uris.remove(uri);
            }
            first_or_last
        });
        if self.is_stateless {
            // Told when it is heard: a change after that is not missed.
            let mut listened = self.listened.subscribe();
            let heard = listened.wait_for(|uris| !on || uris.iter().any(|listened| listened == uri));
            drop(tokio::time::timeout(SUBSCRIBE_TIMEOUT, heard).await);
            return Ok("{}".to_owned());
        }
        if !first_or_last {
            return Ok("{}".to_owned());
        }
        let answer = self.request(request, None).await;
        if answer.is_err() && on {
            self.subscribed.send_modify(|uris| {
                uris.remove(uri);
            });
        }
        answer
    }

    /// Subscribes to what the last connection had subscribed to.
    pub(crate) async fn subscribe_anew(&self) {
        if self.is_stateless {
            return;
        }
        let uris: Vec<String> = self.subscribed.borrow().keys().cloned().collect();
        for uri in uris {
            let request = ClientRequest::SubscribeRequest(SubscribeRequest::new(SubscribeRequestParams::new(&uri)));
            if let Err(fault) = self.request(request, None).await {
                let (uri, why) = (clean(&uri, 200), fault.describe());
                tracing::warn!(target: crate::LOG, %uri, "a subscription is lost with the last connection: {why}");
            }
        }
    }

    /// Whether it may be asked for this list.
    pub(crate) fn has(&self, kind: ListKind) -> bool {
        match kind {
            ListKind::Resources | ListKind::ResourceTemplates => self.capabilities.resources.is_some(),
            ListKind::Prompts => self.capabilities.prompts.is_some(),
        }
    }

    /// The items of a list, as far as the limits go.
    pub(crate) async fn list(&self, kind: ListKind) -> Result<Vec<Map<String, Value>>, Fault> {
        let mut items = Vec::new();
        let (mut cursor, mut bytes) = (None, 0);
        for _ in 0..MAX_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = match kind {
                ListKind::Resources => ClientRequest::ListResourcesRequest(ListResourcesRequest::with_param(params)),
                ListKind::ResourceTemplates => {
                    ClientRequest::ListResourceTemplatesRequest(ListResourceTemplatesRequest::with_param(params))
                }
                ListKind::Prompts => ClientRequest::ListPromptsRequest(ListPromptsRequest::with_param(params)),
            };
            let text = match self.request(request, None).await {
                Err(Fault::Rpc(error)) if error.code.0 == -32601 => return Ok(items),
                answer => answer?,
            };
            bytes += text.len();
            let mut page: Map<String, Value> = serde_json::from_str(&text)
                .map_err(|error| Fault::Invalid(format!("answered {} with something else: {error}", kind.method())))?;
            if let Some(Value::Array(listed)) = page.remove(kind.member()) {
                items.extend(listed.into_iter().filter_map(|item| match item {
                    Value::Object(item) => Some(item),
                    _ => None,
                }));
            }
            if bytes > MAX_LIST_BYTES || items.len() > MAX_ITEMS {
                let limit = crate::bytes_text(MAX_LIST_BYTES);
                return Err(Fault::TooLarge(format!(
                    "its answer to {} is over {limit} or {MAX_ITEMS} items",
                    kind.method()
                )));
            }
            match page.remove("nextCursor") {
                Some(Value::String(next)) if !next.is_empty() => cursor = Some(next),
                _ => return Ok(items),
            }
        }
        Err(Fault::TooLarge(format!("its answer to {} has over {MAX_PAGES} pages", kind.method())))
    }

    /// Every tool of the server.
    pub(crate) async fn tools(&self, spec: &ServerSpec) -> Result<Vec<Tool>, Fault> {
        let mut tools = Vec::new();
        let (mut cursor, mut bytes) = (None, 0);
        for _ in 0..MAX_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListToolsRequest::with_param(params);
            // Past rmcp's cache of responses: ours is the catalog.
            let handle = self
                .peer
                .send_cancellable_request(ClientRequest::ListToolsRequest(request), PeerRequestOptions::no_options())
                .await
                .map_err(|error| self.fault(error))?;
            let result = match handle.await_response().await {
                Ok(ServerResult::ListToolsResult(result)) => result,
                Ok(_) => return Err(Fault::Invalid("answered tools/list with something else".to_owned())),
                // -32601: a server that has no tools need not know the method.
                Err(ServiceError::McpError(error)) if error.code.0 == -32601 => return Ok(tools),
                Err(error) => return Err(self.fault(error)),
            };
            let Some((page, passed)) = list_text(result) else {
                return Err(Fault::Invalid("answered tools/list past the transport".to_owned()));
            };
            bytes += page.len();
            if bytes > MAX_LIST_BYTES {
                return Err(Fault::TooLarge(format!(
                    "its list of tools is over {}",
                    crate::bytes_text(MAX_LIST_BYTES)
                )));
            }
            let next = next_cursor(&page)?;
            tools.extend(read_tools(spec, &page, &passed));
            if tools.len() > MAX_TOOLS {
                return Err(Fault::TooLarge(format!("it has over {MAX_TOOLS} tools")));
            }
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(tools),
            }
        }
        Err(Fault::TooLarge(format!("its list of tools has over {MAX_PAGES} pages")))
    }

    /// Sends one request, and gives the text of its result. Dropping the future cancels it at the server.
    pub(crate) async fn request(&self, mut request: ClientRequest, place: Option<&Place>) -> Result<String, Fault> {
        if self.peer.is_transport_closed() {
            return Err(Fault::NotSent("the connection is closed".to_owned()));
        }
        if let Some(place) = place {
            request.extensions_mut().insert(Slot(place.caller.clone()));
        }
        let mut options = PeerRequestOptions::no_options();
        if self.is_stateless
            && let Some(place) = place
        {
            // The server sees what this very client can, and asks for no more.
            let mut meta = RequestMetaObject::default();
            meta.set_client_capabilities(place.caller.capabilities.clone());
            options = options.with_meta(meta);
        }
        let sent = self.peer.send_cancellable_request(request, options).await;
        let handle = sent.map_err(|error| self.fault(error))?;
        let mut guard = CancelOnDrop { session: self, id: Some(handle.id.clone()) };
        let answer = handle.await_response().await;
        guard.id = None;
        match answer {
            Ok(result) => {
                result_text(result).ok_or_else(|| Fault::Invalid("its answer came past the transport".to_owned()))
            }
            Err(error) => Err(self.fault(error)),
        }
    }

    /// Sends a request to which the server may answer with questions (2026-07-28, "multi round-trip
    /// requests"): puts them to the client behind the request, and sends it again with the answers.
    pub(crate) async fn converse(
        &self,
        make: impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest,
        place: Option<&Place>,
    ) -> Result<String, Fault> {
        let (mut responses, mut state) = (None, None);
        for _ in 0..MAX_ROUNDS {
            let text = self.request(make(responses.take(), state.take()), place).await?;
            let Some(wanted) = InputWanted::read(&text) else { return Ok(text) };
            responses = Some(self.answers(wanted.input_requests, place).await?);
            state = wanted.request_state;
        }
        Err(Fault::Invalid(format!("it wanted more input {MAX_ROUNDS} times for one request")))
    }

    async fn answers(
        &self,
        questions: BTreeMap<String, Question<'_>>,
        place: Option<&Place>,
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
            let place = place.ok_or_else(|| refused("no client is behind this call who could answer"))?;
            let params = question.params.map_or("{}", RawValue::get).to_owned();
            match ask(&self.handler.callers.server, &place.caller, Some(key.clone()), kind, params).await {
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
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
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

/// Passes on what a subscription tells, until it ends.
async fn hear(subscription: &mut Subscription, handler: &Handler) {
    while let Ok(Some(notification)) = subscription.next().await {
        let notification: ServerNotification = notification;
        handler.changed(&notification);
    }
}

const UNSUPPORTED: &str = "it made a task of the call, which is not supported yet";

fn next_cursor(page: &str) -> Result<Option<String>, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(rename = "tools")]
        _tools: Vec<serde::de::IgnoredAny>,
        #[serde(default)]
        next_cursor: Option<String>,
    }
    let page: Page = serde_json::from_str(page)
        .map_err(|error| Fault::Invalid(format!("answered tools/list with something else: {error}")))?;
    Ok(page.next_cursor.filter(|c| !c.is_empty()))
}

/// Why a message could not be sent.
fn transport_fault(error: &DynamicTransportError) -> Fault {
    let inner = error.error.as_ref();
    if let Some(error) = inner.downcast_ref::<io::Error>() {
        // A line that was not written whole is no message to its reader.
        return Fault::NotSent(format!("the connection is closed: {error}"));
    }
    if let Some(error) = inner.downcast_ref::<HttpError>() {
        return http_fault(error);
    }
    match inner.downcast_ref::<StreamableHttpError<HttpError>>() {
        Some(StreamableHttpError::Client(error)) => http_fault(error),
        Some(StreamableHttpError::AuthRequired(error)) => {
            Fault::Auth(clean(&error.www_authenticate_header, MAX_SHOWN_CHARS))
        }
        Some(StreamableHttpError::TransportChannelClosed) => Fault::Lost("the connection was lost".to_owned()),
        _ => Fault::Lost(clean(&inner.to_string(), MAX_SHOWN_CHARS)),
    }
}

pub(crate) fn http_fault(error: &HttpError) -> Fault {
    let text = error.to_string();
    match error {
        // 503 says that the request was not taken up; a proxy's 502 and 504 say nothing of the kind.
        HttpError::NotSent(_) | HttpError::Status { status: 503, .. } => Fault::NotSent(text),
        HttpError::Lost(_) | HttpError::Status { status: 502 | 504, .. } => Fault::Lost(text),
        HttpError::Auth { .. } | HttpError::Login(_) => Fault::Auth(text),
        HttpError::RateLimited(wait_ms) => Fault::RateLimited(*wait_ms),
        HttpError::TooLarge(_) => Fault::TooLarge(text),
        HttpError::Status { .. } | HttpError::NotMcp(_) => Fault::Invalid(text),
    }
}

fn open_fault(error: ClientInitializeError) -> Fault {
    match error {
        ClientInitializeError::TransportError { error, .. } => transport_fault(&error),
        ClientInitializeError::JsonRpcError(error) => Fault::Rpc(error),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => open_fault(*fallback),
        ClientInitializeError::ConnectionClosed(_) => {
            Fault::Lost("the connection was closed before the server was ready".to_owned())
        }
        // Their texts hold what the server sent.
        error => Fault::Invalid(format!("did not begin as MCP does: {}", clean(&error.to_string(), MAX_SHOWN_CHARS))),
    }
}

/// Reads a `CallToolResult`.
pub(crate) fn read_result(json: String) -> Result<ToolResult, CallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'a> {
        #[serde(borrow, default)]
        result_type: Option<std::borrow::Cow<'a, str>>,
        #[serde(default)]
        is_error: Option<bool>,
        #[serde(default)]
        content: Option<Vec<Block>>,
        #[serde(default)]
        structured_content: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Block {
        #[serde(rename = "type")]
        _kind: String,
    }
    let head: Head<'_> = serde_json::from_str(&json)
        .map_err(|error| CallError::InvalidResponse(format!("it answered tools/call with something else: {error}")))?;
    if head.result_type.as_deref().is_some_and(|t| t != "complete") {
        return Err(CallError::InvalidResponse(UNSUPPORTED.to_owned()));
    }
    if head.content.is_none() && head.structured_content.is_none() && head.is_error.is_none() {
        return Err(CallError::InvalidResponse("it answered tools/call without content".to_owned()));
    }
    let is_error = head.is_error == Some(true);
    let result = ToolResult { json, is_error };
    if is_error { Err(CallError::Failed(result)) } else { Ok(result) }
}

/// The server's JSON-RPC error, as the host tells it.
pub(crate) fn rejected(error: ErrorData) -> CallError {
    CallError::Rejected(RpcError {
        code: i64::from(error.code.0),
        message: clean(&error.message, 4_000),
        data: error.data.map(|d| d.to_string()),
    })
}
