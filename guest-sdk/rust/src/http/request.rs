//! What is sent.

use std::time::Duration;

use serde::Serialize;

use super::{Error, ErrorKind, Response, wire};

/// How many redirects are followed, unless the request says otherwise.
const REDIRECTS: u32 = 5;

/// A request. What is wrong with it is told when it is sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) timeout: Option<Duration>,
    redirects: u32,
    wrong: Option<String>,
}

impl Request {
    /// A request of any method, written in capitals. The URL is whole: `https://host/path?query`.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout: None,
            redirects: REDIRECTS,
            wrong: None,
        }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `HEAD`.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A `PATCH`.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a name and a value to the query, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        self.url.push(separator);
        encode(name, &mut self.url);
        self.url.push('=');
        encode(value, &mut self.url);
        self
    }

    /// Sets the body. Its type is set by [`header`](Self::header).
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to the JSON of a value, with its `Content-Type`.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                if !self.has_header("content-type") {
                    self = self.header("Content-Type", "application/json");
                }
                self.body(body)
            }
            Err(error) => {
                self.wrong = Some(format!("the body cannot be written as JSON: {error}"));
                self
            }
        }
    }

    /// How long to wait for the connection, for the answer's first byte, and between two pieces of it: each this long.
    /// The host's own limits hold as well.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many redirects to follow, five unless set. Only `GET` and `HEAD` follow any; the host judges each.
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// Sends the request and waits for the head of its answer.
    ///
    /// # Errors
    /// Where there is no answer. An answer with an error's status is a [`Response`].
    pub async fn send(mut self) -> Result<Response, Error> {
        if let Some(wrong) = self.wrong.take() {
            return Err(Error::new(ErrorKind::Invalid, wrong));
        }
        for _ in 0..self.redirects {
            let response = wire::send(&self).await?;
            let follows = matches!(self.method.as_str(), "GET" | "HEAD");
            let location = match response.status() {
                301 | 302 | 303 | 307 | 308 if follows => response.header("location"),
                _ => None,
            };
            let Some(location) = location else { return Ok(response) };
            let target = resolved(&self.url, location)?;
            if origin(&target) != origin(&self.url) {
                // What was meant for one server is not told to another.
                self.headers.retain(|(name, _)| {
                    !["authorization", "cookie", "proxy-authorization"].iter().any(|own| name.eq_ignore_ascii_case(own))
                });
            }
            self.url = target;
        }
        wire::send(&self).await
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Where a redirect leads (RFC 9110, section 10.2.2).
fn resolved(base: &str, location: &str) -> Result<String, Error> {
    let wrong = || Error::new(ErrorKind::Unexpected, format!("the redirect from {base} leads to no URL"));
    let base = fluent_uri::Uri::parse(base).map_err(|_| wrong())?;
    let location = location.split('#').next().unwrap_or_default();
    let location = fluent_uri::UriRef::parse(location).map_err(|_| wrong())?;
    let target = location.resolve_against(&base).map_err(|_| wrong())?;
    Ok(target.into_string())
}

/// Scheme and authority.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded() {
        let request = Request::get("https://x.test/a").query("q", "a b&c=ü").query("n", "1");
        assert_eq!(request.url, "https://x.test/a?q=a%20b%26c%3D%C3%BC&n=1");
    }

    #[test]
    fn a_redirect_is_resolved_against_its_request() {
        let base = "https://x.test/a/b?c=d";
        for (location, expect) in [
            ("/e", "https://x.test/e"),
            ("e?f", "https://x.test/a/e?f"),
            ("//y.test/z#part", "https://y.test/z"),
            ("http://y.test", "http://y.test"),
        ] {
            assert_eq!(resolved(base, location).unwrap(), expect);
        }
        assert!(resolved(base, "ht tp://").is_err());
        assert_ne!(origin("https://x.test/a"), origin("https://x.test:8/a"));
        assert_eq!(origin("https://x.test?q"), "https://x.test");
    }

    #[test]
    fn json_sets_the_type_unless_it_is_set() {
        let request = Request::post("https://x.test").header("content-type", "application/vnd.x+json").json(&[1]);
        assert_eq!(request.headers.len(), 1);
        assert_eq!(request.body.as_deref(), Some(b"[1]".as_slice()));
    }
}
