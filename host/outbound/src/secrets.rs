//! Secrets that the host adds to requests, after they were judged.

use crate::error::Failure;
use crate::headers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName, HeaderValue};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tollgate_core::{AddressKind, BoxFuture, HttpUrl, OriginPattern, Scheme, Secret};
use tollgate_secrets::SecretStore;
use zeroize::Zeroizing;

/// How long a value of a store is used before the store is asked again.
const STORE_CACHE: Duration = Duration::from_secs(60);

/// Gives the value of a secret.
pub trait Provider: Send + Sync + 'static {
    /// The value. With `refused`, that value was sent and refused: another one is wanted, if there is one.
    fn value<'a>(&'a self, refused: Option<&'a Secret>) -> BoxFuture<'a, Result<Secret, String>>;

    /// Whether a refused value is worth another try.
    fn is_renewable(&self) -> bool {
        false
    }
}

/// A secret of a store.
pub struct Stored {
    store: Arc<dyn SecretStore>,
    name: String,
    cached: Mutex<Option<(Instant, Secret)>>,
}

impl Stored {
    /// The secret of this name. Its value is asked for again after a minute.
    pub fn new(store: Arc<dyn SecretStore>, name: impl Into<String>) -> Self {
        Self { store, name: name.into(), cached: Mutex::default() }
    }
}

impl Provider for Stored {
    fn value<'a>(&'a self, _refused: Option<&'a Secret>) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(async move {
            let mut cached = self.cached.lock().await;
            if let Some((since, value)) = &*cached
                && since.elapsed() < STORE_CACHE
            {
                return Ok(value.clone());
            }
            let value = self.store.get(&self.name).await.map_err(|error| error.to_string())?;
            *cached = Some((Instant::now(), value.clone()));
            Ok(value)
        })
    }
}

/// Where in a request a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header, after a prefix (`Token `).
    Header {
        /// Its name.
        name: HeaderName,
        /// What stands before the value.
        prefix: String,
    },
    /// A parameter of the query.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// `Authorization: Basic`, as the password of this user.
    Basic {
        /// The user; without a colon.
        user: String,
    },
    /// `Authorization: Bearer`.
    Bearer,
}

/// A secret, the hosts that may get it, and where it stands in requests to them.
#[derive(Clone)]
pub struct Binding {
    name: String,
    provider: Arc<dyn Provider>,
    hosts: Vec<OriginPattern>,
    place: Place,
}

impl Binding {
    /// Binds a secret. A host is `https://api.example.com`, `https://*.example.com:8443`, or, where that is a private
    /// or loopback address, `http://localhost:8080`.
    ///
    /// # Errors
    /// What of it cannot be, in words for the configuration's author.
    pub fn new(
        name: impl Into<String>,
        provider: Arc<dyn Provider>,
        hosts: Vec<OriginPattern>,
        place: Place,
    ) -> Result<Self, String> {
        if hosts.is_empty() {
            return Err("it is bound to no host".to_owned());
        }
        if hosts.iter().any(|host| host.host == tollgate_core::HostPattern::Any) {
            return Err("it is bound to every host: name those that may get it".to_owned());
        }
        let is_token = |name: &str| HeaderName::from_bytes(name.as_bytes()).is_ok();
        match &place {
            Place::Header { name, .. }
                if headers::is_of_the_connection(name) || [header::HOST, header::CONTENT_LENGTH].contains(name) =>
            {
                return Err(format!("the header `{name}` is the host's matter"));
            }
            Place::Header { prefix, .. } if HeaderValue::from_str(prefix).is_err() => {
                return Err("its prefix cannot stand in a header".to_owned());
            }
            Place::Query(name) if name.is_empty() => return Err("its parameter has no name".to_owned()),
            Place::Cookie(name) if !is_token(name) => return Err(format!("`{name}` is not a name of a cookie")),
            Place::Basic { user } if user.contains(':') || user.chars().any(char::is_control) => {
                return Err("its user has a colon or control character".to_owned());
            }
            _ => {}
        }
        Ok(Self { name: name.into(), provider, hosts, place })
    }

