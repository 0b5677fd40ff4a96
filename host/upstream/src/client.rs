//! One MCP session: the lifecycle, `tools/list`, `tools/call`, and what their failures mean.

use crate::carry::{call_text, list_text};
use crate::catalog::{MAX_TOOLS, read_tools};
use crate::http::HttpError;
use crate::spec::ServerSpec;
use crate::text::clean;
use futures::FutureExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, ClientRequest, ErrorData,
    Implementation, ListToolsRequest, PaginatedRequestParams, ProtocolVersion, ServerResult, SubscriptionFilter,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, NotificationContext, Peer, PeerRequestOptions,
    RunningServiceCancellationToken, ServiceError,
};
use rmcp::transport::streamable_http_client::StreamableHttpError;
use rmcp::transport::{DynamicTransportError, IntoTransport};
use rmcp::{ClientHandler, RoleClient};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io;
use std::sync::Arc;
use tokio::sync::Notify;
use tollgate_core::{BoxFuture, CallError, RpcError, Tool, ToolResult};

/// The most pages of one `tools/list`.
const MAX_PAGES: usize = 256;
/// The most bytes of all pages of one `tools/list`.
const MAX_LIST_BYTES: usize = 64 << 20;
const MAX_SHOWN_CHARS: usize = 500;

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
}

impl Fault {
    /// In words, without the server's name.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::NotSent(why) | Self::Lost(why) | Self::Invalid(why) | Self::TooLarge(why) => why.clone(),
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

/// An open session.
pub(crate) struct Session {
    peer: Peer<RoleClient>,
    /// The tools may have changed.
    pub(crate) changed: Arc<Notify>,
    /// The protocol's version.
    pub(crate) protocol: String,
    /// The server's version, if it said.
    pub(crate) version: Option<String>,
    listens: bool,
}

/// The end of a session: wait for it, or bring it about.
pub(crate) struct SessionEnd {
    cancel: RunningServiceCancellationToken,
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

    /// Closes the session, in a courteous way where there is one.
    pub(crate) async fn close(self) {
        self.cancel.cancel();
        if let Some(ended) = self.ended {
            ended.await;
        }
    }
}

/// What we say of ourselves, and what servers tell us unasked.
struct Handler {
    changed: Arc<Notify>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("tollgate", env!("CARGO_PKG_VERSION"));
        let mut config = ClientConfig::new(ClientCapabilities::default(), us);
        config.protocol_version = ProtocolVersion::V_2025_11_25;
        config
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

impl Session {
    /// Opens a session over `transport`.
    pub(crate) async fn open<T, E, A>(transport: T, lifecycle: Lifecycle) -> Result<(Self, SessionEnd), Fault>
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
        let running =
            Handler { changed: changed.clone() }.serve_with_lifecycle(transport, mode).await.map_err(open_fault)?;
        let peer = running.peer().clone();
        let info = peer.peer_info();
        let protocol = info.as_ref().map(|i| i.protocol_version.clone()).unwrap_or_default();
        let tools = info.as_ref().and_then(|i| i.capabilities.tools.clone());
        let version = info.as_ref().and_then(|i| i.server_info.as_ref()).map(|s| clean(&s.version, 64));
        let session = Self {
            peer,
            changed,
            listens: !protocol.has_initialize() && tools.is_some_and(|t| t.list_changed == Some(true)),
            protocol: clean(protocol.as_str(), 32),
            version,
        };
        let cancel = running.cancellation_token();
        // What it returns says no more than that it ended.
        let ended = Some(running.waiting().map(drop).boxed());
        Ok((session, SessionEnd { cancel, ended }))
    }

    /// Waits for news of the tools, for a server of 2026-07-28, which tells only who listens. Returns when
    /// there is nothing to wait for.
    pub(crate) async fn listen(&self) {
        if !self.listens {
            return;
        }
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        let mut subscription = match self.peer.listen(filter).await {
            Ok(subscription) => subscription,
            Err(error) => {
                tracing::debug!(target: crate::LOG, %error, "no subscription to changes of tools");
                return;
            }
        };
        while let Ok(Some(_)) = subscription.next().await {
            self.changed.notify_one();
        }
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

    /// Calls a tool. Dropping the future cancels the call at the server.
    pub(crate) async fn call(&self, tool: &str, args: Map<String, Value>) -> Result<String, Fault> {
        if self.peer.is_transport_closed() {
            return Err(Fault::NotSent("the connection is closed".to_owned()));
        }
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args);
        match self.peer.call_tool_once(params).await {
            Ok(CallToolResponse::Complete(result)) => {
                call_text(result).ok_or_else(|| Fault::Invalid("its answer came past the transport".to_owned()))
            }
            Ok(_) => Err(Fault::Invalid(UNSUPPORTED.to_owned())),
            Err(error) => Err(self.fault(error)),
        }
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

const UNSUPPORTED: &str = "it wants more input or made a task of the call, which is not supported yet";

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
