//! The HTTP front end: MCP over Streamable HTTP at `/mcp`, the API for other programs below it, and health.
//!
//! Only loopback is served without a token. Host and Origin of each request are checked, so that no web page gets in
//! by a name that it made point here (DNS rebinding).

use crate::agent::Connection;
use crate::api;
use crate::connections::{self, Limits};
use crate::front::Front;
use crate::posted;
use crate::sessions::{OwnSessions, Sessions};
use crate::shares::{Share, Shares};
pub use crate::tokens::{Token, Tokens};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::StreamExt as _;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body::Body as _;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tollgate::json;
use tollgate::{Identity, Origin, Readiness, Seat};

/// So many requests may come at once, however few sessions there may be.
const MIN_REQUESTS: usize = 256;
/// What a request's place stands for, in bytes: its body, and what is made of it. One that takes more takes more places.
const PLACE_BYTES: usize = 1 << 20;
/// The most that a body takes as a tree, in bytes.
const TREE_MAX_BYTES: usize = 64 << 20;
/// Where a body becomes a tree: as it is read, as arguments are checked, and as they are sent.
const TREES: usize = 3;
/// A body up to this length takes one place, whatever is in it.
const SMALL_BYTES: usize = 1 << 10;

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
    /// The most sessions at once (before 2026-07-28); four times as many connections, and requests, and at least 256. Of
    /// several principals each has a share.
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
    tokens: Tokens,
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
    // What other machines reach stays closed, though the last token be taken away.
    let tokens = Tokens::new(options.tokens.clone(), !address.ip().is_loopback());
    Ok(Listening { listener, address, front, options, tokens })
}

/// What every request is held against.
pub(crate) struct Door {
    front: Front,
    options: HttpOptions,
    tokens: Tokens,
    sessions: Arc<Sessions>,
    /// How rmcp serves what does not go the short way.
    mcp: StreamableHttpServerConfig,
    requests: Arc<Shares>,
}

impl Listening {
    /// The tokens that let in: they can be changed while it serves.
    pub fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    /// Serves until `stop` is cancelled; then requests in flight may go on for a while, and are cancelled after that.
    pub async fn serve(self, stop: CancellationToken) {
        let Self { listener, front, options, tokens, .. } = self;
        let sessions = Arc::new(Sessions::new(options.session_timeout, options.max_sessions));
        // Ends streams that would never end by themselves.
        let end = CancellationToken::new();
        let mcp = StreamableHttpServerConfig::default()
            // The door has judged both.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(options.max_body_bytes)
            .with_cancellation_token(end.clone());
        let grace = options.grace;
        let limits = Limits { max: options.max_requests(), idle: options.idle_timeout, stall: posted::KEEP_ALIVE * 2 };
        let requests = Shares::new(options.max_requests());
        let door = Arc::new(Door { front, sessions, mcp, requests, tokens, options });
        let router = Router::new()
            .route("/mcp", any(speak))
            .merge(api::routes())
            // Bodies were read when they come here.
            .layer(axum::extract::DefaultBodyLimit::disable())
            .layer(from_fn_with_state(door.clone(), admit))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .layer(from_fn_with_state(door.clone(), check_host))
            .with_state(door.clone());
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
            () = door.keep_to_tokens() => {}
        }
    }
}

/// Whether every server that the host has is ready or has failed; a load balancer waits for it.
async fn ready(State(door): State<Arc<Door>>) -> Response {
    let Readiness { servers, connecting, failed, missing } = door.front.access().readiness();
    let required = if missing > 0 { format!("; {missing} required ones are not there") } else { String::new() };
    let text = format!("{servers} servers: {connecting} connecting, {failed} failed{required}\n");
    let status = if connecting > 0 || missing > 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
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

/// Tokens, how many come at once, and how much each brings. Here a request gets its identity, once.
async fn admit(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let Some(admitted) = door.tokens.admit(request.headers()) else {
        let mut refused = refuse(StatusCode::UNAUTHORIZED, "a bearer token is required, or this one is not known");
        refused.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        return refused;
    };
    let mut identity = door.front.identity();
    if let Some(principal) = admitted.principal {
        identity.principal = principal;
    }
    // As rmcp reads it: what is no text is none.
    let session = request.headers().get(posted::SESSION).and_then(|id| id.to_str().ok());
    if session.and_then(|id| door.sessions.owner(id)).is_some_and(|owner| owner != identity) {
        return refuse(StatusCode::FORBIDDEN, "this session is somebody else's; begin one of your own");
    }
    // The request carries its place: work that its client leaves behind keeps it.
    match door.requests.take(&identity).map(Arc::new) {
        Some(place) => drop(request.extensions_mut().insert(place)),
        // Ending a session ends its work, which gives places back. A body would be held without a place.
        None if request.method() == Method::DELETE && request.body().is_end_stream() => {}
        None => return refuse(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY),
    }
    let place = request.extensions().get::<Arc<Share>>().cloned();
    request.extensions_mut().insert(door.front.access().seat(identity, Origin::Http));
    let answered = async {
        match door.read_body(request, place.as_deref()).await {
            Ok(request) => next.run(request).await,
            Err(refused) => refused,
        }
    };
    // The token first: it may be taken away while the body comes, and nothing may begin after that.
    tokio::select! {
        biased;
        () = admitted.revoked.cancelled() => refuse(StatusCode::UNAUTHORIZED, "this token was taken away"),
        response = answered => held(response, admitted.revoked.clone(), place),
    }
}

/// A response keeps its request's place until it is written. A stream ends when its token is taken away.
fn held(response: Response, revoked: CancellationToken, place: Option<Arc<Share>>) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let is_stream = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
    response.map(|body| {
        let body = match is_stream {
            true => Body::from_stream(body.into_data_stream().take_until(revoked.cancelled_owned())),
            false => body,
        };
        Body::new(Held { body, rest: Bytes::new(), _place: place })
    })
}

