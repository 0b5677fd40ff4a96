//! HTTP: what rmcp's Streamable HTTP transport needs of an HTTP client, and what ours adds to it.
//!
//! rmcp has such a client. Ours carries results as text ([`crate::carry`]), keeps to our own limits, tells
//! failures apart by whether the request was sent, and never shows a URL's secrets. `exchange` is what it knows of HTTP alone,
//! `client` how a request reaches a server, `rest` what becomes of an answer's rest.

mod client;
mod exchange;
mod rest;

pub(crate) use client::{HttpClient, HttpClients};
pub(crate) use exchange::{HttpError, refuse, send};

use crate::auth::access::ServerAuth;
use crate::callers::Callers;
use crate::carry::{InFlight, carried_by_shape, older_server, same_id};
use crate::charge::{self, Charge};
use crate::text::clean;
use bytes::Bytes;
use exchange::{auth_or_wait, error_text, read_body, request, status_error};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Request, Response, Url};
use rest::AnswerEvents;
pub(crate) use rest::leave;
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

type Failed = StreamableHttpError<HttpError>;

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
    client: HttpClient,
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
        client: HttpClient,
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
        let response = self.send(request(Method::GET, url, headers)?).await?;
        let response = refuse(response, self.callers.now()).await?;
        if !is_type(&response, "text/event-stream") {
            return Err(HttpError::NotMcp("answered without a stream of events".to_owned()));
        }
        Ok(self.events(response, None))
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
        let mut request = request(Method::POST, url, headers)?;
        *request.body_mut() = Some(body.into());
        self.send(request).await
    }

    /// Every request goes out here.
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        match &self.auth {
            Some(auth) => auth.send(&self.client, request).await,
            None => send(&self.client, request).await,
        }
    }

    fn events(&self, response: Response, charge: Option<Charge>) -> BoxStream<'static, Result<Sse, SseError>> {
        SseStream::from_bytes_stream(bounded_events(response.bytes_stream(), self.max_bytes, charge)).boxed()
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
            leave(response);
            return Ok(Accepted);
        }
        let session = response.headers().get(SESSION_ID).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let charge = charge::of(message);
        let mut in_flight = InFlight::answering(message, self.callers.clone());
        if is_type(&response, "text/event-stream") {
            return Ok(Sse(AnswerEvents::new(self.events(response, charge), in_flight).boxed(), session));
        }
        let is_json = is_type(&response, "application/json");
        let body = read_body(response, self.max_bytes, charge.as_ref()).await.map_err(StreamableHttpError::Client)?;
        match in_flight.read(&body) {
            // On this stream nothing else can come: who waits for it would wait until its time is over.
            Ok(answer) if is_json && answers_another(message, &answer) => {
                Err(StreamableHttpError::Client(HttpError::NotMcp("answered another request than it got".to_owned())))
            }
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
        if let Some(error) = auth_or_wait(&response, self.callers.now()) {
            return Err(failed(error));
        }
        let body = read_body(response, exchange::MAX_REFUSAL_BYTES, None).await.unwrap_or_default();
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
        let request = request(Method::DELETE, &uri, all).map_err(failed)?;
        leave(self.send(request).await.map_err(failed)?);
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

/// Whether an answer is to another request than the one that was sent.
fn answers_another(sent: &ClientJsonRpcMessage, answer: &ServerJsonRpcMessage) -> bool {
    let id = match answer {
        ServerJsonRpcMessage::Response(response) => Some(&response.id),
        // One without an identity is to a request that the server could not read.
        ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
        _ => None,
    };
    matches!((sent, id), (ClientJsonRpcMessage::Request(request), Some(id)) if !same_id(id, &request.id))
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

fn is_type(response: &Response, wanted: &str) -> bool {
    let value = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Ends the stream with an error when one event is longer than `max_bytes`.
fn bounded_events(
    stream: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send,
    max_bytes: usize,
    charge: Option<Charge>,
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
        charge::grow(charge.as_ref(), event_bytes).map_err(|_| HttpError::TooLarge(event_bytes))?;
        Ok(chunk)
    })
}
