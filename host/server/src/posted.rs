//! What is posted to a session over HTTP (before 2026-07-28), and the short way of requests among it.
//!
//! rmcp would take a request through two tasks of the session and a third of its own, each way, and answer as a stream
//! of events, even where the answer is all that comes. Here the connection's own task works on it ([`Session::answer`])
//! and answers with JSON when nothing comes before the answer; else with a stream that the client can come back for.

use crate::message::{self, Misread};
use crate::session::{Answer, Session};
use crate::sessions::Sessions;
use crate::shares::Share;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::stream::{BoxStream, StreamExt as _};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta, ProtocolVersion, ServerJsonRpcMessage};
use rmcp::transport::common::server_side_http::ServerSseMessage;
use std::sync::Arc;
use std::time::Duration;

/// The header that names a session.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Has proxies pass events on as they come.
const NO_BUFFER: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How long a stream says nothing, before it says that it is still there.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Takes what was posted to a session that has begun.
///
/// # Errors
/// There is none, or the request says something unusual: it is rmcp's, and as it was.
pub(crate) async fn answer(sessions: &Sessions, request: Request) -> Result<Response, Request> {
    let Some(session) = session_of(sessions, &request) else { return Err(request) };
    let (parts, body) = request.into_parts();
    // The door has read it, and has judged how long it is.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    match message::read(&body) {
        Ok(ClientJsonRpcMessage::Request(request)) if is_of_session(&request.request) => {
            let place = parts.extensions.get::<Arc<Share>>().cloned();
            Ok(respond(session.answer(request, place).await))
        }
        Ok(ClientJsonRpcMessage::Request(_)) => Err(Request::from_parts(parts, Body::from(body))),
        Ok(message) => Ok(match sessions.accept_message(&session.id, message).await {
            Ok(()) => StatusCode::ACCEPTED.into_response(),
            Err(_) => respond(Answer::Ended),
        }),
        Err(misread) => Ok(json(StatusCode::BAD_REQUEST, &misread.unwrap_or_else(Misread::unknown).answer())),
    }
}

/// The session that a request was posted to, where nothing about it is unusual.
fn session_of(sessions: &Sessions, request: &Request) -> Option<Arc<Session>> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_known = |version: &str| {
        // A later one has no sessions.
        let mut known = ProtocolVersion::KNOWN_VERSIONS.iter();
        known.any(|known| known.as_str() == version && *known < ProtocolVersion::V_2026_07_28)
    };
    let is_plain = request.method() == Method::POST
        && header(CONTENT_TYPE)? == "application/json"
        && accepts_both(request.headers())
        && (!request.headers().contains_key(VERSION) || header(VERSION).is_some_and(is_known));
    let session = if is_plain { sessions.get(header(SESSION)?) } else { None };
    session.filter(|session| session.link.is_ready())
}

/// Whether JSON and streams of events are taken, as nearly every client says it.
fn accepts_both(headers: &HeaderMap) -> bool {
    let Some(Ok(accepted)) = headers.get(ACCEPT).map(HeaderValue::to_str) else { return false };
    let takes = |what: &str| accepted.split(',').any(|accepted| accepted.trim() == what);
    takes("application/json") && takes("text/event-stream")
}

/// Whether it neither names a version of its own nor begins a session.
fn is_of_session(request: &ClientRequest) -> bool {
    let begins = matches!(request, ClientRequest::InitializeRequest(_) | ClientRequest::DiscoverRequest(_));
    !begins && request.get_meta().protocol_version().is_none()
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Whole(message) => json(StatusCode::OK, &message),
        Answer::Stream(events) => stream(events),
        Answer::Nobody => stream(futures::stream::empty().boxed()),
        Answer::Ended => (StatusCode::NOT_FOUND, "this session has ended; begin another\n").into_response(),
    }
}

fn json(status: StatusCode, message: &ServerJsonRpcMessage) -> Response {
    match serde_json::to_vec(message) {
        Ok(text) => (status, [(CONTENT_TYPE, JSON)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("the answer is no JSON: {error}\n")).into_response(),
    }
}

fn stream(events: BoxStream<'static, ServerSseMessage>) -> Response {
    let written = futures::stream::unfold(events, async |mut events| {
        let text = match tokio::time::timeout(KEEP_ALIVE, events.next()).await {
            Ok(event) => written(&event?),
            Err(_) => Ok(":\n\n".to_owned()),
        };
        Some((text, events))
    });
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache"), (NO_BUFFER, "no")];
    (head, Body::from_stream(written)).into_response()
}

/// An event as it is sent (HTML, "Server-sent events", "Parsing an event stream"). JSON has no line ends in it. One with
/// empty data says only where the stream is.
fn written(event: &ServerSseMessage) -> serde_json::Result<String> {
    let mut text = String::new();
    if let Some(id) = &event.event_id {
        text.push_str(&format!("id: {id}\n"));
    }
    if let Some(retry) = event.retry {
        text.push_str(&format!("retry: {}\n", retry.as_millis()));
    }
    let data = event.message.as_ref().map(|message| serde_json::to_string(&**message)).transpose()?;
    text.push_str(&format!("data: {}\n\n", data.unwrap_or_default()));
    Ok(text)
}
