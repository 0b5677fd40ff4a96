//! Which addresses may be reached on the word of a server's metadata. This is the one place that decides it;
//! what kind of address an address is, `tollgate_core::address` tells.
//!
//! A server names its authorization server, and that one its endpoints; a hostile one would name what only this
//! machine can reach. What it names is a [`Claimed`] URL, and what the operator named a [`Configured`] one. So: `https`, or `http` between
//! loopback addresses; no user or password in a URL; no private
//! address unless its host is one that the configuration itself names (the server, the trusted issuer); never a link-local or reserved one, where
//! clouds keep their credentials. Names are judged by the addresses that they resolve to, at each connection, and
//! redirects are not followed, so nothing can be swapped after the judgement. A proxy resolves names by itself, so only requests to hosts that
//! the configuration names go through the server's proxy.

use crate::web::{client_builder, through};
use futures::StreamExt;
use parking_lot::Mutex;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rmcp::transport::auth::{AuthError, OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRequest};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::address::{AddressKind, is_loopback_host, plain};
use tollgate_core::{Claimed, Configured};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 256 << 10;
/// What of a form is secret.
const SECRETS: [&str; 6] = ["code", "code_verifier", "refresh_token", "client_secret", "client_assertion", "token"];

/// An address that must not be reached, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

/// What may be reached on behalf of one server.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// Those that the configuration names.
    hosts: Vec<String>,
    is_loopback: bool,
}

impl Guard {
    pub(crate) fn new(server: &Configured<Url>, trusted_issuer: Option<&Configured<Url>>) -> Self {
        let named = [Some(server), trusted_issuer].into_iter().flatten();
        Self {
            is_loopback: server.host_str().is_some_and(is_loopback_host),
            hosts: named.filter_map(|url| url.host_str().map(plain)).collect(),
        }
    }

    /// Judges a URL before it is used, or shown to a person. A name in it is judged when it is resolved.
    ///
    /// # Errors
    /// Why it must not be used.
    pub(crate) fn url(&self, url: &Claimed<Url>) -> Result<(), Refused> {
        let url = url.unproven();
        let shown = crate::http::shown_url(url.as_str());
        let host = url.host_str().ok_or_else(|| Refused(format!("{shown} has no host")))?;
        let http_is_fine = self.is_loopback && is_loopback_host(host);
        if !(url.scheme() == "https" || (url.scheme() == "http" && http_is_fine)) {
            return Err(Refused(format!("{shown} is refused: authorisation needs https")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused(format!("{shown} is refused: it has a user or password in it")));
        }
        match plain(host).parse() {
            Ok(address) => self.address(host, address),
            Err(_) => Ok(()),
        }
    }

    /// Whether the configuration itself names the host.
    fn names(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.hosts.contains(&plain(host)))
    }

    /// Judges an address that a host has.
    fn address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let host = plain(host);
        let allowed = match AddressKind::of(address) {
            AddressKind::Public => true,
            AddressKind::Loopback => self.is_loopback || self.hosts.contains(&host),
            AddressKind::Private => self.hosts.contains(&host),
            AddressKind::Metadata | AddressKind::Reserved => false,
        };
        let refused = || Refused(format!("`{host}` is refused: its address {address} is not a public one"));
        if allowed { Ok(()) } else { Err(refused()) }
    }
}

