//! Streamable HTTP: rmcp's own server, and servers that misbehave at the level of HTTP.

use crate::streams::{Echo, LEGACY, MODERN};
use crate::support::*;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::any;
use axum::serve::ListenerExt as _;
use futures::StreamExt as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tollgate_core::{Call, CallError, EffectClass, Secret, SeededEntropy, SystemClock, Upstream};
use tollgate_route::{RouteSpec, RouterSettings};
use tollgate_upstream::{Fleet, HttpKind, ServerSpec, ServerState, Transport};

/// A server on a free port of loopback; it ends with the test.
pub struct Served {
    pub url: String,
    task: AbortHandle,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn serve(app: Router) -> Served {
    serve_counting(app).await.0
}

/// Like [`serve`], and counts the connections.
async fn serve_counting(app: Router) -> (Served, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let listener = listener.tap_io(move |_| _ = counted.fetch_add(1, Ordering::SeqCst));
    let task = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
    (Served { url, task }, count)
}

pub fn mcp(server: Echo) -> Router {
    mcp_with(server, StreamableHttpServerConfig::default())
}

fn mcp_with(server: Echo, config: StreamableHttpServerConfig) -> Router {
    let manager = Arc::new(LocalSessionManager::default());
    Router::new().route_service("/mcp", StreamableHttpService::new(move || Ok(server.clone()), manager, config))
}

fn fleet_with(url: &str, kind: HttpKind) -> Fleet {
    let fleet = Fleet::default();
    let headers = [("Authorization".to_owned(), Secret::from("Bearer hunter2-hunter2"))].into();
    let transport = Transport::Http { url: url.to_owned(), headers, kind };
    fleet.add_server(ServerSpec::new("s", transport)).unwrap();
    fleet
}

#[tokio::test]
async fn both_lifecycles_work_over_http() {
    for (versions, want) in [(MODERN, "2026-07-28"), (LEGACY, "2025-06-18")] {
        let served = serve(mcp(Echo::new(versions))).await;
        let fleet = fleet_with(&format!("{}/mcp", served.url), HttpKind::Auto);
        for _ in 0..3 {
            echoes(&fleet, "s:echo").await;
        }
        assert_eq!(status(&fleet, "s").protocol.as_deref(), Some(want));
        assert_eq!(status(&fleet, "s").transport, "http");
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn connections_are_kept_for_the_next_call() {
    let events = StreamableHttpServerConfig::default();
    let json = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    for (versions, config) in [(MODERN, &events), (LEGACY, &events), (MODERN, &json), (LEGACY, &json)] {
        let (served, connections) = serve_counting(mcp_with(Echo::new(versions), config.clone())).await;
        let fleet = fleet_with(&format!("{}/mcp", served.url), HttpKind::Auto);
        echoes(&fleet, "s:echo").await;
        let first = connections.load(Ordering::SeqCst);
        for _ in 0..50 {
            echoes(&fleet, "s:echo").await;
        }
        // Some, because a call may come before the rest of the answer before it was read.
        let more = connections.load(Ordering::SeqCst) - first;
        assert!(more <= 5, "{versions:?}, {config:?}: {more} for 50 calls");
        fleet.shutdown().await;
    }
}

/// The streams of [`endless`] that are open.
static OPEN: AtomicUsize = AtomicUsize::new(0);

struct Open;

impl Open {
    fn new() -> Self {
        OPEN.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers with events, and never ends the stream.
async fn endless(headers: HeaderMap, body: String) -> Response {
    let answer = odd(State("endless"), headers, body).await;
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    if !body.starts_with(b"{") {
        return StatusCode::ACCEPTED.into_response();
    }
    let event = format!("data: {}\n\n", String::from_utf8_lossy(&body));
    let open = Open::new();
    let events = futures::stream::iter([Ok::<_, std::io::Error>(event)]).chain(futures::stream::pending());
    let events = events.inspect(move |_| _ = &open);
    ([("content-type", "text/event-stream")], axum::body::Body::from_stream(events)).into_response()
}

#[tokio::test]
async fn a_stream_that_does_not_end_after_its_answer_is_left() {
    let (served, connections) = serve_counting(Router::new().route("/mcp", any(endless))).await;
    let fleet = fleet_with(&format!("{}/mcp", served.url), HttpKind::Streamable);
    let mut most = 0;
    for _ in 0..400 {
        most = most.max(OPEN.load(Ordering::SeqCst));
        let answer = call(&fleet, "s:echo", json!({})).await.result.unwrap();
        assert!(answer.json.contains("content"), "{}", answer.json);
    }
    // No call waits for the rest of the one before, and few rests are waited for.
    assert!(connections.load(Ordering::SeqCst) >= 10);
    assert!(most <= 200, "{most} streams were open at once");
    fleet.shutdown().await;
}

#[tokio::test]
async fn dropping_a_call_cancels_it_at_the_http_server() {
    for versions in [MODERN, LEGACY] {
        let server = Echo::new(versions);
        let served = serve(mcp(server.clone())).await;
        let fleet = fleet_with(&format!("{}/mcp", served.url), HttpKind::Streamable);
        tokio::select! {
            _ = call(&fleet, "s:hang", json!({})) => panic!("it hangs"),
            () = server.hanging.notified() => {}
        }
        eventually(|| Some(()).filter(|()| server.cancelled.load(Ordering::SeqCst) == 1)).await;
        echoes(&fleet, "s:echo").await;
        fleet.shutdown().await;
    }
}

/// Answers as MCP does, until a tool is called; then as the case says.
async fn odd(State(case): State<&'static str>, headers: HeaderMap, body: String) -> Response {
    let message: Value = serde_json::from_str(&body).unwrap_or_default();
    let id = &message["id"];
    assert_eq!(headers.get("authorization").unwrap(), "Bearer hunter2-hunter2");
    let method = message["method"].as_str().unwrap_or_default();
    match (method, case) {
        ("server/discover", "locked") => {
            return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer realm=\"x\"")]).into_response();
        }
        ("tools/call", "locked-later") => return StatusCode::FORBIDDEN.into_response(),
        ("tools/call", "busy") => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        ("tools/call", "broken") => return (StatusCode::INTERNAL_SERVER_ERROR, "\u{1b}[1moh no").into_response(),
        ("tools/call", "busy-until") => {
            let headers = [("retry-after", "Wed, 21 Oct 2015 07:28:07 GMT"), ("date", "Wed, 21 Oct 2015 07:28:00 GMT")];
            return (StatusCode::TOO_MANY_REQUESTS, headers).into_response();
        }
        ("tools/call", "back-soon") => {
            return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")]).into_response();
        }
        ("tools/call", "rpc-busy") => {
            let error = json!({"code": 429, "message": "no", "data": {"retryAfter": 7}});
            return axum::Json(json!({"jsonrpc": "2.0", "id": id, "error": error})).into_response();
        }
        // It asks nothing, but wants the request once more; then it is busy.
        ("tools/call", "busy-later") if message["params"]["requestState"].is_null() => {
            let result = json!({"resultType": "input_required", "inputRequests": {}, "requestState": "1"});
            return axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response();
        }
        ("tools/call", "busy-later") => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        ("tools/call", "bad-request") => return (StatusCode::BAD_REQUEST, "what?").into_response(),
        ("tools/call", "late") => return StatusCode::REQUEST_TIMEOUT.into_response(),
        ("tools/call", "anothers") => {
            return axum::Json(json!({"jsonrpc": "2.0", "id": 987_654, "result": {"content": []}})).into_response();
        }
        ("tools/call", "overloaded") => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        ("tools/call", "gateway") => return StatusCode::BAD_GATEWAY.into_response(),
        ("tools/call", "html") => return ([("content-type", "text/html")], "<h1>hello</h1>").into_response(),
        ("tools/call", "rpc") => {
            let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32001, "message": "no"}});
            return (StatusCode::BAD_REQUEST, axum::Json(error)).into_response();
        }
        ("tools/call", "elsewhere") => return Redirect::temporary("http://127.0.0.1:1/").into_response(),
        ("tools/call", "huge") => {
            return ([("content-type", "application/json")], "x".repeat(3 << 20)).into_response();
        }
        ("tools/call", "huge-event") => {
            let event = format!("data: {}\n\n", "x".repeat(3 << 20));
            return ([("content-type", "text/event-stream")], event).into_response();
        }
        _ => {}
    }
    let result = match method {
        "server/discover" => json!({"resultType": "complete", "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}),
        "tools/list" => json!({"resultType": "complete", "tools": [
            {"name": "echo", "inputSchema": {"type": "object"}, "badge": 1},
            {"name": "region", "inputSchema": {"type": "object",
                "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}},
            {"name": "bad-header", "inputSchema": {"type": "object",
                "properties": {"region": {"type": "string", "x-mcp-header": "no good"}}}},
        ]}),
        _ => {
            let region = headers.get("mcp-param-region").and_then(|v| v.to_str().ok());
            let text = r#"{"content": [], "more" : 1.50}"#;
            let text = region.map_or(text.to_owned(), |r| format!(r#"{{"content":[],"region":"{r}"}}"#));
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{text}}}"#);
            return if case == "events" {
                ([("content-type", "text/event-stream")], format!("data: {text}\n\n")).into_response()
            } else {
                ([("content-type", "application/json")], text).into_response()
            };
        }
    };
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}

pub fn app(case: &'static str) -> Router {
    Router::new().route("/", any(odd)).with_state(case)
}

async fn odd_fleet(case: &'static str) -> (Fleet, Served) {
    let served = serve(app(case)).await;
    let fleet = Fleet::default();
    let headers = [("Authorization".to_owned(), Secret::from("Bearer hunter2-hunter2"))].into();
    let transport = Transport::Http { url: served.url.clone(), headers, kind: HttpKind::Auto };
    fleet.add_server(ServerSpec { max_message_bytes: 1 << 20, ..ServerSpec::new("s", transport) }).unwrap();
    (fleet, served)
}

#[tokio::test]
async fn refusals_of_http_are_told_apart() {
    for (case, want) in [
        ("locked-later", "auth-required"),
        ("busy", "rate-limited"),
        ("busy-until", "rate-limited"),
        ("back-soon", "rate-limited"),
        ("rpc-busy", "rate-limited"),
        ("busy-later", "rate-limited"),
        ("bad-request", "rejected"),
        ("late", "timed-out"),
        ("anothers", "invalid-response"),
        ("broken", "invalid-response"),
        ("overloaded", "unavailable"),
        ("gateway", "outcome-unknown"),
        ("html", "invalid-response"),
        ("rpc", "rejected"),
        ("elsewhere", "invalid-response"),
        ("huge", "too-large"),
    ] {
        let (fleet, _served) = odd_fleet(case).await;
        let answer = call(&fleet, "s:echo", json!({})).await;
        let at_the_door = ["locked-later", "busy", "busy-until", "back-soon"].contains(&case);
        assert_eq!(answer.sent, !at_the_door, "{case}: whoever refuses it later may have done some of it");
        let error = answer.result.unwrap_err();
        assert_eq!(error.outcome().as_str(), want, "{case}: {error:?}");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        assert_eq!(status(&fleet, "s").state, ServerState::Ready, "{case}: a refusal is no lost connection");
        if want == "rate-limited" {
            assert_eq!(error, CallError::RateLimited(Some(7_000)));
        }
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn what_a_busy_server_refused_goes_to_another_whatever_it_does() {
    let (busy, free) = (serve(app("busy")).await, serve(app("json")).await);
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SeededEntropy::new(1)));
    let fleet = Arc::new(Fleet::new(clock.clone(), entropy.clone()));
    for (name, priority, url) in [("busy", 1, &busy.url), ("free", 2, &free.url)] {
        let headers = [("Authorization".to_owned(), Secret::from("Bearer hunter2-hunter2"))].into();
        let spec = ServerSpec::new(name, Transport::Http { url: url.clone(), headers, kind: HttpKind::Auto });
        let route = RouteSpec { domains: vec!["shop".to_owned()], priority, ..RouteSpec::default() };
        fleet.add_server(ServerSpec { route, ..spec }).unwrap();
    }
    assert_eq!(fleet.wait_ready(&["busy", "free"]).await, []);
    let router = tollgate_route::Router::new(fleet.clone(), clock, entropy, RouterSettings::default());
    let tools = router.resolve("domain:shop", "echo", &|_| true).await.unwrap();
    assert_eq!(tools.first().effect, EffectClass::Unknown);
    let answer = router.call(&tools, Call::new("domain:shop:echo".parse().unwrap(), "{}"), context()).await;
    assert!(answer.result.is_ok() && answer.tries.len() == 2, "{answer:?}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_locked_server_wants_authorisation() {
    let (fleet, _served) = odd_fleet("locked").await;
    let error = fails(&fleet, "s:echo", json!({})).await;
    let CallError::AuthRequired(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("HTTP 401: Bearer realm"), "{text}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn results_cross_to_the_letter_as_json_and_as_events() {
    for case in ["json", "events"] {
        let (fleet, _served) = odd_fleet(case).await;
        let result = call(&fleet, "s:echo", json!({})).await.result.unwrap();
        assert_eq!(result.json, r#"{"content": [], "more" : 1.50}"#, "{case}");
        let result = call(&fleet, "s:region", json!({"region": "eu"})).await.result.unwrap();
        assert_eq!(result.json, r#"{"content":[],"region":"eu"}"#, "the header that the tool asks for is sent");
        let tools = fleet.tools().await;
        assert_eq!(tools.len(), 2, "a tool with a bad x-mcp-header is left out: {tools:?}");
        assert_eq!(tools[0].other["badge"], 1);
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn an_event_over_the_limit_fails_the_call() {
    let (fleet, _served) = odd_fleet("huge-event").await;
    let answer = call(&fleet, "s:echo", json!({})).await;
    assert!(answer.result.is_err(), "{answer:?}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_server_that_went_away_is_unavailable_and_comes_back() {
    let (fleet, served) = odd_fleet("json").await;
    echoes_any(&fleet).await;
    let address = served.url.trim_start_matches("http://").to_owned();
    drop(served);
    let error = eventually_fails(&fleet).await;
    assert!(matches!(error, CallError::Unavailable(_) | CallError::OutcomeUnknown(_)), "{error:?}");
    until(&fleet, "s", ServerState::Failed).await;
    let listener = TcpListener::bind(&address).await.unwrap();
    let app = app("json");
    let task = tokio::spawn(async move { axum::serve(listener, app).await });
    until(&fleet, "s", ServerState::Ready).await;
    echoes_any(&fleet).await;
    fleet.shutdown().await;
    task.abort();
}

async fn echoes_any(fleet: &Fleet) {
    let answer = call(fleet, "s:echo", json!({})).await;
    assert!(answer.result.is_ok(), "{answer:?}");
}

async fn eventually_fails(fleet: &Fleet) -> CallError {
    // An open connection is served until it is dropped.
    loop {
        if let Err(error) = call(fleet, "s:echo", json!({})).await.result {
            return error;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
