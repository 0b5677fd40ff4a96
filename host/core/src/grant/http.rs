//! Grants of kind `http`: which requests a component may make.
//!
//! `SCHEME://HOST[:PORT]/PATH[!WORDS]`. The host is a name, a literal address, `*.` and a name (one or more labels
//! before it), or `*`. The port is the scheme's default, a number, or `*`. A path that ends in `*` is a prefix, else it
//! is exact. After `!` come methods and words, with commas: `read-only` is GET, HEAD and OPTIONS; `private` lets the
//! host have a private or loopback address. Without methods every method is meant.

use crate::address::AddressKind;
use crate::url::{Host, HttpUrl, Scheme, UrlPath, check_name, parse_port, split_port};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest grant, in bytes.
const MAX_BYTES: usize = 2 << 10;
const READ_ONLY: &str = "read-only";
const READ_ONLY_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];
const PRIVATE: &str = "private";

/// The hosts of a grant, or of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `*`: every host.
    Any,
    /// `*.example.com`: every name below it, itself not.
    Below(String),
    /// That one.
    Exact(Host),
}

impl HostPattern {
    /// Whether a host is meant.
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Exact(want), have) => want == have,
            (Self::Below(suffix), Host::Name(name)) => {
                name.strip_suffix(suffix.as_str()).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }

    /// What its author should know: that anybody can have a host that it means.
    pub fn doubt(&self) -> Option<String> {
        match self {
            Self::Below(name) if public_suffix(name) == Some(psl::Type::Private) => {
                Some(format!("`{self}` is also every host that somebody else has there"))
            }
            Self::Any | Self::Below(_) | Self::Exact(_) => None,
        }
    }

    /// Whether every host that `other` means is meant.
    pub(super) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) => false,
            (_, Self::Exact(host)) => self.matches(host),
            (Self::Below(ours), Self::Below(theirs)) => {
                theirs.strip_suffix(ours.as_str()).is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
            }
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

/// Whether names below this one are for anybody, by Mozilla's Public Suffix List: given out by a registry of the DNS, or by a
/// company to its customers.
fn public_suffix(name: &str) -> Option<psl::Type> {
    let below = format!("x.{name}");
    let suffix = psl::suffix(below.as_bytes()).filter(|suffix| suffix.as_bytes().len() >= name.len())?;
    suffix.typ()
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let Some(suffix) = text.strip_prefix("*.") else {
            return Host::parse(text).map(Self::Exact).map_err(|error| error.to_string());
        };
        check_name(suffix).map_err(|error| error.to_string())?;
        let name = match Host::parse(suffix) {
            Ok(Host::Name(name)) if name.contains('.') => name,
            _ => {
                return Err(format!(
                    "`{text}` would be every host of a top-level domain: name the domain, as *.example.com"
                ));
            }
        };
        if public_suffix(&name) == Some(psl::Type::Icann) {
            let why = "would be every host of a public suffix, where anybody can have a name";
            return Err(format!("`*.{name}` {why}: name the domain, as *.example.{name}"));
        }
        Ok(Self::Below(name))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
            Self::Exact(host) => host.fmt(f),
        }
    }
}

/// `SCHEME://HOST[:PORT]` with stars.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginPattern {
    /// The scheme; there is no pattern of it.
    pub scheme: Scheme,
    /// The host.
    pub host: HostPattern,
    /// The port. `None` is any.
    pub port: Option<u16>,
}

impl OriginPattern {
    /// Reads it as a configuration writes it: with its scheme, or for https.
    ///
    /// # Errors
    /// What it is not.
    pub fn parse_host(text: &str) -> Result<Self, String> {
        if text.contains("://") { text.parse() } else { format!("https://{text}").parse() }
    }

    /// Whether a URL's origin is meant.
    pub fn matches(&self, url: &HttpUrl) -> bool {
        self.scheme == url.scheme && self.port.is_none_or(|port| port == url.port) && self.host.matches(&url.host)
    }

    /// Whether every origin that `other` means is meant.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let is_port = self.port.is_none() || self.port == other.port;
        self.scheme == other.scheme && is_port && self.host.includes(&other.host)
    }
}

impl FromStr for OriginPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, authority) = text.split_once("://").ok_or("it does not begin with https:// or http://")?;
        let scheme = Scheme::parse(&scheme.to_ascii_lowercase()).map_err(|error| error.to_string())?;
        let (host, port) = split_port(authority);
        let port = match port {
            None => Some(scheme.default_port()),
            Some("*") => None,
            Some(port) => Some(parse_port(port).map_err(|error| error.to_string())?),
        };
        Ok(Self { scheme, host: host.parse()?, port })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        match self.port {
            None => f.write_str(":*"),
            Some(port) if port == self.scheme.default_port() => Ok(()),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

/// Permission for some requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpGrant {
    pub(super) origin: OriginPattern,
    pub(super) path: UrlPath,
    pub(super) is_prefix: bool,
    /// None given is every one.
    pub(super) methods: BTreeSet<String>,
    pub(super) private: bool,
}

impl HttpGrant {
    pub(super) fn doubt(&self) -> Option<String> {
        self.origin.host.doubt()
    }

    fn matches(&self, method: &str, url: &HttpUrl) -> bool {
        let is_method = self.methods.is_empty() || self.methods.contains(method);
        is_method && self.origin.matches(url) && self.covers(&url.path)
    }

    /// Whether the path is meant, however its server understands it.
    pub(super) fn covers(&self, path: &UrlPath) -> bool {
        let mut wanted = self.path.readings().iter();
        let mut want = "";
        path.readings().iter().all(|have| {
            want = wanted.next().map_or(want, String::as_str);
            if self.is_prefix { have.starts_with(want) } else { have == want }
        })
    }
}

