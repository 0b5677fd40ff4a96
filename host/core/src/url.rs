//! URLs that a component asks for, read so that there is only one way to understand them.
//!
//! A URL that two programs could read in two ways is how a check is passed and something else is reached. So this
//! reader is narrow: it refuses what is ambiguous instead of mending it. What it accepts is plain ASCII, has a host
//! of one spelling, and a path that no server can take for another one by undoing escapes or dot segments.

use crate::address::embedded;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest URL, in bytes.
pub const URL_MAX_BYTES: usize = 16 << 10;
/// How often escapes may be escaped again.
pub(crate) const MAX_ESCAPE_LEVELS: usize = 3;
/// What of printable ASCII stands in a path only as an escape.
const ESCAPED: &str = "\\\"<>#?`";

/// Why a URL is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

fn bad<T>(why: impl Into<String>) -> Result<T, UrlError> {
    Err(UrlError(why.into()))
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// # Errors
    /// It is another one.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => bad(format!("the scheme `{}` is not http or https", shown(text))),
        }
    }
}

/// The host of a URL, in one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name, in lower case, without a dot at its end.
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// It is empty, not ASCII, or could be understood as something else: an address in an odd spelling, with a
    /// zone, or with another one inside.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(inside) = text.strip_prefix('[') {
            let Some(Ok(address)) = inside.strip_suffix(']').map(str::parse::<Ipv6Addr>) else {
                return bad(format!("`{}` is not an IPv6 address; zones are refused", shown(text)));
            };
            return match embedded(address) {
                Some(v4) => bad(format!("`{}` has an IPv4 address inside; write {v4}", shown(text))),
                None => Ok(Self::Address(address.into())),
            };
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        check_name(text)?;
        let name = text.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
            return bad(format!(
                "the host `{}` could be read as an IPv4 address; write four decimal numbers",
                shown(text)
            ));
        }
        Ok(Self::Name(name))
    }

    /// The literal address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) => None,
        }
    }
}

/// Labels of letters, digits, `-` and `_`.
pub(crate) fn check_name(text: &str) -> Result<(), UrlError> {
    if text.is_empty() {
        return bad("the URL has no host");
    }
    if !text.is_ascii() {
        return bad(format!("the host `{}` is not ASCII; write international names in Punycode (xn--…)", shown(text)));
    }
    if text.ends_with('.') {
        return bad(format!("the host `{}` ends in a dot; write it without", shown(text)));
    }
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
        fits && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if text.len() > 253 || !text.split('.').all(is_label) {
        return bad(format!("`{}` is not a host name", shown(text)));
    }
    Ok(())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

/// A path, with every way in which it may be understood.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UrlPath {
    /// First as written, with what needs no escape unescaped; then each further unescaping of the whole.
    readings: Vec<String>,
}

impl UrlPath {
    /// Reads a path as it stands in a URL, without the query.
    ///
    /// # Errors
    /// It does not begin with `/`, has characters that must be escaped, or could be understood as another path: dot
    /// segments (escaped or not, also before a `;`), backslashes, control characters, text that is not UTF-8, escapes
    /// of escapes of escapes.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if !text.starts_with('/') {
            return bad("the path does not begin with `/`");
        }
        if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic() || ESCAPED.contains(*c)) {
            return bad(format!("the path holds the character {c:?}; escape it as %XX"));
        }
        let keep =
            |byte: u8| !byte.is_ascii_graphic() || byte == b'/' || byte == b'%' || ESCAPED.contains(char::from(byte));
        let first = unescape(text, keep)?;
        check_segments(&first)?;
        let mut readings = vec![first];
        while let Some(last) = readings.last().filter(|last| last.contains('%')) {
            // A `%` that was escaped is a plain one in the next reading, and need not begin an escape there.
            let next = unescape(last, |_| false).map(|next| next.replace('\\', "/"))?;
            if next == *last {
                break;
            }
            check_segments(&next)?;
            if next.chars().any(char::is_control) {
                return bad("the path holds an escaped control character");
            }
            if readings.len() > MAX_ESCAPE_LEVELS {
                return bad("the path escapes its escapes too often");
            }
            readings.push(next);
        }
        Ok(Self { readings })
    }

    /// The path `/`.
    pub fn root() -> Self {
        Self { readings: vec!["/".to_owned()] }
    }

    /// As written, with what needs no escape unescaped.
    pub fn as_str(&self) -> &str {
        self.readings.first().map_or("/", String::as_str)
    }

    /// Every way to understand it, the plain one first.
    pub(crate) fn readings(&self) -> &[String] {
        &self.readings
    }
}

