//! HTTP+SSE, the transport of 2024-11-05.

use crate::http::{Served, serve};
use crate::support::*;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tollgate_upstream::{Fleet, HttpKind, ServerSpec, ServerState, Transport};

#[derive(Clone)]
struct Legacy {
    endpoint: &'static str,
    /// The stream that is open.
    events: Arc<Mutex<Option<mpsc::UnboundedSender<String>>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

async fn open(State(legacy): State<Legacy>) -> Response {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    sender.send(format!(": hello\nevent: endpoint\ndata: {}\n\n", legacy.endpoint)).unwrap();
    *legacy.events.lock().unwrap() = Some(sender);
    let stream = futures::stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|text| text.map(|t| Ok::<_, Infallible>(Bytes::from(t))))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(stream)).into_response()
}

async fn hear(State(legacy): State<Legacy>, body: String) -> StatusCode {
    let message: Value = serde_json::from_str(&body).unwrap();
    let method = message["method"].as_str().unwrap_or_default();
    legacy.heard.lock().unwrap().push(method.to_owned());
    let result = match method {
        "initialize" => json!({"protocolVersion": "2024-11-05", "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"}}),
        "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}},
            {"name": "hang", "inputSchema": {"type": "object"}}, {"name": "close", "inputSchema": {"type": "object"}},
            {"name": "meta", "inputSchema": {"type": "object"}}]}),
        "tools/call" => match message["params"]["name"].as_str().unwrap() {
            "hang" => return StatusCode::ACCEPTED,
            "meta" => json!({"content": [], "structuredContent": message["params"]["_meta"]}),
            "close" => {
                *legacy.events.lock().unwrap() = None;
                return StatusCode::ACCEPTED;
            }
            _ => json!({"content": [{"type": "text", "text": message["params"]["arguments"]["text"]}]}),
        },
        _ => return StatusCode::ACCEPTED,
    };
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    let events = legacy.events.lock().unwrap();
    events.as_ref().unwrap().send(format!("event: message\ndata: {answer}\n\n")).unwrap();
    StatusCode::ACCEPTED
}

fn app(endpoint: &'static str) -> (Router, Legacy) {
    let state = Legacy { endpoint, events: Arc::default(), heard: Arc::default() };
    (Router::new().route("/sse", get(open)).route("/messages", post(hear)).with_state(state.clone()), state)
}

/// A server of HTTP+SSE.
pub fn router() -> Router {
    app("/messages").0
}

async fn legacy(endpoint: &'static str, kind: HttpKind) -> (Fleet, Served, Legacy) {
    let (app, state) = app(endpoint);
    let served = serve(app).await;
    let fleet = Fleet::default();
    let transport = Transport::Http { url: format!("{}/sse", served.url), headers: [].into(), kind };
    fleet.add_server(ServerSpec::new("s", transport)).unwrap();
    (fleet, served, state)
}

#[tokio::test]
async fn it_works_by_name_and_is_fallen_back_to() {
    for kind in [HttpKind::Sse, HttpKind::Auto] {
        let (fleet, _served, _) = legacy("/messages?session=1", kind).await;
        echoes(&fleet, "s:echo").await;
        let status = status(&fleet, "s");
        assert_eq!((status.transport, status.protocol.as_deref()), ("sse", Some("2024-11-05")));
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn it_is_not_fallen_back_to_when_streamable_http_is_named() {
    let (fleet, _served, _) = legacy("/messages", HttpKind::Streamable).await;
    let error = until(&fleet, "s", ServerState::Failed).await.error.unwrap();
    assert!(error.contains("HTTP 405"), "{error}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_of_another_origin_is_refused() {
    let (fleet, _served, _) = legacy("http://127.0.0.1:1/messages", HttpKind::Sse).await;
    let error = until(&fleet, "s", ServerState::Failed).await.error.unwrap();
    assert!(error.contains("another origin"), "{error}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn dropping_a_call_cancels_it_over_sse() {
    let (fleet, _served, state) = legacy("/messages", HttpKind::Sse).await;
    let heard = |method: &str| state.heard.lock().unwrap().iter().any(|m| m == method);
    tokio::select! {
        _ = call(&fleet, "s:hang", json!({})) => panic!("it hangs"),
        () = eventually(|| Some(()).filter(|()| heard("tools/call"))) => {}
    }
    eventually(|| Some(()).filter(|()| heard("notifications/cancelled"))).await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_closed_stream_is_opened_again() {
    let (fleet, _served, _) = legacy("/messages", HttpKind::Sse).await;
    let error = fails(&fleet, "s:close", json!({})).await;
    assert_eq!(error.outcome().as_str(), "outcome-unknown", "{error:?}");
    until(&fleet, "s", ServerState::Ready).await;
    echoes(&fleet, "s:echo").await;
    fleet.shutdown().await;
}