impl FromStr for HttpGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} bytes"));
        }
        let (url, words) = text.split_once('!').map_or((text, None), |(url, words)| (url, Some(words)));
        let start = url.find("://").map_or(0, |i| i + 3);
        let Some(slash) = url.get(start..).and_then(|rest| rest.find('/')) else {
            return Err(format!("it has no path; write `{url}/*` for every path"));
        };
        let (origin, path) = url.split_at_checked(start + slash).ok_or("it is not a URL")?;
        let origin: OriginPattern = origin.parse()?;
        if let HostPattern::Exact(Host::Address(address)) = &origin.host
            && AddressKind::of(*address) == AddressKind::Reserved
        {
            return Err(format!("{address} is a reserved address, which is never reached"));
        }
        let (path, is_prefix) = path.strip_suffix('*').map_or((path, false), |prefix| (prefix, true));
        if path.contains(['*', '?']) {
            return Err("its path has a `*` before its end, or a query: only a prefix can be granted".to_owned());
        }
        let path = UrlPath::parse(path).map_err(|error| error.to_string())?;
        if path.as_str().contains("//") || ["%2F", "%5C", "%25"].iter().any(|escape| path.as_str().contains(escape)) {
            return Err("its path has an empty segment or an escaped slash, backslash or percent sign".to_owned());
        }
        let mut grant = Self { origin, path, is_prefix, methods: BTreeSet::new(), private: false };
        for word in words.into_iter().flat_map(|words| words.split(',')) {
            match word {
                PRIVATE => grant.private = true,
                READ_ONLY => grant.methods.extend(READ_ONLY_METHODS.map(str::to_owned)),
                "CONNECT" | "TRACE" => return Err(format!("the method {word} is never sent")),
                method if is_method(method) => {
                    grant.methods.insert(method.to_owned());
                }
                _ => {
                    let word = crate::url::shown(word);
                    return Err(format!("`{word}` is not a method (in capitals), `read-only` or `private`"));
                }
            }
        }
        Ok(grant)
    }
}

fn is_method(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_str().replace('!', "%21").replace('*', "%2A");
        write!(f, "{}{path}{}", self.origin, if self.is_prefix { "*" } else { "" })?;
        let mut words = Vec::new();
        let is_read_only = READ_ONLY_METHODS.iter().all(|method| self.methods.contains(*method));
        if is_read_only {
            words.push(READ_ONLY);
        }
        let rest = self.methods.iter().map(String::as_str);
        words.extend(rest.filter(|method| !(is_read_only && READ_ONLY_METHODS.contains(method))));
        if self.private {
            words.push(PRIVATE);
        }
        if words.is_empty() { Ok(()) } else { write!(f, "!{}", words.join(",")) }
    }
}

/// Which addresses a granted host may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    private: bool,
    named: bool,
}

impl Reach {
    /// What either allows.
    pub(super) fn or(self, other: Self) -> Self {
        Self { private: self.private || other.private, named: self.named || other.named }
    }

    /// What both allow.
    pub(super) fn and(self, other: Self) -> Self {
        Self { private: self.private && other.private, named: self.named && other.named }
    }

    /// What an operator's own URL reaches: a literal address and `localhost` as they are, another private address only
    /// where that is said.
    pub fn of_configured(private: bool) -> Self {
        Self { private, named: true }
    }

    /// Whether a connection to one of the host's addresses may be made. Loopback and private ones need a grant with
    /// `!private` or for exactly that literal address (or `localhost`, for loopback); link-local ones and those where
    /// clouds keep credentials a grant for exactly that address; reserved ones are never reached.
    pub fn permits(self, host: &Host, address: IpAddr) -> bool {
        let is_named = self.named && host.address() == Some(address);
        match AddressKind::of(address) {
            AddressKind::Public => true,
            AddressKind::Loopback => {
                let is_localhost = matches!(host, Host::Name(name) if name == "localhost");
                self.private || is_named || (self.named && is_localhost)
            }
            AddressKind::Private => self.private || is_named,
            AddressKind::Metadata => is_named,
            AddressKind::Reserved => false,
        }
    }
}

/// The reach that all grants for a request give together; `None` when there is none.
pub(super) fn reach<'a>(grants: impl Iterator<Item = &'a HttpGrant>, method: &str, url: &HttpUrl) -> Option<Reach> {
    grants.filter(|grant| grant.matches(method, url)).fold(None, |reach: Option<Reach>, grant| {
        let named = matches!(grant.origin.host, HostPattern::Exact(_));
        Some(Reach { private: grant.private, named }.or(reach.unwrap_or_default()))
    })
}

/// The narrow grant that would allow a request: what an error tells to write.
pub(super) fn suggested(method: &str, url: &HttpUrl, private: bool) -> HttpGrant {
    let is_plain = |path: &&UrlPath| path.readings().len() == 1 && !path.as_str().contains("//");
    let (path, is_prefix) = match Some(&url.path).filter(is_plain) {
        Some(path) => (path.clone(), false),
        None => {
            // A grant has no escapes of its own here: the folder before the first of them.
            let path = url.path.as_str();
            let odd = path.find('%').into_iter().chain(path.find("//").map(|i| i + 1)).min().unwrap_or(path.len());
            let folder = path.get(..odd).and_then(|p| p.rfind('/').and_then(|i| p.get(..=i))).unwrap_or("/");
            (UrlPath::parse(folder).unwrap_or_else(|_| UrlPath::root()), true)
        }
    };
    HttpGrant {
        origin: OriginPattern { scheme: url.scheme, host: HostPattern::Exact(url.host.clone()), port: Some(url.port) },
        path,
        is_prefix,
        methods: Some(method.to_owned()).filter(|method| is_method(method)).into_iter().collect(),
        private,
    }
}
