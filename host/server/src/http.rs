//! The HTTP front end: MCP over Streamable HTTP at `/mcp`, the API for other programs below it, and health.
//!
//! Only loopback is served without a token. Host and Origin of each request are checked, so that no web page gets in
//! by a name that it made point here (DNS rebinding).

use crate::agent::Agent;
use crate::api;
use crate::connections::{self, Limits};
use crate::front::Front;
use crate::posted;
use crate::sessions::Sessions;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::header::{AUTHORIZATION, CONNECTION, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode, Uri};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tollgate::{Principal, ServerState};

/// So many requests may come at once, however few sessions there may be.
const MIN_REQUESTS: usize = 256;

/// A token that lets an agent in: its hash, so that no file or memory has the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who comes with it.
    pub principal: Principal,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

impl Token {
    /// The hash of a token in clear.
    pub fn of(principal: Principal, token: &str) -> Self {
        Self { principal, sha256: Sha256::digest(token).into() }
    }
}

/// Who may come in, and how much.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Tokens; required when the address is not loopback, and then, and wherever there are some, of everybody.
    pub tokens: Vec<Token>,
    /// Names under which the host is reached, beside loopback's, as `tollgate.example.com` or with a port.
    pub hosts: Vec<String>,
    /// Origins of web pages that may call, as `https://app.example.com`; loopback's may.
    pub origins: Vec<String>,
    /// The longest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// The most sessions at once (before 2026-07-28); four times as many connections, and requests, and at least 256.
    pub max_sessions: usize,
    /// How long a client may take to send the head of a request, and its body; to read what it is sent; and between
    /// requests. A connection on which nothing is asked is closed, at the latest after twice this time.
    pub idle_timeout: Duration,
    /// A session that is not used ends after this time.
    pub session_timeout: Duration,
    /// How long requests may go on when the host is stopped.
    pub grace: Duration,
}

impl HttpOptions {
    /// The most requests at once, and connections. Each session may hold a stream open beside its requests.
    pub fn max_requests(&self) -> usize {
        self.max_sessions.saturating_mul(4).max(MIN_REQUESTS)
    }

    /// The defaults, at `listen`.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tokens: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            max_body_bytes: 4 << 20,
            max_sessions: 1_000,
            idle_timeout: Duration::from_secs(75),
            session_timeout: Duration::from_secs(1_800),
            grace: Duration::from_secs(10),
        }
    }
}

/// Why the front end could not begin.
#[derive(Debug, thiserror::Error)]
pub enum HttpServeError {
    /// Anybody could call every tool.
    #[error("{0} can be reached from other machines, so a token is required; give one with --token-file")]
    NoToken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The front end, listening.
pub struct Listening {
    listener: TcpListener,
    /// The address, with the port that was taken.
    pub address: SocketAddr,
    front: Front,
    options: HttpOptions,
}

/// Begins to listen. Nothing is answered before [`Listening::serve`].
///
/// # Errors
/// The address cannot be listened on, or would need a token.
pub async fn listen(front: Front, options: HttpOptions) -> Result<Listening, HttpServeError> {
    let address = options.listen;
    if !address.ip().is_loopback() && options.tokens.is_empty() {
        return Err(HttpServeError::NoToken(address));
    }
    let failed = |source| HttpServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listening { listener, address, front, options })
}

/// What every request is held against.
pub(crate) struct Door {
    front: Front,
    options: HttpOptions,
    sessions: Arc<Sessions>,
    /// What does not go the short way.
    mcp: StreamableHttpService<Agent, Sessions>,
    in_flight: AtomicUsize,
}

impl Listening {
    /// Serves until `stop` is cancelled; then requests in flight may go on for a while, and are cancelled after that.
    pub async fn serve(self, stop: CancellationToken) {
        let Self { listener, front, options, .. } = self;
        let sessions = Arc::new(Sessions::new(options.session_timeout));
        // Ends streams that would never end by themselves.
        let end = CancellationToken::new();
        let config = StreamableHttpServerConfig::default()
            // The door has judged both.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(options.max_body_bytes)
            .with_cancellation_token(end.clone());
        let factory = front.clone();
        let mcp = StreamableHttpService::new(
            move || Ok::<Agent, _>(factory.agent(factory.options().principal.clone())),
            sessions.clone(),
            config,
        );
        let grace = options.grace;
        let limits = Limits { max: options.max_requests(), idle: options.idle_timeout, stall: posted::KEEP_ALIVE * 2 };
        let door = Arc::new(Door { front, sessions, mcp, in_flight: AtomicUsize::new(0), options });
        let router = Router::new()
            .route("/mcp", any(speak))
            .merge(api::routes())
            // Bodies were read when they come here.
            .layer(axum::extract::DefaultBodyLimit::disable())
            .layer(from_fn_with_state(door.clone(), admit))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .layer(from_fn_with_state(door.clone(), check_host))
            .with_state(door);
        let served = connections::serve(listener, router, limits, stop.clone());
        let forced = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
            end.cancel();
            // What still holds a connection open then is cut.
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            () = served => {}
            () = forced => {}
        }
    }
}