/// A body in pieces of at most [`PIECE_BYTES`]. The connection takes the next one when it has written most of those before,
/// so the body, with its place, is there nearly as long as it is being written.
struct Held {
    body: Body,
    /// The end of the body's last frame, still to be handed out.
    rest: Bytes,
    _place: Option<Arc<Share>>,
}

const PIECE_BYTES: usize = 64 << 10;

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(http_body::Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = http_body::SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// MCP.
async fn speak(State(door): State<Arc<Door>>, request: Request) -> Response {
    let request = match posted::answer(&door.sessions, request).await {
        Ok(response) => return response,
        Err(request) => request,
    };
    let Some(seat) = request.extensions().get::<Seat>().cloned() else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the request has no identity");
    };
    // Of this caller: so a session has its owner from the beginning, and whatever rmcp looks up is his.
    let sessions = Arc::new(OwnSessions::new(door.sessions.clone(), seat.identity().clone()));
    let front = door.front.clone();
    let connect = move || Ok::<Connection, _>(front.connection(seat.clone()));
    let mcp = StreamableHttpService::new(connect, sessions.clone(), door.mcp.clone());
    let response = mcp.handle(request).await;
    if sessions.is_full() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY);
    }
    response.into_response()
}

/// What a caller hears who has all that he may have.
const TOO_MANY: &str = "too many sessions or requests at once; try again later";

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

    /// Reads a request whole, which takes as many places as it is large.
    async fn read_body(&self, request: Request, place: Option<&Share>) -> Result<Request, Response> {
        let (parts, body) = request.into_parts();
        match tokio::time::timeout(self.options.idle_timeout, self.read_whole(body, place)).await {
            Ok(body) => Ok(Request::from_parts(parts, Body::from(body?))),
            Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
        }
    }

    async fn read_whole(&self, body: Body, place: Option<&Share>) -> Result<Vec<u8>, Response> {
        let max = self.options.max_body_bytes;
        let has_room = |bytes: usize| match place {
            Some(place) if !place.grow(1 + bytes / PLACE_BYTES) => {
                Err(refuse(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY))
            }
            _ => Ok(()),
        };
        let (mut whole, mut body) = (Vec::new(), body.into_data_stream());
        while let Some(piece) = body.next().await {
            // The client has gone, or frames its body in no way of HTTP.
            let piece = piece.map_err(|_| refuse(StatusCode::BAD_REQUEST, "the body broke off"))?;
            if whole.len() + piece.len() > max {
                return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is over {max} bytes")));
            }
            has_room(whole.len() + piece.len())?;
            whole.extend_from_slice(&piece);
        }
        if whole.len() > SMALL_BYTES {
            json::check_tree(&whole, TREE_MAX_BYTES)
                .map_err(|error| refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is too large: {error}")))?;
            has_room(json::tree_bytes(&whole).saturating_mul(TREES))?;
        }
        Ok(whole)
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Divides the places among those who can come in, and ends the sessions of those who no longer can. Goes on for ever.
    async fn keep_to_tokens(&self) {
        let mut changed = self.tokens.changed();
        loop {
            let principals = self.tokens.principals();
            for shares in [&*self.requests, self.sessions.shares(), self.front.parked().shares()] {
                shares.divide_among(principals.len());
            }
            if self.tokens.are_required() {
                let is_gone = |owner: &Identity| !principals.contains(&owner.principal);
                self.sessions.end_those(is_gone).await;
            }
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn response_keeps_its_place_until_its_last_piece_is_taken() {
        let shares = Shares::new(1);
        let ada = Identity { principal: tollgate::Principal::new("ada"), tenant: tollgate::Tenant::default() };
        let place = shares.take(&ada).map(Arc::new);
        let text = vec![b'x'; PIECE_BYTES * 2 + 1];
        let response = held(Response::new(Body::from(text.clone())), CancellationToken::new(), place);
        assert_eq!(response.body().size_hint().exact(), Some(text.len() as u64));
        let mut pieces = response.into_body().into_data_stream();
        let mut sizes = Vec::new();
        while let Some(piece) = pieces.next().await {
            sizes.push(piece.unwrap().len());
            assert!(shares.take(&ada).is_none(), "{sizes:?}");
        }
        assert_eq!(sizes, [PIECE_BYTES, PIECE_BYTES, 1]);
        drop(pieces);
        assert!(shares.take(&ada).is_some());
    }
}
