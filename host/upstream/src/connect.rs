//! One try to connect: opens the transport, the session, and reads the tools. And how to say why not.

use crate::auth::AuthFault;
use crate::auth::access::ServerAuth;
use crate::child::ChildServer;
use crate::client::{Fault, Lifecycle, Lists, OurSide, Session, SessionEnd};
use crate::http::{Endpoint, HttpClients, parse_url};
use crate::line::{LineFaults, LineTransport};
use crate::provider::ToolProvider;
use crate::spec::{HttpKind, ServerSpec, Transport};
use crate::sse::SseTransport;
use reqwest::Url;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpClientWorker};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tollgate_core::{Clock, Secret, Tool};

/// POSTs to one Streamable HTTP server at once; more wait.
const HTTP_CONCURRENCY: usize = 64;

/// Where calls of a connected server go.
pub(crate) enum Link {
    /// To an MCP server.
    Mcp(Box<Session>),
    /// To something that provides tools without MCP.
    Provider(Arc<dyn ToolProvider>),
}

/// A connected server.
pub(crate) struct Connected {
    pub(crate) link: Link,
    /// `None` for what cannot be lost.
    pub(crate) end: Option<SessionEnd>,
    /// Its tools, those too that the configuration hides.
    pub(crate) tools: Vec<Tool>,
    /// Which other lists it has.
    pub(crate) lists: Lists,
    /// The transport that it came to.
    pub(crate) transport: &'static str,
}

/// What one try leaves, whether it succeeds or not: it tells why a connection was lost, and ends the child.
#[derive(Default)]
pub(crate) struct Remains {
    child: Option<ChildServer>,
    lines: Option<Arc<LineFaults>>,
}

/// Why there is no connection, in words.
pub(crate) struct Explained {
    /// The cause: how the process ended, or the fault that the client saw.
    pub(crate) why: String,
    /// Text that the server wrote beside its messages. Once it was called, this may quote anybody's arguments.
    pub(crate) wrote: Option<String>,
}

impl Explained {
    /// All of it: for a server that nobody has called yet.
    pub(crate) fn whole(self) -> String {
        match self.wrote {
            Some(wrote) => format!("{}; {wrote}", self.why),
            None => self.why,
        }
    }
}

impl Remains {
    /// Ends what there is to end, and puts what is known into words. `why` is what the client saw.
    pub(crate) async fn explain(&mut self, clock: &dyn Clock, why: &str, timed_out: bool) -> Explained {
        let end = match &mut self.child {
            Some(child) => Some(child.end(clock).await),
            None => None,
        };
        self.child = None;
        let fatal = self.lines.as_ref().and_then(|l| l.fatal());
        let why = match (&fatal, &end) {
            (Some(fatal), _) => fatal.clone(),
            (None, Some(end)) if !timed_out => end.status.clone(),
            _ => why.to_owned(),
        };
        let stray = self.lines.take().and_then(|lines| lines.stray_lines()).filter(|_| fatal.is_none());
        let words = end.map(|end| end.last_words).filter(|words| !words.is_empty());
        let words = words.map(|words| format!("its last words: {words}"));
        let wrote: Vec<String> = stray.into_iter().chain(words).collect();
        Explained { why, wrote: (!wrote.is_empty()).then(|| wrote.join("; ")) }
    }
}