/// Undoes escapes, but for the bytes that `keep` wants to stay as they are written. A `%` that begins no escape is
/// left, if it stands where an earlier unescaping put it; [`UrlPath::parse`] refuses others by calling this first.
pub(crate) fn unescape(text: &str, keep: impl Fn(u8) -> bool) -> Result<String, UrlError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit =
            |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                let value = (high << 4) | low;
                if keep(value) {
                    out.extend_from_slice(format!("%{value:02X}").as_bytes());
                } else {
                    out.push(value);
                }
                rest = after.get(2..).unwrap_or_default();
            }
            (b'%', ..) if keep(b'%') => return bad("the path holds a `%` that begins no escape; write %25"),
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(out).or_else(|_| bad("the path is not UTF-8 when its escapes are undone"))
}

fn check_segments(path: &str) -> Result<(), UrlError> {
    // Some servers cut a segment at its `;` before they look at its dots.
    let is_dots = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        name == "." || name == ".."
    };
    if path.split('/').any(is_dots) {
        return bad("the path has a segment `.` or `..`; write the path that is meant");
    }
    Ok(())
}

/// An `http` or `https` URL that can be understood in one way only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port; the scheme's default where none was written.
    pub port: u16,
    /// The path.
    pub path: UrlPath,
}

impl HttpUrl {
    /// Reads a URL. Its query is checked and not kept; a fragment is refused.
    ///
    /// # Errors
    /// See [`HttpUrl::from_parts`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return bad("the URL does not begin with http:// or https://");
        };
        let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(cut).unwrap_or((rest, ""));
        Self::from_parts(scheme, authority, rest)
    }

    /// Reads a URL's scheme, `host[:port]`, and path with query; an empty path is `/`.
    ///
    /// # Errors
    /// What of it is not what a URL may have, or is ambiguous.
    pub fn from_parts(scheme: &str, authority: &str, path_and_query: &str) -> Result<Self, UrlError> {
        if scheme.len() + authority.len() + path_and_query.len() > URL_MAX_BYTES {
            return bad(format!("the URL is longer than {URL_MAX_BYTES} bytes"));
        }
        let scheme = Scheme::parse(&scheme.to_ascii_lowercase())?;
        if authority.contains('@') {
            return bad("the URL has a user or password in it");
        }
        let (host, port) = split_port(authority);
        let port = match port {
            Some(port) => parse_port(port)?,
            None => scheme.default_port(),
        };
        let host = Host::parse(host)?;
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        if !query.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return bad("the query holds a character that must be escaped as %XX");
        }
        let path = UrlPath::parse(if path.is_empty() { "/" } else { path })?;
        Ok(Self { scheme, host, port, path })
    }

    /// The host, and the port where it is not the scheme's default: what belongs into a `Host` header.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Scheme, host and port, as `https://api.example.com`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Display for HttpUrl {
    /// The URL without its query, which may hold what is not for everybody's eyes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path.as_str())
    }
}

/// Cuts `host:port`; the colons within brackets are the address's own.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// # Errors
/// It is not a port in decimal, without leading zeros.
pub(crate) fn parse_port(text: &str) -> Result<u16, UrlError> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    match text.parse::<u16>() {
        Ok(port) if is_plain => Ok(port),
        _ => bad(format!("`{}` is not a port", shown(text))),
    }
}

