//! The HTTP API beside MCP: status, servers, tools, resources, calls and runs for programs that speak plain HTTP, and numbers
//! for Prometheus. The same door, the same grants, the same gate.

use crate::catalog::Catalog;
use crate::front::Front;
use crate::http::Door;
use crate::options::Expose;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use tollgate::{
    Behalf, Call, CallError, CallFailure, EffectClass, HostError, HostStatus, Outcome, Principal, RunRequest, ToolName,
    TraceContext, failure_json,
};

/// What the API is, for programs: OpenAPI 3.1.
const DOCUMENT: &str = include_str!("api/openapi.json");
/// The most tools of one answer.
const MAX_TOOLS: usize = 10_000;

/// The routes, below `/mcp`.
pub(crate) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/mcp/status", get(status))
        .route("/mcp/servers", get(servers))
        .route("/mcp/tools", get(tools))
        .route("/mcp/resources", get(resources))
        .route("/mcp/resources/{domain}", get(resources_of_domain))
        .route("/mcp/call", post(call))
        .route("/mcp/run", post(run))
        .route("/mcp/cache", get(cache).delete(clear_cache))
        .route("/mcp/openapi.json", get(document))
        .route("/metrics", get(metrics))
}

/// An answer that is not what was asked for: `{"error": {"kind", "message"}}`.
fn refuse(status: StatusCode, kind: &str, message: impl Into<String>) -> Response {
    (status, Json(json!({"error": {"kind": kind, "message": message.into()}}))).into_response()
}

async fn status(State(door): State<Arc<Door>>) -> Response {
    Json(seen_status(door.front())).into_response()
}

