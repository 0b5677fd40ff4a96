//! From a judged URL to a connection: resolve once, judge every address, connect to one of those, TLS.

use crate::body::Outgoing;
use crate::error::{Failure, Wait};
use crate::limits::HttpLimits;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tollgate_core::{AddressKind, BoxFuture, Grant, Host, HttpUrl, Reach, Scheme};

/// The most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 4;
/// hyper reads at least this much of a head.
const HEADER_BYTES_MIN: usize = 8 << 10;

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// All of them, in the order of preference.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver, with its files and caches.
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// A connection to one address, for one origin.
pub(crate) struct Connection {
    /// What was judged, and is judged again before the connection is used again.
    pub address: IpAddr,
    pub sender: Sender,
}

/// The two versions of HTTP. The task that drives a connection ends with the last holder of it.
pub(crate) enum Sender {
    One(http1::SendRequest<Outgoing>, #[allow(dead_code)] Driver),
    Two(http2::SendRequest<Outgoing>, Arc<Driver>),
}

pub(crate) struct Driver(tokio::task::AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::One(sender, _) => sender.is_closed(),
            Sender::Two(sender, _) => sender.is_closed(),
        }
    }

    /// Whether several requests may be on it at once.
    pub fn is_shared(&self) -> bool {
        matches!(self.sender, Sender::Two(..))
    }

    /// Another hold of the same connection, where several requests may be on it.
    pub fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::One(..) => None,
            Sender::Two(sender, driver) => {
                Some(Self { address: self.address, sender: Sender::Two(sender.clone(), driver.clone()) })
            }
        }
    }
}

pub(crate) struct Dialer {
    resolver: Arc<dyn Resolve>,
    extra_roots: Vec<CertificateDer<'static>>,
    /// Made for the first https request: the system's roots take milliseconds to read.
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, String>>,
}

impl Dialer {
    pub fn new(resolver: Arc<dyn Resolve>, extra_roots: Vec<CertificateDer<'static>>) -> Self {
        Self { resolver, extra_roots, tls: OnceLock::new() }
    }

    /// Connects. It is over before `limits.connect` is.
    pub async fn dial(
        &self,
        method: &str,
        url: &HttpUrl,
        reach: Reach,
        limits: &HttpLimits,
    ) -> Result<Connection, Failure> {
        let late = Failure::Late { wait: Wait::Connect, after: limits.connect };
        let addresses = self.addresses(method, url, reach);
        let connect = async {
            let addresses = addresses.await?;
            let stream = tcp(url, &addresses, limits.connect).await?;
            // The address of the socket itself, so that what is kept with it is what it is.
            let address = stream.peer_addr().map_err(|error| unreachable(url, &error))?.ip();
            let _ = stream.set_nodelay(true);
            match url.scheme {
                Scheme::Http => one(TokioIo::new(stream), address, limits).await,
                Scheme::Https => self.secure(url, stream, address, limits).await,
            }
        };
        tokio::time::timeout(limits.connect, connect).await.unwrap_or(Err(late))
    }

    /// Those of the host's addresses that may be reached.
    async fn addresses(&self, method: &str, url: &HttpUrl, reach: Reach) -> Result<Vec<IpAddr>, Failure> {
        let found = match &url.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let dns = |why: String| Failure::Dns { host: name.clone(), why };
                let found = self.resolver.resolve(name).await.map_err(|error| dns(error.to_string()))?;
                if found.is_empty() {
                    return Err(dns("it has no address".to_owned()));
                }
                found
            }
        };
        let allowed: Vec<IpAddr> = found.iter().copied().filter(|ip| reach.permits(&url.host, *ip)).collect();
        match found.first() {
            Some(address) if allowed.is_empty() => Err(refused(method, url, *address)),
            _ => Ok(allowed),
        }
    }

    async fn secure(
        &self,
        url: &HttpUrl,
        stream: TcpStream,
        address: IpAddr,
        limits: &HttpLimits,
    ) -> Result<Connection, Failure> {
        let failed = |why: String| Failure::Tls { host: url.authority(), why };
        let config = self.tls.get_or_init(|| tls(&self.extra_roots)).clone().map_err(failed)?;
        let name = match &url.host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| failed(error.to_string()))?,
        };
        let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let why = inner.map_or_else(|| error.to_string(), ToString::to_string);
            match inner {
                Some(rustls::Error::InvalidCertificate(_)) => Failure::Certificate { host: url.authority(), why },
                _ => failed(why),
            }
        })?;
        let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        if is_two { two(stream, address, limits).await } else { one(stream, address, limits).await }
    }
}

fn refused(method: &str, url: &HttpUrl, address: IpAddr) -> Failure {
    let kind = AddressKind::of(address);
    let help = match (kind, url.host.address()) {
        (AddressKind::Reserved, _) => "which is never reached".to_owned(),
        (AddressKind::Metadata, _) => "which only a grant for exactly that address reaches".to_owned(),
        _ => format!("which needs --grant '{}'", Grant::for_request(method, url, true)),
    };
    Failure::Address { url: url.to_string(), why: format!("its host has the {kind} address {address}, {help}") }
}

fn unreachable(url: &HttpUrl, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        Failure::Refused(url.authority())
    } else {
        Failure::Unreachable { host: url.authority(), why: error.to_string() }
    }
}

/// One address after the other; each has its part of the time, so that one that is silent does not take it all.
async fn tcp(url: &HttpUrl, addresses: &[IpAddr], time: Duration) -> Result<TcpStream, Failure> {
    let tried = addresses.len().clamp(1, MAX_ADDRESSES);
    let each = time / u32::try_from(tried).unwrap_or(1);
    let mut failure = Failure::Late { wait: Wait::Connect, after: time };
    for address in addresses.iter().take(tried) {
        match tokio::time::timeout(each, TcpStream::connect(SocketAddr::new(*address, url.port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = unreachable(url, &error),
            Err(_) => {}
        }
    }
    Err(failure)
}

/// rustls with the system's roots, and HTTP/2 where the server has it.
fn tls(extra_roots: &[CertificateDer<'static>]) -> Result<Arc<rustls::ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra_roots.to_vec(), provider.clone());
    let verifier = verifier.map_err(|error| format!("the system's root certificates cannot be used: {error}"))?;
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // What was learned of a server in one component's connection is not used in another's.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

async fn one<T>(stream: TokioIo<T>, address: IpAddr, limits: &HttpLimits) -> Result<Connection, Failure>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let bytes = limits.header_bytes.max(HEADER_BYTES_MIN);
    let mut builder = http1::Builder::new();
    builder.max_headers(limits.header_count).max_header_size(bytes);
    let (sender, connection) = builder.handshake(stream).await.map_err(|error| Failure::of_hyper(&error))?;
    let driver = Driver(tokio::spawn(async { drop(connection.await) }).abort_handle());
    Ok(Connection { address, sender: Sender::One(sender, driver) })
}

async fn two<T>(stream: TokioIo<T>, address: IpAddr, limits: &HttpLimits) -> Result<Connection, Failure>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    builder.max_header_list_size(u32::try_from(limits.header_bytes.max(HEADER_BYTES_MIN)).unwrap_or(u32::MAX));
    let (sender, connection) = builder.handshake(stream).await.map_err(|error| Failure::of_hyper(&error))?;
    let driver = Driver(tokio::spawn(async { drop(connection.await) }).abort_handle());
    Ok(Connection { address, sender: Sender::Two(sender, Arc::new(driver)) })
}