    /// The secret's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hosts that may get it.
    pub fn hosts(&self) -> &[OriginPattern] {
        &self.hosts
    }

    /// Where in requests to them it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn is_for(&self, url: &HttpUrl) -> bool {
        self.hosts.iter().any(|host| host.matches(url))
    }

    pub(crate) fn is_renewable(&self) -> bool {
        self.provider.is_renewable()
    }

    pub(crate) async fn value(&self, refused: Option<&Secret>) -> Result<Secret, Failure> {
        let value = self.provider.value(refused).await;
        value.map_err(|why| Failure::Secret { name: self.name.clone(), why })
    }

    /// Puts the value where it belongs. The connection's address is known by now.
    pub(crate) fn add(
        &self,
        value: &Secret,
        url: &HttpUrl,
        address: IpAddr,
        request: &mut http::request::Parts,
    ) -> Result<(), Failure> {
        let bad = |why: &str| Failure::Secret { name: self.name.clone(), why: why.to_owned() };
        let is_near = matches!(AddressKind::of(address), AddressKind::Loopback | AddressKind::Private);
        if url.scheme == Scheme::Http && !is_near {
            return Err(bad("it is not sent in the clear to a public address; use https"));
        }
        let text = value.expose();
        let in_header = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| bad("its value cannot stand in a header"))?;
            value.set_sensitive(true);
            Ok::<_, Failure>(value)
        };
        match &self.place {
            Place::Header { name, prefix } => {
                let value = in_header(&Zeroizing::new(format!("{prefix}{text}")))?;
                request.headers.insert(name.clone(), value);
            }
            Place::Bearer => {
                let value = in_header(&Zeroizing::new(format!("Bearer {text}")))?;
                request.headers.insert(header::AUTHORIZATION, value);
            }
            Place::Basic { user } => {
                let pair = Zeroizing::new(format!("{user}:{text}"));
                let value = in_header(&Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair))))?;
                request.headers.insert(header::AUTHORIZATION, value);
            }
            Place::Cookie(name) => {
                if !text.bytes().all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(&b)) {
                    return Err(bad("its value cannot stand in a cookie"));
                }
                let mut cookies = Zeroizing::new(String::new());
                for line in request.headers.get_all(header::COOKIE) {
                    let line = line.to_str().unwrap_or_default().split(';').map(str::trim);
                    for cookie in line.filter(|c| !c.is_empty() && c.split('=').next().map(str::trim) != Some(name)) {
                        cookies.push_str(cookie);
                        cookies.push_str("; ");
                    }
                }
                let value = in_header(&Zeroizing::new(format!("{}{name}={text}", *cookies)))?;
                request.headers.insert(header::COOKIE, value);
            }
            Place::Query(name) => {
                let uri = with_parameter(&request.uri, name, text);
                request.uri = uri.ok_or_else(|| bad("the URL is too long with it"))?;
            }
        }
        Ok(())
    }
}

/// The path and query with this parameter, and no other of its name.
fn with_parameter(uri: &http::Uri, name: &str, value: &str) -> Option<http::Uri> {
    let mut target = Zeroizing::new(uri.path().to_owned());
    target.push('?');
    let others = uri.query().unwrap_or_default().split('&');
    for pair in others.filter(|pair| !pair.is_empty()) {
        if decoded(pair.split('=').next().unwrap_or_default()) != name.as_bytes() {
            target.push_str(pair);
            target.push('&');
        }
    }
    escape(name, &mut target);
    target.push('=');
    escape(value, &mut target);
    http::Uri::try_from(target.as_str()).ok()
}

/// As a form's reader does it.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|digits| byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let value = escape.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok());
        out.push(value.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}

/// Percent-escapes all but what RFC 3986 calls unreserved.
pub(crate) fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}