/// Connects. What must be ended or explained later is left in `remains`, even when the future is dropped.
pub(crate) async fn connect(
    spec: &ServerSpec,
    http: &HttpClients,
    side: OurSide,
    auth: Option<&Arc<ServerAuth>>,
    remains: &mut Remains,
) -> Result<Connected, Fault> {
    let (session, end, transport) = match &spec.transport {
        Transport::Provider(provider) => {
            let tools = provider.tools(&spec.name).await.map_err(Fault::Invalid)?;
            let lists = Lists::of(&**provider).await.map_err(Fault::Invalid)?;
            return Ok(Connected {
                link: Link::Provider(provider.clone()),
                end: None,
                tools,
                lists,
                transport: spec.transport.name(),
            });
        }
        Transport::Misconfigured { why, .. } => return Err(Fault::Invalid(why.clone())),
        Transport::Stdio { command, args, env, cwd } => {
            let (child, stdin, stdout) =
                ChildServer::spawn(command, args, env, cwd.as_deref()).map_err(Fault::NotSent)?;
            remains.child = Some(child);
            open_lines(spec, stdout, stdin, side, remains).await?
        }
        Transport::Stream(source) => {
            let stream = source.open().await.map_err(|error| Fault::NotSent(error.to_string()))?;
            let (read, write) = tokio::io::split(Box::into_pin(stream));
            open_lines(spec, read, write, side, remains).await?
        }
        Transport::Http { url, headers, kind } => {
            let parsed = parse_url(url).map_err(Fault::NotSent)?;
            check_clear(spec, &parsed, headers).map_err(Fault::NotSent)?;
            let client = http.for_url(&parsed, spec.proxy.as_ref()).map_err(Fault::NotSent)?;
            let callers = side.callers.clone();
            let endpoint = Endpoint::new(client, headers, spec.max_message_bytes, auth.cloned(), callers)
                .map_err(Fault::NotSent)?;
            if let Some(auth) = auth {
                auth.prepare().await.map_err(|fault| match fault {
                    AuthFault::NeedsLogin(why) => Fault::Auth(why),
                    AuthFault::Unavailable(why) => Fault::NotSent(why),
                })?;
            }
            open_http(url, *kind, endpoint, side).await?
        }
    };
    let tools = session.tools(spec).await?;
    let lists = session.lists();
    Ok(Connected { link: Link::Mcp(Box::new(session)), end: Some(end), tools, lists, transport })
}

/// # Errors
/// Its headers, or the user in its URL, would go over clear http to another machine, and nobody allowed that.
fn check_clear(spec: &ServerSpec, url: &Url, headers: &BTreeMap<String, Secret>) -> Result<(), String> {
    let has_user = !url.username().is_empty() || url.password().is_some();
    if spec.allow_http || (headers.is_empty() && !has_user) {
        return Ok(());
    }
    let what = if has_user { "the user in its URL" } else { "its headers" };
    match crate::web::in_the_clear(url, what) {
        Some(why) => Err(format!("{why}; use https, or add `allow_http: true` to the server")),
        None => Ok(()),
    }
}

type Opened = (Session, SessionEnd, &'static str);

async fn open_lines<R, W>(
    spec: &ServerSpec,
    read: R,
    write: W,
    side: OurSide,
    remains: &mut Remains,
) -> Result<Opened, Fault>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (transport, lines) = LineTransport::new(read, write, spec.max_message_bytes, side.callers.clone());
    remains.lines = Some(lines);
    let direct = transport.direct();
    let (session, end) = Session::open(transport, Some(Arc::new(direct)), side.lifecycle, side).await?;
    Ok((session, end, spec.transport.name()))
}

async fn open_http(url: &str, kind: HttpKind, endpoint: Endpoint, side: OurSide) -> Result<Opened, Fault> {
    if kind == HttpKind::Sse {
        return open_sse(url, endpoint, side).await;
    }
    let mut config = StreamableHttpClientTransportConfig::with_uri(url).max_concurrent_requests(HTTP_CONCURRENCY);
    config.max_sse_event_size = endpoint.max_bytes();
    let worker = StreamableHttpClientWorker::new(endpoint.clone(), config);
    match Session::open(worker, None, side.lifecycle, side.clone()).await {
        Ok((session, end)) => Ok((session, end, "http")),
        Err(streamable) if kind == HttpKind::Auto && endpoint.looks_like_legacy_sse() => {
            open_sse(url, endpoint, side).await.map_err(|sse| {
                let (streamable, sse) = (streamable.describe(), sse.describe());
                Fault::Invalid(format!("speaks neither Streamable HTTP ({streamable}) nor HTTP+SSE ({sse})"))
            })
        }
        Err(fault) => Err(fault),
    }
}

async fn open_sse(url: &str, endpoint: Endpoint, side: OurSide) -> Result<Opened, Fault> {
    let transport = SseTransport::open(endpoint, url).await.map_err(|error| crate::client::http_fault(&error))?;
    let (session, end) = Session::open(transport, None, Lifecycle::Initialize, side).await?;
    Ok((session, end, "sse"))
}
