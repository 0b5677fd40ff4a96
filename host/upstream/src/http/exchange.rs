//! One exchange over HTTP: what is sent, where it may be redirected, and what refusals and failures mean.

use crate::charge::{self, Charge};
use crate::text::{clean, with_causes};
use crate::web::{client_builder, through};
use http::header::{DATE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use reqwest::{RequestBuilder, Response, Url};
use std::sync::OnceLock;
use std::time::SystemTime;
use tollgate_core::Configured;

/// How much of the body of a refusal is read.
pub(super) const MAX_REFUSAL_BYTES: usize = 64 << 10;
const MAX_SHOWN_CHARS: usize = 300;
const MAX_REDIRECTS: usize = 10;

/// Why an HTTP exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nothing of the request was sent.
    #[error("{0}")]
    NotSent(String),
    /// The request was sent, at least in part; the answer did not come, or not whole.
    #[error("{0}")]
    Lost(String),
    /// 401 or 403.
    #[error("HTTP {status}{challenge}")]
    Auth {
        /// The status.
        status: u16,
        /// The challenge, if there is one.
        challenge: String,
    },
    /// 401 or 403 where OAuth is used, and what to do.
    #[error("{0}")]
    Login(String),
    /// 429, or 503 with a time: the milliseconds to wait where the server said so.
    #[error("asks to slow down")]
    RateLimited(Option<u64>),
    /// Any other refusal.
    #[error("HTTP {status}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The answer is over the limit.
    #[error("sent a message over {}", crate::bytes_text(*.0))]
    TooLarge(usize),
    /// The answer is not MCP.
    #[error("{0}")]
    NotMcp(String),
}

/// The clients that all servers share which need no proxy. Made when they are needed: a host whose servers are all programs reads no
/// certificates.
#[derive(Default)]
pub(crate) struct HttpClients {
    /// For `http`: without a pool. Such servers are near, so a connection costs little; a connection that is
    /// used again costs 40 ms a call where the server writes head and body apart (Nagle's algorithm there,
    /// delayed acknowledgement here, which Linux leaves out on new connections).
    plain: OnceLock<Result<reqwest::Client, String>>,
    /// For `https`: pooled by origin, because a handshake costs much.
    secure: OnceLock<Result<reqwest::Client, String>>,
}

impl HttpClients {
    /// # Errors
    /// The machine has no usable TLS set-up, or the proxy is none.
    pub(crate) fn for_url(&self, url: &Url, proxy: Option<&Configured<String>>) -> Result<reqwest::Client, String> {
        let made =
            |builder: reqwest::ClientBuilder| builder.build().map_err(|error| format!("no HTTP client: {error}"));
        if let Some(proxy) = proxy {
            return made(client_builder(Some(through(proxy, |_| true)?)));
        }
        let client = if url.scheme() == "https" {
            self.secure.get_or_init(|| made(client_builder(None)))
        } else {
            self.plain.get_or_init(|| made(client_builder(None).pool_max_idle_per_host(0)))
        };
        client.clone()
    }
}

/// Sends a request, and once more for each redirect that may be followed.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, HttpError> {
    let (client, request) = request.build_split();
    let mut request = request.map_err(|error| HttpError::NotSent(error_text(error)))?;
    for redirects in 0..=MAX_REDIRECTS {
        let again = request.try_clone();
        let response = client.execute(request).await.map_err(|error| {
            // Where there was a redirect, the server has had the request before.
            let not_sent = redirects == 0 && (error.is_connect() || error.is_builder());
            let text = error_text(error);
            if not_sent { HttpError::NotSent(text) } else { HttpError::Lost(text) }
        })?;
        match (redirected(&response), again) {
            (Some(url), Some(mut next)) => {
                *next.url_mut() = url;
                request = next;
            }
            _ => return Ok(response),
        }
    }
    Err(HttpError::NotMcp(format!("redirects over {MAX_REDIRECTS} times")))
}

/// Where a request is to be sent again. Headers hold secrets, so no redirect leaves the origin; and only 307 and 308 keep
/// the message.
fn redirected(response: &Response) -> Option<Url> {
    if !matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let next = response.url().join(location).ok()?;
    (next.origin() == response.url().origin()).then_some(next)
}

/// The error and its causes. Without the URL, which may hold secrets.
pub(super) fn error_text(error: reqwest::Error) -> String {
    clean(&with_causes(&error.without_url()), MAX_SHOWN_CHARS)
}

/// Turns a refusal into its error.
pub(crate) async fn refuse(response: Response, now: SystemTime) -> Result<Response, HttpError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if let Some(error) = auth_or_wait(&response, now) {
        return Err(error);
    }
    let body = read_body(response, MAX_REFUSAL_BYTES, None).await.unwrap_or_default();
    Err(status_error(status, &body))
}

/// A refusal that wants authorisation, or a pause.
pub(super) fn auth_or_wait(response: &Response, now: SystemTime) -> Option<HttpError> {
    let header = |name| response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let status = response.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let challenge = header(WWW_AUTHENTICATE).map(|c| format!(": {}", clean(c, MAX_SHOWN_CHARS)));
            Some(HttpError::Auth { status: status.as_u16(), challenge: challenge.unwrap_or_default() })
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            // The server's own clock tells how long its date is off.
            let now = header(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
            let wait_ms = header(RETRY_AFTER).and_then(|value| wait_ms(value, now));
            // A 503 that says when is as good as a 429; one that does not says that the server is down.
            (wait_ms.is_some() || status == StatusCode::TOO_MANY_REQUESTS).then_some(HttpError::RateLimited(wait_ms))
        }
        _ => None,
    }
}

/// How long a `Retry-After` asks to wait (RFC 9110, section 10.2.3): seconds, or a date.
fn wait_ms(value: &str, now: SystemTime) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let wait = then.duration_since(now).unwrap_or_default();
    Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn status_error(status: StatusCode, body: &[u8]) -> HttpError {
    let mut body = clean(&String::from_utf8_lossy(body), MAX_SHOWN_CHARS);
    if status.is_redirection() {
        body = "redirects elsewhere, which is not followed; configure the final URL".to_owned();
    } else if body.is_empty() {
        body = status.canonical_reason().unwrap_or("no reason given").to_owned();
    }
    HttpError::Status { status: status.as_u16(), body }
}

pub(super) async fn read_body(
    mut response: Response,
    max_bytes: usize,
    charge: Option<&Charge>,
) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| HttpError::Lost(error_text(error)))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(HttpError::TooLarge(max_bytes));
        }
        charge::grow(charge, body.len() + chunk.len()).map_err(|_| HttpError::TooLarge(body.len()))?;
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_time_to_wait_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1_445_412_470);
        for (value, want) in [
            ("7", Some(7_000)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(10_000)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait_ms(value, now), want, "{value}");
        }
    }
}
