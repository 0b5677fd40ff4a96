//! HTTP: what rmcp's Streamable HTTP transport needs of an HTTP client, and what ours adds to it.
//!
//! rmcp has such a client. Ours carries results as text ([`crate::carry`]), keeps to our own limits, tells
//! failures apart by whether the request was sent, and never shows a URL's secrets.

use crate::auth::access::ServerAuth;
use crate::callers::Callers;
use crate::carry::{InFlight, carried_by_shape, older_server};
use crate::text::{clean, with_causes};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{RequestBuilder, Response, Url};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use tollgate_core::Secret;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON_OR_EVENTS: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How much of the body of a refusal is read.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
const MAX_SHOWN_CHARS: usize = 300;

/// Why an HTTP exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The request was not sent.
    #[error("{0}")]
    NotSent(String),
    /// The request was sent, at least in part; the answer did not come, or not whole.
    #[error("{0}")]
    Lost(String),
    /// 401 or 403.
    #[error("HTTP {status}{challenge}")]
    Auth {
        /// The status.
        status: u16,
        /// The challenge, if there is one.
        challenge: String,
    },
    /// 401 or 403 where OAuth is used, and what to do.
    #[error("{0}")]
    Login(String),
    /// 429, with the milliseconds to wait where the server said so.
    #[error("HTTP 429: too many requests")]
    RateLimited(Option<u64>),
    /// Any other refusal.
    #[error("HTTP {status}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The answer is over the limit.
    #[error("sent a message over {}", crate::bytes_text(*.0))]
    TooLarge(usize),
    /// The answer is not MCP.
    #[error("{0}")]
    NotMcp(String),
}

type Failed = StreamableHttpError<HttpError>;

/// The clients that all servers share.
pub(crate) struct HttpClients {
    /// For `http`: without a pool. Such servers are near, so a connection costs little; a connection that is
    /// used again costs 40 ms a call where the server writes head and body apart (Nagle's algorithm there,
    /// delayed acknowledgement here, which Linux leaves out on new connections).
    plain: reqwest::Client,
    /// For `https`: pooled by origin, because a handshake costs much.
    secure: reqwest::Client,
}

impl HttpClients {
    /// # Errors
    /// The machine has no usable TLS set-up.
    pub(crate) fn new() -> Result<Self, String> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(same_origin_only())
                .connect_timeout(std::time::Duration::from_secs(30))
                .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
        };
        let failed = |error| format!("no HTTP client: {error}");
        Ok(Self {
            plain: builder().pool_max_idle_per_host(0).build().map_err(failed)?,
            secure: builder().build().map_err(failed)?,
        })
    }

    pub(crate) fn for_url(&self, url: &Url) -> reqwest::Client {
        if url.scheme() == "https" { self.secure.clone() } else { self.plain.clone() }
    }
}

/// Headers hold secrets, so no redirect leaves the origin; and only 307 and 308 keep the message.
fn same_origin_only() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        let keeps_message = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if same && keeps_message && attempt.previous().len() <= 10 { attempt.follow() } else { attempt.stop() }
    })
}

/// Reads a URL of a server.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_url(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("the URL cannot be read: {error}"))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        scheme => Err(format!("the URL's scheme is `{scheme}`; use http or https")),
    }
}

/// A URL as it may be shown: without user, password and query.
pub(crate) fn shown_url(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => "(not a URL)".to_owned(),
    }
}

/// One endpoint, with the headers of every request to it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    client: reqwest::Client,
    headers: HeaderMap,
    max_bytes: usize,
    /// Puts the tokens on each request.
    auth: Option<Arc<ServerAuth>>,
    /// The status with which the endpoint refused `initialize`; 0 when it did not.
    refused: Arc<AtomicU16>,
    callers: Arc<Callers>,
}