/// Whether every server that the host has is ready or has failed; a load balancer waits for it.
async fn ready(State(door): State<Arc<Door>>) -> Response {
    let servers = door.front.host().servers();
    let count = |state: ServerState| servers.iter().filter(|server| server.state == state).count();
    let (connecting, failed) = (count(ServerState::Connecting), count(ServerState::Failed));
    let text = format!("{} servers: {connecting} connecting, {failed} failed\n", servers.len());
    let status = if connecting > 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, text).into_response()
}

/// Host and Origin: who a request believes that it talks to, and which page sent it.
async fn check_host(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|v| v.to_str().ok()).map(str::to_owned);
    // HTTP/2 has it in the URI.
    let host = host.or_else(|| request.uri().authority().map(|a| a.to_string())).unwrap_or_default();
    if !door.knows_host(&host) {
        return refuse(StatusCode::FORBIDDEN, "this Host is not served here; allow it with --allow-host");
    }
    if !door.knows_origin(headers) {
        return refuse(StatusCode::FORBIDDEN, "pages of this Origin may not call; allow it with --allow-origin");
    }
    next.run(request).await
}

/// Tokens, how many come at once, and how much each brings.
async fn admit(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let principal = match door.principal_of(request.headers()) {
        Some(principal) => principal,
        None => {
            let mut refused = refuse(StatusCode::UNAUTHORIZED, "a bearer token is required, or this one is not known");
            refused.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
            return refused;
        }
    };
    // As rmcp reads it: what is no text is none.
    let session = request.headers().get(posted::SESSION).and_then(|id| id.to_str().ok());
    if session.and_then(|id| door.sessions.owner(id)).is_some_and(|owner| owner != principal) {
        return refuse(StatusCode::FORBIDDEN, "this session is somebody else's; begin one of your own");
    }
    let is_full = session.is_none() && door.sessions.count().await >= door.options.max_sessions;
    let Some(_place) = Place::take(&door).filter(|_| !is_full) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many sessions or requests at once; try again later");
    };
    request.extensions_mut().insert(principal);
    match door.read_body(request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    }
}

/// MCP.
async fn speak(State(door): State<Arc<Door>>, request: Request) -> Response {
    match posted::answer(&door.sessions, request).await {
        Ok(response) => response,
        Err(request) => door.mcp.handle(request).await.into_response(),
    }
}

struct Place<'a>(&'a Door);

impl<'a> Place<'a> {
    fn take(door: &'a Door) -> Option<Self> {
        let before = door.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Self(door);
        (before < door.options.max_requests()).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    pub(crate) fn front(&self) -> &Front {
        &self.front
    }

    fn knows_host(&self, host: &str) -> bool {
        let Ok(uri) = format!("http://{host}/").parse::<Uri>() else { return false };
        let name = uri.host().unwrap_or_default();
        is_loopback(name)
            || self.options.hosts.iter().any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name))
            // Bound to an address of its own: that address is its name.
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip == self.options.listen.ip())
    }

    fn knows_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        if self.options.origins.iter().any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
            return true;
        }
        origin.parse::<Uri>().is_ok_and(|uri| is_loopback(uri.host().unwrap_or_default()))
    }

    /// Reads a request whole.
    async fn read_body(&self, request: Request) -> Result<Request, Response> {
        let (parts, body) = request.into_parts();
        let max = self.options.max_body_bytes;
        match tokio::time::timeout(self.options.idle_timeout, axum::body::to_bytes(body, max)).await {
            Ok(Ok(body)) => Ok(Request::from_parts(parts, Body::from(body))),
            // Else the client has gone, and hears of nothing.
            Ok(Err(_)) => Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is over {max} bytes"))),
            Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
        }
    }

    fn principal_of(&self, headers: &HeaderMap) -> Option<Principal> {
        if self.options.tokens.is_empty() {
            return Some(self.front.options().principal.clone());
        }
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token.trim()).into();
        // All are compared, each in constant time: the time tells nothing of where a guess went wrong.
        let mut found = None;
        for known in &self.options.tokens {
            let differs = known.sha256.iter().zip(&hash).fold(0, |differs, (a, b)| differs | (a ^ b));
            if std::hint::black_box(differs) == 0 {
                found = Some(known.principal.clone());
            }
        }
        found
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Refuses a request, and its connection: what comes after it is not waited for.
fn refuse(status: StatusCode, why: &str) -> Response {
    (status, [(CONNECTION, "close")], format!("{why}\n")).into_response()
}
