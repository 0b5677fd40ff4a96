//! What a server is, as the configuration says it.

use crate::auth::spec::AuthSpec;
use crate::provider::ToolProvider;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tollgate_core::grant::glob;
use tollgate_core::{BoxFuture, Configured, Secret};
use tollgate_route::RouteSpec;

/// How long a connection may take when nobody says otherwise.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call may take when nobody says otherwise.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest JSON-RPC message that a server may send when nobody says otherwise, in bytes.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 32 << 20;

/// A bidirectional stream of bytes to a server in this process.
pub trait Duplex: AsyncRead + AsyncWrite + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + 'static> Duplex for T {}

type Opening = BoxFuture<'static, io::Result<Box<dyn Duplex>>>;

/// Opens a stream to a server in this process, once for each connection.
#[derive(Clone)]
pub struct StreamSource(Arc<dyn Fn() -> Opening + Send + Sync>);

impl StreamSource {
    pub(crate) async fn open(&self) -> io::Result<Box<dyn Duplex>> {
        (self.0)().await
    }
}

/// How to reach a server.
#[derive(Clone)]
pub enum Transport {
    /// A child process that speaks over its standard input and output. No shell is involved.
    Stdio {
        /// The program: a path, or a name on `PATH`.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Environment beyond the inherited minimum (see [`crate::INHERITED_ENV`]).
        env: BTreeMap<String, Secret>,
        /// Its working directory; the host's own where there is none.
        cwd: Option<PathBuf>,
    },
    /// An HTTP endpoint.
    Http {
        /// The endpoint.
        url: String,
        /// Headers of every request.
        headers: BTreeMap<String, Secret>,
        /// Which of MCP's HTTP transports it speaks.
        kind: HttpKind,
    },
    /// A server in this process, over a stream of bytes.
    Stream(StreamSource),
    /// Something in this process that provides tools without MCP: an adapter component.
    Provider(Arc<dyn ToolProvider>),
    /// A server whose configuration cannot be filled in. It is there and has failed; the others start all the same.
    Misconfigured {
        /// The word in statuses of the transport that it would have: `stdio`, `http`, `sse` or `component`.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Which of MCP's HTTP transports an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HttpKind {
    /// Streamable HTTP; when the endpoint refuses the POST with a 4xx, HTTP+SSE (the specification's
    /// backwards compatibility rule).
    #[default]
    Auto,
    /// Streamable HTTP (2025-03-26 and later).
    Streamable,
    /// HTTP+SSE (2024-11-05).
    Sse,
}

impl Transport {
    /// A child process with these arguments, and nothing else.
    pub fn stdio<S: Into<String>>(command: impl Into<String>, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self::Stdio { command: command.into(), args, env: BTreeMap::new(), cwd: None }
    }

    /// An HTTP endpoint without headers, of whichever transport it speaks.
    pub fn http(url: impl Into<String>) -> Self {
        Self::Http { url: url.into(), headers: BTreeMap::new(), kind: HttpKind::Auto }
    }

    /// A stream that is opened anew for each connection.
    pub fn stream_source<F, O>(open: F) -> Self
    where
        F: Fn() -> O + Send + Sync + 'static,
        O: Future<Output = io::Result<Box<dyn Duplex>>> + Send + 'static,
    {
        Self::Stream(StreamSource(Arc::new(move || Box::pin(open()))))
    }

    /// A stream that is there once: when it closes, the server has failed for good.
    pub fn stream(stream: impl Duplex) -> Self {
        let stream = Mutex::new(Some(Box::new(stream) as Box<dyn Duplex>));
        Self::stream_source(move || {
            let stream = stream.lock().take();
            async move { stream.ok_or_else(|| io::Error::other("the server's stream was closed, and there is no other")) }
        })
    }

    /// Something that provides tools without MCP.
    pub fn provider(provider: Arc<dyn ToolProvider>) -> Self {
        Self::Provider(provider)
    }

    /// The transport's word in statuses.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stdio { .. } => "stdio",
            Self::Http { kind: HttpKind::Sse, .. } => "sse",
            Self::Http { .. } => "http",
            Self::Stream(_) => "stream",
            Self::Provider(_) => "component",
            Self::Misconfigured { name, .. } => name,
        }
    }

    /// Every value in it that must not be shown.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let values = match self {
            Self::Stdio { env, .. } => Some(env),
            Self::Http { headers, .. } => Some(headers),
            Self::Stream(_) | Self::Provider(_) | Self::Misconfigured { .. } => None,
        };
        values.into_iter().flat_map(|v| v.values()).map(Secret::expose)
    }
}