impl Endpoint {
    /// # Errors
    /// A header that is none, by name; or that the headers authorise, and `auth` does too.
    pub(crate) fn new(
        client: reqwest::Client,
        headers: &BTreeMap<String, Secret>,
        max_bytes: usize,
        auth: Option<Arc<ServerAuth>>,
        callers: Arc<Callers>,
    ) -> Result<Self, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let key = HeaderName::try_from(name).map_err(|_| format!("`{name}` cannot name a header"))?;
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| format!("the value of header `{name}` has characters that a header cannot have"))?;
            value.set_sensitive(true);
            map.insert(key, value);
        }
        if auth.is_some() && map.contains_key(AUTHORIZATION) {
            return Err("has an `Authorization` header and OAuth; keep one of them".to_owned());
        }
        Ok(Self { client, headers: map, max_bytes, auth, refused: Arc::default(), callers })
    }

    /// Whether the endpoint refused `initialize` in the way that a server of HTTP+SSE does.
    pub(crate) fn looks_like_legacy_sse(&self) -> bool {
        let status = self.refused.load(Ordering::Relaxed);
        (400..500).contains(&status) && ![401, 403, 407, 429].contains(&status)
    }

    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    pub(crate) fn callers(&self) -> &Arc<Callers> {
        &self.callers
    }

    /// A GET of a stream of events.
    pub(crate) async fn get_events(
        &self,
        url: &str,
        more: HeaderMap,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, HttpError> {
        let mut headers = self.headers.clone();
        headers.extend(more);
        headers.insert(ACCEPT, EVENT_STREAM);
        let response = self.send(self.client.get(url).headers(headers)).await?;
        let response = refuse(response).await?;
        if !is_type(&response, "text/event-stream") {
            return Err(HttpError::NotMcp("answered without a stream of events".to_owned()));
        }
        Ok(self.events(response))
    }

    /// A POST of a message. The answer may be a refusal.
    pub(crate) async fn post(
        &self,
        url: &str,
        message: &ClientJsonRpcMessage,
        more: HeaderMap,
    ) -> Result<Response, HttpError> {
        let body = serde_json::to_vec(message).map_err(|error| HttpError::NotSent(error.to_string()))?;
        let mut headers = self.headers.clone();
        headers.extend(more);
        headers.insert(ACCEPT, JSON_OR_EVENTS);
        headers.insert(CONTENT_TYPE, JSON);
        self.send(self.client.post(url).headers(headers).body(body)).await
    }

    /// Every request goes out here.
    async fn send(&self, request: RequestBuilder) -> Result<Response, HttpError> {
        match &self.auth {
            Some(auth) => auth.send(request).await,
            None => send(request).await,
        }
    }

    fn events(&self, response: Response) -> BoxStream<'static, Result<Sse, SseError>> {
        SseStream::from_bytes_stream(bounded_events(response.bytes_stream(), self.max_bytes)).boxed()
    }

    async fn answer(
        &self,
        message: &ClientJsonRpcMessage,
        response: Response,
        in_session: bool,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        use StreamableHttpPostResponse::{Accepted, Json, Sse};
        let status = response.status();
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if !status.is_success() {
            return self.refusal(message, response, in_session).await;
        }
        let is_request = matches!(message, ClientJsonRpcMessage::Request(_));
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(Accepted);
        }
        let session = response.headers().get(SESSION_ID).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut in_flight = InFlight::answering(message, self.callers.clone());
        if is_type(&response, "text/event-stream") {
            let events = self
                .events(response)
                .map(move |event| event.map(|event| rewrite(event, |data| in_flight.carried(data))));
            return Ok(Sse(events.boxed(), session));
        }
        let is_json = is_type(&response, "application/json");
        let body = read_body(response, self.max_bytes).await.map_err(StreamableHttpError::Client)?;
        match in_flight.read(&body) {
            Ok(answer) if is_json => Ok(Json(answer, session)),
            // Nothing is awaited but that the message arrived; some servers say so in their own words.
            _ if !is_request => Ok(Accepted),
            _ => {
                let start = clean(&String::from_utf8_lossy(body.get(..400).unwrap_or(&body)), 120);
                let what = if is_json { "is not JSON-RPC" } else { "is neither JSON nor a stream of events" };
                Err(StreamableHttpError::Client(HttpError::NotMcp(format!("its HTTP answer {what}: `{start}`"))))
            }
        }
    }

    async fn refusal(
        &self,
        message: &ClientJsonRpcMessage,
        response: Response,
        in_session: bool,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let status = response.status();
        let request = match message {
            ClientJsonRpcMessage::Request(request) => Some(request),
            _ => None,
        };
        if request.is_some_and(|r| matches!(r.request, ClientRequest::InitializeRequest(_))) {
            self.refused.store(status.as_u16(), Ordering::Relaxed);
        }
        let is_json = is_type(&response, "application/json");
        if let Some(error) = auth_or_rate(&response) {
            return Err(failed(error));
        }
        let body = read_body(response, MAX_REFUSAL_BYTES).await.unwrap_or_default();
        let error = match serde_json::from_slice(&body) {
            Ok(ServerJsonRpcMessage::Error(error)) if is_json => Some(error),
            _ => None,
        };
        let refused = status_error(status, &body);
        // A refused `server/discover` may mean an older server; the lifecycle must be able to tell whose
        // answer this is, and what it says.
        if let Some(request) = request
            && matches!(request.request, ClientRequest::DiscoverRequest(_))
            && !in_session
            && status.is_client_error()
        {
            let error = error.map_or_else(|| ErrorData::invalid_request(refused.to_string(), None), |e| e.error);
            let answer = ServerJsonRpcMessage::error(older_server(error), Some(request.id.clone()));
            return Ok(StreamableHttpPostResponse::Json(answer, None));
        }
        match error {
            Some(error) => Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::Error(error), None)),
            None => Err(StreamableHttpError::Client(refused)),
        }
    }
}