async fn servers(State(door): State<Arc<Door>>) -> Response {
    Json(seen_status(door.front()).servers).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolsQuery {
    server: Option<String>,
    category: Option<Category>,
    query: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Category {
    Read,
    Write,
}

async fn tools(State(door): State<Arc<Door>>, Query(wanted): Query<ToolsQuery>) -> Response {
    let front = door.front();
    let catalog = front.settled_catalog().await;
    let words: Vec<String> = wanted.query.iter().flat_map(|q| q.split_whitespace()).map(str::to_lowercase).collect();
    let options = front.options();
    let only = match &options.expose {
        Expose::Meta | Expose::MetaFull | Expose::All => None,
        Expose::Policies => Some(HashSet::new()),
        Expose::Only(_) => Some(exposed(&catalog)),
    };
    let shown = catalog.tools.iter().filter(|tool| {
        let may = only.as_ref().is_none_or(|only| only.contains(&(&*tool.server, &*tool.name)))
            && options.grants.allows(&tool.server, &tool.name, tool.effect);
        if !may {
            return false;
        }
        let text = format!("{} {}", tool.name, tool.description).to_lowercase();
        wanted.server.as_ref().is_none_or(|server| *server == tool.server)
            && words.iter().all(|word| text.contains(word))
            && match wanted.category {
                None => true,
                Some(Category::Read) => tool.effect == EffectClass::Read,
                Some(Category::Write) => tool.effect != EffectClass::Read,
            }
    });
    let tools: Vec<Value> = shown.take(MAX_TOOLS).map(|tool| tool.document()).collect();
    Json(tools).into_response()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatherQuery {
    fail_fast: Option<bool>,
}

async fn resources(
    State(door): State<Arc<Door>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    Query(query): Query<GatherQuery>,
) -> Response {
    gathered(door.front(), behalf(door.front(), principal, &headers), None, query.fail_fast).await
}

async fn resources_of_domain(
    State(door): State<Arc<Door>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    Path(domain): Path<String>,
) -> Response {
    gathered(door.front(), behalf(door.front(), principal, &headers), Some(domain), None).await
}

async fn gathered(front: &Front, behalf: Behalf, domain: Option<String>, fail_fast: Option<bool>) -> Response {
    if !front.options().expose.passes_on() {
        return refuse(StatusCode::FORBIDDEN, "denied", "resources are not exposed here");
    }
    match front.host().gather_as(behalf, domain, fail_fast).await {
        Ok(text) => json_text(text),
        Err(failure) => failed(&failure),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    server: String,
    tool: String,
    #[serde(default)]
    arguments: Option<serde_json::Map<String, Value>>,
}

async fn call(
    State(door): State<Arc<Door>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let front = door.front();
    let CallBody { server, tool, arguments } = match read(&headers, &body) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let name = ToolName { server, tool };
    if !may_call(front, &name).await {
        return refuse(StatusCode::FORBIDDEN, "denied", format!("{name} is not exposed here"));
    }
    let args = Value::Object(arguments.unwrap_or_default()).to_string();
    match front.host().call_as(behalf(front, principal, &headers), Call::new(name, args)).await {
        Ok(result) => json_text(result.json),
        // The tool answered, and what it says is its answer.
        Err(CallFailure { error: CallError::Failed(result), .. }) => json_text(result.json),
        Err(failure) => failed(&failure),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunBody {
    policy: String,
    #[serde(default)]
    input: Option<Value>,
}

async fn run(
    State(door): State<Arc<Door>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let front = door.front();
    let RunBody { policy, input } = match read(&headers, &body) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let known = &front.catalog().policies;
    if !known.contains(&policy) {
        let message = format!("there is no policy `{policy}`; there is: {}", known.join(", "));
        return refuse(StatusCode::NOT_FOUND, "unknown-policy", message);
    }
    let options = front.options();
    let mut request = RunRequest::named(policy)
        .input(input.unwrap_or_else(|| json!({})).to_string())
        .principal(principal)
        .tenant(options.tenant.clone())
        .approvals(options.approvals.clone());
    if let Some(trace) = trace_of(&headers) {
        request = request.trace(trace);
    }
    match front.host().run(request).await {
        Ok(report) => Json(report).into_response(),
        Err(error @ HostError::Input(_)) => refuse(StatusCode::BAD_REQUEST, "input", error.to_string()),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "unusable", error.to_string()),
    }
}

async fn cache(State(door): State<Arc<Door>>) -> Response {
    Json(door.front().host().cache_stats()).into_response()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClearQuery {
    server: Option<String>,
    #[serde(default)]
    expired: bool,
}

async fn clear_cache(State(door): State<Arc<Door>>, Query(query): Query<ClearQuery>) -> Response {
    if !door.front().options().expose.passes_on() {
        return refuse(StatusCode::FORBIDDEN, "denied", "what the servers answered is not exposed here");
    }
    let host = door.front().host();
    let removed = match (query.expired, &query.server) {
        (true, None) => host.clean_cache(),
        (true, Some(_)) => {
            return refuse(StatusCode::BAD_REQUEST, "invalid-arguments", "`expired` and `server` do not go together");
        }
        (false, server) => host.clear_cache(server.as_deref()),
    };
    Json(json!({"removed": removed})).into_response()
}

async fn document() -> Response {
    let text = DOCUMENT.replace("\"VERSION\"", &format!("\"{}\"", env!("CARGO_PKG_VERSION")));
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

async fn metrics(State(door): State<Arc<Door>>) -> Response {
    let front = door.front();
    let Some(metrics) = &front.options().metrics else {
        return refuse(StatusCode::NOT_FOUND, "unavailable", "this host counts nothing");
    };
    let text = metrics.text(&front.host().status());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

/// Whether agents may call the tool at all; grants are the gate's matter.
async fn may_call(front: &Front, name: &ToolName) -> bool {
    match &front.options().expose {
        Expose::Meta | Expose::MetaFull | Expose::All => true,
        Expose::Policies => false,
        Expose::Only(_) => exposed(&*front.settled_catalog().await).contains(&(&*name.server, &*name.tool)),
    }
}

/// The tools that agents see, by server and name.
fn exposed(catalog: &Catalog) -> HashSet<(&str, &str)> {
    catalog.seen().map(|(_, tool)| (&*tool.server, &*tool.name)).collect()
}

/// How the host is, as far as who asks was granted something of a server.
fn seen_status(front: &Front) -> HostStatus {
    let mut status = front.host().status();
    status.servers.retain(|server| front.options().grants.knows(&server.name));
    status
}

fn behalf(front: &Front, principal: Principal, headers: &HeaderMap) -> Behalf {
    let options = front.options();
    Behalf {
        principal,
        tenant: options.tenant.clone(),
        grants: options.grants.clone(),
        approvals: options.approvals.clone(),
        trace: trace_of(headers),
        client: None,
    }
}

fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

/// A body of JSON. Its type must say so: what a web page can send without asking first is none.
fn read<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Box<Response>> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "the body must be JSON; send it with Content-Type: application/json";
        return Err(Box::new(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid-arguments", message)));
    }
    let invalid = |why: String| {
        Box::new(refuse(StatusCode::BAD_REQUEST, "invalid-arguments", format!("the body does not fit: {why}")))
    };
    let text = std::str::from_utf8(body).map_err(|error| invalid(error.to_string()))?;
    tollgate::check_json(text).map_err(|error| invalid(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| invalid(error.to_string()))
}

fn json_text(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// A failed call, as HTTP says it.
fn failed(failure: &CallFailure) -> Response {
    let status = match failure.error.outcome() {
        Outcome::Denied => StatusCode::FORBIDDEN,
        Outcome::UnknownTool => StatusCode::NOT_FOUND,
        Outcome::InvalidArguments => StatusCode::UNPROCESSABLE_ENTITY,
        Outcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Outcome::RateLimited | Outcome::BudgetExhausted => StatusCode::TOO_MANY_REQUESTS,
        Outcome::Unavailable | Outcome::Overloaded | Outcome::AuthRequired | Outcome::Cancelled => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Outcome::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Outcome::Ok | Outcome::Failed | Outcome::Rejected | Outcome::InvalidResponse | Outcome::OutcomeUnknown => {
            StatusCode::BAD_GATEWAY
        }
    };
    let mut response = (status, Json(json!({"error": failure_json(failure)}))).into_response();
    if let CallError::RateLimited(Some(ms)) = &failure.error
        && let Ok(seconds) = ms.div_ceil(1_000).to_string().parse()
    {
        response.headers_mut().insert(http::header::RETRY_AFTER, seconds);
    }
    response
}