/// Text of somebody else, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    let mut shown: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_of_one_meaning_are_read() {
        for (text, want) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com?q=1", "https://api.example.com/"),
            ("HTTPS://API.Example.com:443/V1/x?q=/../", "https://api.example.com/V1/x"),
            ("http://localhost:8080/", "http://localhost:8080/"),
            ("http://127.0.0.1:80/", "http://127.0.0.1/"),
            ("https://[2606:4700:0:0::1111]:8443/a", "https://[2606:4700::1111]:8443/a"),
            ("https://xn--bcher-kva.example/%7Eme/a%20b", "https://xn--bcher-kva.example/~me/a%20b"),
            ("https://_dmarc.a-b.example/...", "https://_dmarc.a-b.example/..."),
            ("https://a.example/x%2fy/%2Bz", "https://a.example/x%2Fy/+z"),
            ("https://a.example/100%25", "https://a.example/100%25"),
            ("https://a.example/a;b=1/c", "https://a.example/a;b=1/c"),
        ] {
            assert_eq!(HttpUrl::parse(text).unwrap().to_string(), want, "{text}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for text in [
            "",
            "/x",
            "ftp://a.example/",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://:443/",
            "https://me@a.example/",
            "https://a.example:b@evil.example/",
            "https://a.example:/",
            "https://a.example:0/",
            "https://a.example:0443/",
            "https://a.example:+443/",
            "https://a.example:65536/",
            "https://a.example:443:443/",
            "https://a.example./",
            "https://a..example/",
            "https://.a.example/",
            "https://-a.example/",
            "https://a b.example/",
            "https://a%2eexample/",
            "https://bücher.example/",
            "https://a.example\\@evil.example/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1.5/",
            "https://a.0/",
            "https://[::1%25lo]/",
            "https://[fe80::1%eth0]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[::1/",
            "https://::1/",
            "https://[127.0.0.1]/",
            "https://a.example/../x",
            "https://a.example/v1/./x",
            "https://a.example/v1/..",
            "https://a.example/v1/%2e%2e/x",
            "https://a.example/v1/.%2E/x",
            "https://a.example/v1/%252e%252e/x",
            "https://a.example/v1/%25252e%25252e/x",
            "https://a.example/v1%2f..%2fx",
            "https://a.example/v1/..%2fx",
            "https://a.example/v1/..%5cx",
            "https://a.example/v1%5c..%5cx",
            "https://a.example/v1/..;/x",
            "https://a.example/v1/..%3bx/y",
            "https://a.example/v1\\..\\x",
            "https://a.example/v1/%c0%ae%c0%ae/x",
            "https://a.example/%00",
            "https://a.example/%0d%0aX:1",
            "https://a.example/%250d",
            "https://a.example/%",
            "https://a.example/%zz",
            "https://a.example/a b",
            "https://a.example/é",
            "https://a.example/#x",
            "https://a.example/?a b",
            "https://a.example/?\r\nX: 1",
            "https://a.example/%2525252525252e",
        ] {
            assert!(HttpUrl::parse(text).is_err(), "{text}: {:?}", HttpUrl::parse(text));
        }
        assert!(HttpUrl::parse(&format!("https://a.example/{}", "x".repeat(URL_MAX_BYTES))).is_err());
    }

    #[test]
    fn a_path_has_every_reading_that_a_server_could_give_it() {
        let readings = |text: &str| UrlPath::parse(text).unwrap().readings;
        assert_eq!(readings("/a/b"), ["/a/b"]);
        assert_eq!(readings("/a%2Fb"), ["/a%2Fb", "/a/b"]);
        assert_eq!(readings("/a%5Cb"), ["/a%5Cb", "/a/b"]);
        assert_eq!(readings("/a%252Fb"), ["/a%252Fb", "/a%2Fb", "/a/b"]);
        assert_eq!(readings("/100%25"), ["/100%25", "/100%"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", scheme in "https?", rest in "[a-z0-9.:/%@\\[\\]\\\\;?#]{0,40}") {
            let _ = HttpUrl::parse(&text);
            let _ = HttpUrl::parse(&format!("{scheme}://{rest}"));
        }

        #[test]
        fn what_is_read_is_read_again_as_the_same(path in "(/[a-z.%0-9A-F;]{0,6}){1,5}", port in 1u16..) {
            if let Ok(url) = HttpUrl::parse(&format!("https://a.example:{port}{path}")) {
                let again = HttpUrl::parse(&url.to_string()).unwrap();
                prop_assert_eq!(&again, &url);
                for reading in url.path.readings() {
                    let escapes = reading.split('/').any(|segment| segment == "." || segment == "..");
                    prop_assert!(!escapes, "{}", reading);
                }
            }
        }
    }
}
