//! The HTTP API beside MCP: status, servers, tools, resources, calls and runs for programs that speak plain HTTP, and numbers
//! for Prometheus. The same door, the same grants, the same gate.

use crate::http::Door;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate::{
    Call, CallError, CallFailure, Context, EffectClass, HostError, Outcome, RunRequest, Seat, ToolName, TraceContext,
    View, failure_json,
};

/// What the API is, for programs: OpenAPI 3.1.
const DOCUMENT: &str = include_str!("api/openapi.json");
/// The most tools of one answer.
const MAX_TOOLS: usize = 10_000;

macro_rules! routes {
    ($($route:ident $method:ident $path:literal $handler:ident;)*) => {
        /// What can be asked for, behind the door. All of it is dispatched by this list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Route { $($route,)* }

        impl Route {
            pub(crate) const ALL: &[Self] = &[$(Self::$route,)*];

            /// Its method and path.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$route => concat!(stringify!($method), " ", $path),)* }
            }

            fn path(self) -> &'static str {
                match self { $(Self::$route => $path,)* }
            }

            fn handler(self) -> MethodRouter<Arc<Door>> {
                match self { $(Self::$route => $method($handler),)* }
            }
        }
    };
}

routes! {
    Status get "/mcp/status" status;
    Servers get "/mcp/servers" servers;
    Tools get "/mcp/tools" tools;
    Resources get "/mcp/resources" resources;
    ResourcesOfDomain get "/mcp/resources/{domain}" resources_of_domain;
    Call post "/mcp/call" call;
    Run post "/mcp/run" run;
    Cache get "/mcp/cache" cache;
    ClearCache delete "/mcp/cache" clear_cache;
    Document get "/mcp/openapi.json" document;
    Metrics get "/metrics" metrics;
}

/// The routes, below `/mcp`.
pub(crate) fn routes() -> Router<Arc<Door>> {
    let routes = Route::ALL.iter().fold(Router::new(), |router, route| router.route(route.path(), route.handler()));
    routes.route("/mcp/{*path}", any(nothing)).method_not_allowed_fallback(other_method)
}

async fn nothing(uri: Uri) -> Response {
    let message = format!("there is nothing at {}; /mcp/openapi.json says what there is", uri.path());
    refuse(StatusCode::NOT_FOUND, "unknown", message)
}

async fn other_method(method: Method, uri: Uri) -> Response {
    let message = format!("{} is not for {method}; /mcp/openapi.json says what is", uri.path());
    refuse(StatusCode::METHOD_NOT_ALLOWED, "unknown", message)
}

/// The query of a URL. One that does not fit is refused as all else is.
struct Asked<T>(T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let asked = Query::<T>::try_from_uri(&parts.uri);
        asked.map(|Query(asked)| Self(asked)).map_err(|error| {
            refuse(
                StatusCode::BAD_REQUEST,
                "invalid-arguments",
                format!("the query does not fit: {}", error.body_text()),
            )
        })
    }
}

/// An answer that is not what was asked for: `{"error": {"kind", "message"}}`.
fn refuse(status: StatusCode, kind: &str, message: impl Into<String>) -> Response {
    (status, Json(json!({"error": {"kind": kind, "message": message.into()}}))).into_response()
}

async fn status(Extension(seat): Extension<Seat>) -> Response {
    Json(seat.view().status()).into_response()
}