type Lookup = Arc<dyn Fn(&str) -> std::io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Resolves names to those of their addresses that may be reached.
struct GuardedResolver {
    guard: Guard,
    /// The host of the operator's proxy.
    proxy: Option<String>,
    lookup: Lookup,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookup) = (self.guard.clone(), self.lookup.clone());
        let host = name.as_str().to_owned();
        let is_proxy = self.proxy.as_ref() == Some(&plain(&host));
        Box::pin(async move {
            let asked = host.clone();
            let found = tokio::task::spawn_blocking(move || lookup(&asked)).await??;
            if is_proxy {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found {
                match guard.address(&host, address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if allowed.is_empty() => Err(Box::new(why) as Box<dyn std::error::Error + Send + Sync>),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The HTTP client of everything that authorisation asks for.
pub(crate) struct GuardedHttp {
    guard: Guard,
    base: Url,
    client: reqwest::Client,
    /// Why the last request failed; rmcp does not always say it.
    failed: Mutex<Option<String>>,
    /// The secrets that the last form had: an answer may repeat them.
    sent: Mutex<Vec<String>>,
}

impl GuardedHttp {
    /// # Errors
    /// The machine has no usable TLS set-up, or the proxy is none.
    pub(crate) fn new(
        server: &Configured<Url>,
        trusted_issuer: Option<&Configured<Url>>,
        proxy: Option<&Configured<String>>,
    ) -> Result<Self, String> {
        let guard = Guard::new(server, trusted_issuer);
        Self::with_lookup(server, guard, proxy, Arc::new(|host| Ok((host, 0).to_socket_addrs()?.collect())))
    }

    fn with_lookup(
        server: &Configured<Url>,
        guard: Guard,
        proxy: Option<&Configured<String>>,
        lookup: Lookup,
    ) -> Result<Self, String> {
        let proxy_host = proxy.and_then(|proxy| Url::parse(proxy).ok()?.host_str().map(plain));
        let named = guard.clone();
        let proxy = proxy.map(|proxy| through(proxy, move |url| named.names(url))).transpose()?;
        let resolver = GuardedResolver { guard: guard.clone(), proxy: proxy_host, lookup };
        let client = client_builder(proxy)
            .timeout(TIMEOUT)
            .dns_resolver(Arc::new(resolver))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        let base = Url::clone(server);
        Ok(Self { guard, base, client, failed: Mutex::default(), sent: Mutex::default() })
    }

    /// What it keeps to.
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// What went wrong, fit to be shown: with what was refused here, which rmcp leaves out of some of its texts, and
    /// without what was sent.
    pub(crate) fn error_text(&self, error: &AuthError) -> String {
        let mut text = super::chain_text(error);
        if let Some(failed) = self.failed.lock().take().filter(|failed| !text.contains(failed)) {
            text = format!("{text}: {failed}");
        }
        for secret in self.sent.lock().iter().filter(|secret| secret.len() >= 6) {
            text = text.replace(secret, "***");
        }
        text
    }

    /// Notes the secrets of a form, as they are and as they are written in it.
    fn note(&self, form: &[u8]) {
        let form = String::from_utf8_lossy(form);
        let mut sent = Vec::new();
        for (name, written) in form.split('&').filter_map(|pair| pair.split_once('=')) {
            if SECRETS.contains(&name) {
                let mut url = self.base.clone();
                url.set_query(Some(&format!("v={written}")));
                sent.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
                sent.push(written.to_owned());
            }
        }
        *self.sent.lock() = sent;
    }

    /// Sends a form. The answer's status.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn post_form(
        &self,
        url: &Claimed<Url>,
        pairs: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<u16, String> {
        self.guard.url(url).map_err(|refused| refused.to_string())?;
        let url = url.unproven();
        let mut form = url.clone();
        form.query_pairs_mut().clear().extend_pairs(pairs);
        let mut request = self
            .client
            .post(url.clone())
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.query().unwrap_or_default().to_owned());
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password));
        }
        let response = request.send().await.map_err(|error| super::chain_text(&error.without_url()))?;
        Ok(response.status().as_u16())
    }

    async fn run(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, String> {
        self.note(request.body());
        let mut request =
            reqwest::Request::try_from(request).map_err(|error| super::chain_text(&error.without_url()))?;
        self.guard.url(&Claimed::new(request.url().clone())).map_err(|refused| refused.to_string())?;
        request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
        let shown = crate::http::shown_url(request.url().as_str());
        let failed = |error: reqwest::Error| format!("{shown}: {}", super::chain_text(&error.without_url()));
        let response = self.client.execute(request).await.map_err(failed)?;
        let mut builder = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            builder = builder.header(name, value);
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(failed)?;
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(format!("{shown}: its answer is over {MAX_ANSWER_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        builder.body(body).map_err(|error| error.to_string())
    }
}

impl OAuthHttpClient for GuardedHttp {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move {
            let result = self.run(request.request).await;
            *self.failed.lock() = result.as_ref().err().cloned();
            result.map_err(Into::into)
        })
    }
}

/// The same for one discovery. It notes where the last document was found: in the end, the metadata of the authorization server.
pub(crate) struct Finder {
    http: Arc<GuardedHttp>,
    found_at: Mutex<Option<Url>>,
}

impl Finder {
    pub(crate) fn new(http: Arc<GuardedHttp>) -> Self {
        Self { http, found_at: Mutex::default() }
    }

    pub(crate) fn found_at(&self) -> Option<Url> {
        self.found_at.lock().clone()
    }
}

impl OAuthHttpClient for Finder {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        let is_search = request.request.method() == http::Method::GET;
        let url = is_search.then(|| Url::parse(&request.request.uri().to_string()).ok()).flatten();
        Box::pin(async move {
            let answer = self.http.execute(request).await;
            if url.is_some() && answer.as_ref().is_ok_and(|answer| answer.status() == http::StatusCode::OK) {
                *self.found_at.lock() = url;
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(url: &str) -> Configured<Url> {
        Configured::by_operator(Url::parse(url).unwrap())
    }

    fn claimed(url: &str) -> Claimed<Url> {
        Claimed::new(Url::parse(url).unwrap())
    }

    fn guard(server: &str) -> Guard {
        Guard::new(&configured(server), None)
    }

    #[track_caller]
    fn check(server: &str, url: &str, allowed: bool) {
        let judged = guard(server).url(&claimed(url));
        assert_eq!(judged.is_ok(), allowed, "{server} names {url}: {judged:?}");
    }

    #[test]
    fn https_is_needed_except_between_loopback_addresses() {
        check("https://mcp.example.com/mcp", "https://auth.example.com/token", true);
        check("https://mcp.example.com/mcp", "http://auth.example.com/token", false);
        check("https://mcp.example.com/mcp", "http://mcp.example.com/token", false);
        check("http://mcp.example.com/mcp", "http://mcp.example.com/token", false);
        check("http://127.0.0.1:1/mcp", "http://127.0.0.1:2/token", true);
        check("http://localhost:1/mcp", "http://[::1]:2/token", true);
        check("http://127.0.0.1:1/mcp", "http://auth.example.com/token", false);
        check("https://mcp.example.com/mcp", "http://localhost/token", false);
        for scheme in ["ftp", "file", "javascript", "data", "ws"] {
            check("https://mcp.example.com/mcp", &format!("{scheme}://example.com/x"), false);
        }
    }

    #[test]
    fn a_url_with_a_user_in_it_is_refused() {
        check("https://mcp.example.com/", "https://me@auth.example.com/", false);
        check("https://mcp.example.com/", "https://mcp.example.com:secret@evil.example/", false);
        let refused = guard("https://a.example").url(&claimed("https://u:hunter2@b.example/?k=hunter2"));
        assert!(!refused.unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn addresses_that_are_not_public_are_refused_in_every_spelling() {
        let public = "https://mcp.example.com/mcp";
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "10.0.0.9",
            "172.16.0.1",
            "192.168.1.1",
            "100.100.100.200",
            "169.254.169.254",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "0.0.0.0",
            "[::]",
            "255.255.255.255",
            "224.0.0.1",
            "[ff02::1]",
            "198.18.0.1",
            "[2001:0:4136:e378::1]",
            "[::127.0.0.1]",
            "240.0.0.1",
        ] {
            check(public, &format!("https://{host}/latest/meta-data"), false);
        }
        check(public, "https://93.184.216.34/token", true);
        check(public, "https://[2606:4700::1111]/token", true);
    }

    #[test]
    fn a_private_address_is_fine_where_the_configuration_names_it_itself() {
        check("https://10.0.0.4/mcp", "https://10.0.0.4:8443/token", true);
        check("https://10.0.0.4/mcp", "https://10.0.0.5/token", false);
        check("https://10.0.0.4/mcp", "https://127.0.0.1/token", false);
        check("http://127.0.0.1/mcp", "https://10.0.0.4/token", false);
        check("https://169.254.169.254/mcp", "https://169.254.169.254/token", false);
    }

    #[test]
    fn the_host_of_the_trusted_issuer_may_have_a_private_address() {
        let [server, issuer] = ["https://mcp.corp/mcp", "https://sso.corp"].map(configured);
        let address = "10.0.0.9".parse().unwrap();
        assert!(Guard::new(&server, Some(&issuer)).address("sso.corp", address).is_ok());
        assert!(Guard::new(&server, Some(&issuer)).address("other.corp", address).is_err());
        assert!(Guard::new(&server, None).address("sso.corp", address).is_err());
    }

    async fn resolve(server: &str, host: &str, address: &str) -> Result<Vec<SocketAddr>, String> {
        let address: IpAddr = address.parse().unwrap();
        let resolver = GuardedResolver {
            guard: guard(server),
            proxy: Some("proxy.corp".into()),
            lookup: Arc::new(move |_| Ok(vec![SocketAddr::new(address, 0)])),
        };
        resolver.resolve(host.parse().unwrap()).await.map(Iterator::collect).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        let public = "https://mcp.example.com/mcp";
        assert!(resolve(public, "auth.example.com", "93.184.216.34").await.is_ok());
        for address in ["127.0.0.1", "10.0.0.9", "169.254.169.254", "::1", "fd00::1"] {
            let refused = resolve(public, "auth.evil.example", address).await.unwrap_err();
            assert!(refused.contains("auth.evil.example") && refused.contains(address), "{refused}");
        }
        assert!(resolve("https://mcp.corp/mcp", "mcp.corp", "10.0.0.9").await.is_ok(), "the server's own host");
        assert!(resolve("https://mcp.corp/mcp", "mcp.corp", "169.254.169.254").await.is_err());
        assert!(resolve("http://localhost:3/mcp", "localhost", "127.0.0.1").await.is_ok());
        assert!(resolve(public, "proxy.corp", "10.0.0.9").await.is_ok(), "a proxy resolves by itself");
    }

    #[tokio::test]
    async fn a_name_with_a_private_address_is_never_connected_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let lookup: Lookup = Arc::new(|_| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]));
        let server = configured("https://mcp.example.com");
        let client = GuardedHttp::with_lookup(&server, Guard::new(&server, None), None, lookup).unwrap();
        let request = http::Request::get(format!("https://rebound.example:{port}/")).body(Vec::new()).unwrap();
        let refused = client.run(request).await.unwrap_err();
        assert!(refused.contains("not a public one"), "{refused}");
        assert!(listener.accept().is_err(), "nothing came");
    }

    #[tokio::test]
    async fn only_hosts_that_the_operator_named_are_reached_through_the_proxy() {
        let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        proxy.set_nonblocking(true).unwrap();
        let named = Configured::by_operator(format!("http://{}", proxy.local_addr().unwrap()));
        let lookup: Lookup = Arc::new(|_| Ok(vec![SocketAddr::from(([10, 0, 0, 9], 0))]));
        let server = configured("https://mcp.example.com/mcp");
        let client = GuardedHttp::with_lookup(&server, Guard::new(&server, None), Some(&named), lookup).unwrap();
        let ask = |url: &str| client.run(http::Request::get(url).body(Vec::new()).unwrap());
        // What metadata claims is judged by its own address, which a proxy would resolve by itself.
        let refused = ask("https://inside.evil.example/").await.unwrap_err();
        assert!(refused.contains("not a public one"), "{refused}");
        assert!(proxy.accept().is_err(), "nothing came");
        let asked = tokio::time::timeout(std::time::Duration::from_millis(300), ask("https://mcp.example.com/token"));
        drop(asked.await);
        assert!(proxy.accept().is_ok(), "the server's own host is the operator's word");
    }
}
