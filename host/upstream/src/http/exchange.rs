//! One exchange over HTTP: what is sent, where it may be redirected, and what refusals and failures mean.

use super::client::HttpClient;
use crate::charge::{self, Charge};
use crate::text::{clean, with_causes};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::header::{AUTHORIZATION, DATE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use reqwest::{Request, Response, Url};
use std::error::Error;
use std::time::SystemTime;

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

/// Makes a request. The user in the URL goes as a header (RFC 7617).
pub(super) fn request(method: Method, url: &str, headers: HeaderMap) -> Result<Request, HttpError> {
    let mut url = crate::http::parse_url(url).map_err(HttpError::NotSent)?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = (decoded(url.username()), url.password().map(decoded).unwrap_or_default());
    let has_user = !url.username().is_empty() || url.password().is_some();
    // Neither fails for a URL with a host.
    let _ = (url.set_username(""), url.set_password(None));
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    if has_user && !request.headers().contains_key(AUTHORIZATION) {
        let value = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", user.0, user.1)));
        let mut value = HeaderValue::from_str(&value).map_err(|error| HttpError::NotSent(error.to_string()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// Sends a request, and once more for each redirect that may be followed.
pub(crate) async fn send(client: &HttpClient, mut request: Request) -> Result<Response, HttpError> {
    for redirects in 0..=MAX_REDIRECTS {
        let again = request.try_clone();
        let response = client.send(request).await.map_err(|error| match error {
            // The server that redirected has had the request.
            HttpError::NotSent(why) if redirects > 0 => HttpError::Lost(why),
            error => error,
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
    shown(&error.without_url())
}

/// The error and its causes, of which none may name a URL.
pub(super) fn shown(error: &dyn Error) -> String {
    clean(&with_causes(error), MAX_SHOWN_CHARS)
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
    fn the_user_of_a_url_becomes_a_header() {
        let sent = request(Method::GET, "http://al%40b:p%3Aw@127.0.0.1:3/mcp?a=1", HeaderMap::new()).unwrap();
        assert_eq!(sent.url().as_str(), "http://127.0.0.1:3/mcp?a=1");
        let value = sent.headers()[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(BASE64_STANDARD.decode(value).unwrap(), b"al@b:p:w");
        let sent = request(Method::GET, "http://127.0.0.1:3/mcp", HeaderMap::new()).unwrap();
        assert!(!sent.headers().contains_key(AUTHORIZATION));
    }

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