async fn servers(Extension(seat): Extension<Seat>) -> Response {
    Json(seat.view().status().servers).into_response()
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

async fn tools(
    State(door): State<Arc<Door>>,
    Extension(seat): Extension<Seat>,
    Asked(wanted): Asked<ToolsQuery>,
) -> Response {
    let catalog = door.front().settled_catalog(&seat.view()).await;
    let words: Vec<String> = wanted.query.iter().flat_map(|q| q.split_whitespace()).map(str::to_lowercase).collect();
    let shown = catalog.tools.iter().filter(|tool| {
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

async fn resources(Extension(seat): Extension<Seat>, headers: HeaderMap, Asked(query): Asked<GatherQuery>) -> Response {
    gathered(&seat.view(), &headers, None, query.fail_fast).await
}

async fn resources_of_domain(
    Extension(seat): Extension<Seat>,
    headers: HeaderMap,
    Path(domain): Path<String>,
) -> Response {
    gathered(&seat.view(), &headers, Some(domain), None).await
}

async fn gathered(view: &View, headers: &HeaderMap, domain: Option<String>, fail_fast: Option<bool>) -> Response {
    if !view.passes_on() {
        return refuse(StatusCode::FORBIDDEN, "denied", "resources are not exposed here");
    }
    match view.gather(domain, fail_fast, context(headers)).await {
        Ok(text) => match all_failed(&text) {
            Some(why) => refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &why),
            None => json_text(text),
        },
        Err(failure) => failed(&failure),
    }
}

/// Why nothing was gathered, where each server failed.
fn all_failed(gathered: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Entry {
        error: Option<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let entries: BTreeMap<String, Entry> = serde_json::from_str(gathered).ok()?;
    let failed = |(name, entry): (String, Entry)| Some(format!("`{name}`: {}", entry.error?.message));
    let failed: Option<Vec<String>> = entries.into_iter().map(failed).collect();
    failed.filter(|failed| !failed.is_empty()).map(|failed| format!("no server answered: {}", failed.join("; ")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    server: String,
    tool: String,
    #[serde(default)]
    arguments: Option<serde_json::Map<String, Value>>,
}

async fn call(Extension(seat): Extension<Seat>, headers: HeaderMap, body: Bytes) -> Response {
    let view = seat.view();
    let CallBody { server, tool, arguments } = match read(&headers, &body) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let name = ToolName { server, tool };
    let args = Value::Object(arguments.unwrap_or_default()).to_string();
    match view.call(Call::new(name, args), context(&headers)).await {
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

async fn run(Extension(seat): Extension<Seat>, headers: HeaderMap, body: Bytes) -> Response {
    let view = seat.view();
    let RunBody { policy, input } = match read(&headers, &body) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let request = RunRequest::named(policy).input(input.unwrap_or_else(|| json!({})).to_string());
    match view.run(request, context(&headers), std::future::pending()).await {
        Ok(report) => Json(report).into_response(),
        Err(HostError::UnknownPolicy { name, known }) => {
            let message = format!("there is no policy `{name}`; there is: {}", known.join(", "));
            refuse(StatusCode::NOT_FOUND, "unknown-policy", message)
        }
        Err(error @ HostError::Input(_)) => refuse(StatusCode::BAD_REQUEST, "input", error.to_string()),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "unusable", error.to_string()),
    }
}

async fn cache(Extension(seat): Extension<Seat>) -> Response {
    Json(seat.view().cache_stats()).into_response()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClearQuery {
    server: Option<String>,
    #[serde(default)]
    expired: bool,
}

/// Forgets what is the caller's own. Where everybody comes without a token, nothing is another's.
async fn clear_cache(
    State(door): State<Arc<Door>>,
    Extension(seat): Extension<Seat>,
    Asked(query): Asked<ClearQuery>,
) -> Response {
    let view = seat.view();
    if !view.passes_on() {
        return refuse(StatusCode::FORBIDDEN, "denied", "what the servers answered is not exposed here");
    }
    if let Some(server) = &query.server
        && !view.servers().iter().any(|known| known.name == *server)
    {
        let message = format!("there is no server `{server}`; /mcp/servers lists those that there are");
        return refuse(StatusCode::NOT_FOUND, "unknown-server", message);
    }
    let removed = match (query.expired, &query.server) {
        (true, None) => view.clean_cache(),
        (true, Some(_)) => {
            return refuse(StatusCode::BAD_REQUEST, "invalid-arguments", "`expired` and `server` do not go together");
        }
        (false, server) => view.clear_cache(server.as_deref(), !door.tokens().are_required()),
    };
    Json(json!({"removed": removed})).into_response()
}

async fn document() -> Response {
    let text = DOCUMENT.replace("\"VERSION\"", &format!("\"{}\"", env!("CARGO_PKG_VERSION")));
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

async fn metrics(State(door): State<Arc<Door>>, Extension(seat): Extension<Seat>) -> Response {
    let Some(text) = door.front().options().metrics.as_ref().and_then(|metrics| seat.view().metrics(metrics)) else {
        return refuse(StatusCode::NOT_FOUND, "unavailable", "this host counts nothing");
    };
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

fn context(headers: &HeaderMap) -> Context {
    Context { trace: trace_of(headers), client: None }
}

fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

/// A body of JSON. Its type must say so: what a web page can send without asking first is none.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Box<Response>> {
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