impl PartialEq for Transport {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Stdio { command, args, env, cwd },
                Self::Stdio { command: command2, args: args2, env: env2, cwd: cwd2 },
            ) => command == command2 && args == args2 && env == env2 && cwd == cwd2,
            (Self::Http { url, headers, kind }, Self::Http { url: url2, headers: headers2, kind: kind2 }) => {
                url == url2 && headers == headers2 && kind == kind2
            }
            (Self::Stream(a), Self::Stream(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::Provider(a), Self::Provider(b)) => Arc::ptr_eq(a, b),
            (Self::Misconfigured { name, why }, Self::Misconfigured { name: name2, why: why2 }) => {
                name == name2 && why == why2
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Transport {
    /// Shows no value that may be a secret: arguments, environment, headers, user and query of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { command, args, env, cwd } => f
                .debug_struct("Stdio")
                .field("command", command)
                .field("args", &args.len())
                .field("env", env)
                .field("cwd", cwd)
                .finish(),
            Self::Http { url, headers, kind } => f
                .debug_struct("Http")
                .field("url", &crate::http::shown_url(url))
                .field("headers", headers)
                .field("kind", kind)
                .finish(),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Provider(_) => f.write_str("Provider"),
            Self::Misconfigured { name, why } => {
                f.debug_struct("Misconfigured").field("name", name).field("why", why).finish()
            }
        }
    }
}

/// How a server is started when it is needed, and stopped when it is not. Meanwhile its tools are listed as it said them
/// last: once it is connected in any case, unless its catalog was kept ([`crate::CatalogStore`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lazy {
    /// It is stopped when it was not used for so long; at least 10 ms.
    pub idle: Duration,
}

impl Default for Lazy {
    /// Five minutes.
    fn default() -> Self {
        Self { idle: Duration::from_secs(300) }
    }
}

/// A server, as the configuration says it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSpec {
    /// Its name; the rules are those of [`tollgate_core::name::check_server_name`].
    pub name: String,
    /// How to reach it.
    pub transport: Transport,
    /// How to be authorised, if it is reached over HTTP.
    pub auth: AuthSpec,
    /// Headers and tokens may go to another machine over clear http, where everybody on the way can read them.
    pub allow_http: bool,
    /// The proxy of requests to it, an http or https URL. Proxies of the environment are not used, and none for this machine.
    pub proxy: Option<Configured<String>>,
    /// How long a connection may take, the list of tools included.
    pub connect_timeout: Duration,
    /// How long one attempt of a call may take.
    pub call_timeout: Duration,
    /// Tools to offer, as globs of their names; empty means all.
    pub allow: Vec<String>,
    /// Tools to hide, as globs of their names. It wins over `allow`.
    pub deny: Vec<String>,
    /// Keep tools from being used that are new, or changed, since they were approved.
    pub pin: bool,
    /// The longest message that the server may send, in bytes.
    pub max_message_bytes: usize,
    /// Required: the host is not ready while this server is not there.
    pub required: bool,
    /// Start it when it is needed only, if at all.
    pub lazy: Option<Lazy>,
    /// What routing knows of it, and what differs for some of its tools.
    pub route: RouteSpec,
}

impl ServerSpec {
    /// A server with every default.
    pub fn new(name: impl Into<String>, transport: Transport) -> Self {
        Self {
            name: name.into(),
            transport,
            auth: AuthSpec::None,
            allow_http: false,
            proxy: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            call_timeout: DEFAULT_CALL_TIMEOUT,
            allow: Vec::new(),
            deny: Vec::new(),
            pin: false,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            required: false,
            lazy: None,
            route: RouteSpec::default(),
        }
    }

    pub(crate) fn offers(&self, tool: &str) -> bool {
        let listed = |globs: &[String]| globs.iter().any(|g| glob(g, tool));
        (self.allow.is_empty() || listed(&self.allow)) && !listed(&self.deny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let env = BTreeMap::from([("TOKEN".to_owned(), Secret::from("hunter2"))]);
        let stdio = Transport::Stdio { command: "x".into(), args: vec!["--key=hunter2".into()], env, cwd: None };
        let headers = BTreeMap::from([("Authorization".to_owned(), Secret::from("Bearer hunter2"))]);
        let url = "https://me:hunter2@example.com/mcp?key=hunter2".to_owned();
        let http = Transport::Http { url, headers, kind: HttpKind::Auto };
        for transport in [stdio, http] {
            let shown = format!("{:?}", ServerSpec::new("s", transport));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn deny_wins_over_allow() {
        let mut spec = ServerSpec::new("s", Transport::http("http://x"));
        assert!(spec.offers("get"));
        spec.allow = vec!["get_*".into(), "list".into()];
        spec.deny = vec!["*_secret".into()];
        for (tool, want) in [("get_a", true), ("list", true), ("set_a", false), ("get_secret", false)] {
            assert_eq!(spec.offers(tool), want, "{tool}");
        }
    }
}