impl StreamableHttpClient for Endpoint {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let in_session = session_id.is_some();
        let headers = protocol_headers(headers, session_id, None);
        // Before it is sent: what belongs to it may come on another stream, and sooner than its own.
        Callers::sent(&message);
        let response = self.post(&uri, &message, headers).await.map_err(failed)?;
        self.answer(&message, response, in_session).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let mut all = self.headers.clone();
        all.extend(protocol_headers(headers, Some(session_id), None));
        // A server may refuse to end a session; then it ends in its own time.
        self.send(self.client.delete(uri.as_ref()).headers(all)).await.map_err(failed)?;
        Ok(())
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failed> {
        let headers = protocol_headers(headers, session_id, last_event_id);
        let events = self.get_events(&uri, headers).await.map_err(|error| match error {
            HttpError::Status { status: 405, .. } => StreamableHttpError::ServerDoesNotSupportSse,
            error => failed(error),
        })?;
        let mut in_flight = InFlight::new(self.callers.clone());
        let mut carried = move |data: &[u8]| in_flight.carried(data).or_else(|| carried_by_shape(data));
        Ok(events.map(move |event| event.map(|event| rewrite(event, &mut carried))).boxed())
    }
}

fn failed(error: HttpError) -> Failed {
    match error {
        // rmcp gives up a stream on this one.
        HttpError::Auth { .. } | HttpError::Login(_) => {
            StreamableHttpError::AuthRequired(AuthRequiredError::new(error.to_string()))
        }
        error => StreamableHttpError::Client(error),
    }
}

fn protocol_headers(
    headers: HashMap<HeaderName, HeaderValue>,
    session_id: Option<Arc<str>>,
    last_event_id: Option<String>,
) -> HeaderMap {
    let mut map: HeaderMap = headers.into_iter().collect();
    let values = [(SESSION_ID, session_id.as_deref()), (LAST_EVENT_ID, last_event_id.as_deref())];
    for (name, value) in values {
        if let Some(value) = value.and_then(|v| HeaderValue::from_str(v).ok()) {
            map.insert(name, value);
        }
    }
    map
}

/// Puts the carried form of the event's message in its place, where there is one.
fn rewrite(mut event: Sse, carried: impl FnOnce(&[u8]) -> Option<ServerJsonRpcMessage>) -> Sse {
    if let Some(data) = &event.data
        && let Some(message) = carried(data.as_bytes())
        && let Ok(text) = serde_json::to_string(&message)
    {
        event.data = Some(text);
    }
    event
}

pub(crate) async fn send(request: RequestBuilder) -> Result<Response, HttpError> {
    request.send().await.map_err(|error| {
        let not_sent = error.is_connect() || error.is_builder() || error.is_redirect();
        let text = error_text(error);
        if not_sent { HttpError::NotSent(text) } else { HttpError::Lost(text) }
    })
}

/// The error and its causes. Without the URL, which may hold secrets.
fn error_text(error: reqwest::Error) -> String {
    clean(&with_causes(&error.without_url()), MAX_SHOWN_CHARS)
}

/// Turns a refusal into its error.
pub(crate) async fn refuse(response: Response) -> Result<Response, HttpError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if let Some(error) = auth_or_rate(&response) {
        return Err(error);
    }
    let body = read_body(response, MAX_REFUSAL_BYTES).await.unwrap_or_default();
    Err(status_error(status, &body))
}

fn auth_or_rate(response: &Response) -> Option<HttpError> {
    let header = |name| response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    match response.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            let challenge = header(WWW_AUTHENTICATE).map(|c| format!(": {}", clean(c, MAX_SHOWN_CHARS)));
            Some(HttpError::Auth { status: status.as_u16(), challenge: challenge.unwrap_or_default() })
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = header(RETRY_AFTER).and_then(|v| v.trim().parse::<u64>().ok());
            Some(HttpError::RateLimited(seconds.map(|s| s.saturating_mul(1_000))))
        }
        _ => None,
    }
}

fn status_error(status: StatusCode, body: &[u8]) -> HttpError {
    let mut body = clean(&String::from_utf8_lossy(body), MAX_SHOWN_CHARS);
    if status.is_redirection() {
        body = "redirects elsewhere, which is not followed; configure the final URL".to_owned();
    } else if body.is_empty() {
        body = status.canonical_reason().unwrap_or("no reason given").to_owned();
    }
    HttpError::Status { status: status.as_u16(), body }
}

fn is_type(response: &Response, wanted: &str) -> bool {
    let value = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted.as_bytes()))
}

async fn read_body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| HttpError::Lost(error_text(error)))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(HttpError::TooLarge(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Ends the stream with an error when one event is longer than `max_bytes`.
fn bounded_events(
    stream: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send,
    max_bytes: usize,
) -> impl Stream<Item = Result<Bytes, HttpError>> + Send {
    let mut event_bytes = 0;
    let mut line_is_empty = true;
    stream.map(move |chunk| {
        let chunk = chunk.map_err(|error| HttpError::Lost(error_text(error)))?;
        for byte in &chunk {
            event_bytes += 1;
            match byte {
                // An empty line ends an event.
                b'\n' if line_is_empty => event_bytes = 0,
                b'\n' => line_is_empty = true,
                b'\r' => {}
                _ => line_is_empty = false,
            }
            if event_bytes > max_bytes {
                return Err(HttpError::TooLarge(max_bytes));
            }
        }
        Ok(chunk)
    })
}
