//! How requests reach servers over HTTP: on connections that are kept for the next request, or through a server's proxy.
//!
//! Kept connections have two traps:
//!
//! - A server that writes head and body apart waits with the body until the head is acknowledged (Nagle's algorithm), and Linux
//!   acknowledges up to 40 ms late once a connection is not new. So each read here is acknowledged at once, as [`Prompt`] asks.
//! - A server closes a connection that was idle for long, often after five seconds, and a request that is then under way is lost
//!   with its outcome. So connections are given up a little earlier.

use super::exchange::{HttpError, error_text, shown};
use crate::web::{CONNECT_TIMEOUT, USER_AGENT, client_builder, through};
use http::header;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use rustls_platform_verifier::BuilderVerifierExt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tollgate_core::Configured;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

/// How long a connection waits for its next request. Node and uvicorn close theirs after five seconds.
const IDLE: Duration = Duration::from_secs(4);
/// The most connections to one origin that wait.
const IDLE_MAX: usize = 64;

type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<Prompt>, BoxError>;

/// Sends requests to one server.
#[derive(Clone)]
pub(crate) enum HttpClient {
    /// To the server itself.
    Direct(Arc<legacy::Client<Connector, Body>>),
    /// Through the proxy that its configuration names.
    Proxied(reqwest::Client),
}

impl HttpClient {
    /// Sends a request once. Redirects are answers.
    ///
    /// # Errors
    /// [`HttpError::NotSent`] where there was no connection, else [`HttpError::Lost`].
    pub(super) async fn send(&self, request: Request) -> Result<Response, HttpError> {
        match self {
            Self::Proxied(client) => client.execute(request).await.map_err(|error| {
                let not_sent = error.is_connect() || error.is_builder();
                let text = error_text(error);
                if not_sent { HttpError::NotSent(text) } else { HttpError::Lost(text) }
            }),
            Self::Direct(client) => {
                let url = request.url().clone();
                let mut request: http::Request<Body> =
                    request.try_into().map_err(|error| HttpError::NotSent(error_text(error)))?;
                // The operator's goes first.
                let agent = request.headers_mut().entry(header::USER_AGENT);
                agent.or_insert(HeaderValue::from_static(USER_AGENT));
                let response = client.request(request).await.map_err(|error| {
                    let text = shown(&error);
                    if error.is_connect() { HttpError::NotSent(text) } else { HttpError::Lost(text) }
                })?;
                let (parts, body) = response.into_parts();
                let mut response = http::Response::builder().url(url).status(parts.status).body(Body::wrap(body));
                if let Ok(response) = &mut response {
                    *response.headers_mut() = parts.headers;
                }
                response.map(Response::from).map_err(|error| HttpError::Lost(error.to_string()))
            }
        }
    }
}

/// The clients that all servers share which need no proxy. Made when they are needed: a host whose servers are all programs
/// reads no certificates.
#[derive(Default)]
pub(crate) struct HttpClients {
    plain: OnceLock<HttpClient>,
    secure: OnceLock<Result<HttpClient, String>>,
}

impl HttpClients {
    /// Gives the client for a server.
    ///
    /// # Errors
    /// The machine has no usable TLS set-up, or the proxy is none.
    pub(crate) fn for_url(&self, url: &Url, proxy: Option<&Configured<String>>) -> Result<HttpClient, String> {
        if let Some(proxy) = proxy {
            let client = client_builder(Some(through(proxy, |_| true)?)).build();
            return client.map(HttpClient::Proxied).map_err(|error| format!("no HTTP client: {error}"));
        }
        if url.scheme() == "https" {
            return self.secure.get_or_init(secure).clone();
        }
        let plain = || {
            let connector =
                ServiceBuilder::new().map_response(|tcp| MaybeHttpsStream::Http(Prompt(tcp))).service(tcp());
            direct(BoxCloneSyncService::new(Timeout::new(connector, CONNECT_TIMEOUT)))
        };
        Ok(self.plain.get_or_init(plain).clone())
    }
}

fn direct(connector: Connector) -> HttpClient {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_MAX);
    HttpClient::Direct(Arc::new(builder.build(connector)))
}

fn secure() -> Result<HttpClient, String> {
    let failed = |error: rustls::Error| format!("no HTTP client: {error}");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.and_then(BuilderVerifierExt::with_platform_verifier).map_err(failed)?.with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_all_versions();
    let connector = https.wrap_connector(ServiceBuilder::new().map_response(Prompt).service(tcp()));
    Ok(direct(BoxCloneSyncService::new(Timeout::new(connector, CONNECT_TIMEOUT))))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

/// A connection whose reads are acknowledged at once, where the system has that.
pub(crate) struct Prompt(TokioIo<TcpStream>);

impl Read for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        #[cfg(target_os = "linux")]
        if read.is_ready() {
            // Linux takes the option back by itself. Without it the answer comes late, and comes.
            let _ = rustix::net::sockopt::set_tcp_quickack(self.0.inner(), true);
        }
        read
    }
}

impl Write for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, parts)
    }
}

impl Connection for Prompt {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}
