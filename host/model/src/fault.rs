//! What can go wrong with a request to an endpoint, in words for whoever can mend it, and whether another try is worth it.

use crate::draft::{Broken, ProviderError};
use crate::text::shown;
use http::{HeaderMap, StatusCode, header};
use std::time::{Duration, SystemTime};
use tollgate_core::ModelError;
use tollgate_outbound::{Failure, HttpLimit, Wait};

/// The longest that a provider is believed when it says how long to wait.
const MAX_SAID_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: ModelError,
    pub(crate) retry: Retry,
}

/// Whether another try is worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    /// After a while of our own.
    Soon,
    /// After what the provider said.
    After(Duration),
}

impl Fault {
    pub(crate) fn never(error: ModelError) -> Self {
        Self { error, retry: Retry::Never }
    }

    pub(crate) fn invalid(endpoint: &str, why: &str) -> Self {
        Self::never(ModelError::InvalidResponse(format!("{endpoint}: {why}")))
    }

    /// Of the way there and back.
    pub(crate) fn of_failure(endpoint: &str, failure: &Failure) -> Self {
        let text = format!("{endpoint}: {failure}");
        Self::never(match failure {
            Failure::Late { .. } => ModelError::TimedOut(text),
            Failure::Limit { limit: HttpLimit::ReceivedBytes, value } => {
                ModelError::InvalidResponse(format!("{endpoint}: the answer is longer than {value} bytes"))
            }
            Failure::Limit { .. } | Failure::RequestBody(_) | Failure::Header { .. } => {
                ModelError::InvalidRequest(text)
            }
            Failure::Incomplete | Failure::Protocol(_) | Failure::AnswerHeaders | Failure::Encoded(_) => {
                ModelError::InvalidResponse(text)
            }
            Failure::Address { why, .. } => {
                // Not the grant that its text names: this endpoint is the configuration's word.
                let why = why.split(", which").next().unwrap_or(why);
                ModelError::Unavailable(format!(
                    "{endpoint}: {why}; if that is meant, write the address itself into `model.url`, or set `model.private`"
                ))
            }
            _ => ModelError::Unavailable(text),
        })
    }

    /// Whether a failure is of a request that the provider may have read.
    pub(crate) fn is_past_sending(failure: &Failure) -> bool {
        match failure {
            Failure::Late { wait, .. } => *wait != Wait::Connect,
            Failure::Limit { limit, .. } => *limit == HttpLimit::ReceivedBytes,
            Failure::Incomplete | Failure::Protocol(_) | Failure::AnswerHeaders | Failure::Encoded(_) => true,
            _ => false,
        }
    }

    /// Of an answer that broke off.
    pub(crate) fn of_broken(endpoint: &str, broken: Broken, secret: Option<&str>) -> Self {
        match broken {
            Broken::Invalid(why) => Self::invalid(endpoint, &why),
            Broken::Said(said) => {
                let status = match said.kind.as_str() {
                    "overloaded_error" => 529,
                    "rate_limit_error" | "rate_limit_exceeded" => 429,
                    "authentication_error" => 401,
                    "permission_error" => 403,
                    "invalid_request_error" | "not_found_error" | "request_too_large" => 400,
                    _ => 500,
                };
                Self::of_status(endpoint, status, &said, Retry::Soon, secret)
            }
        }
    }

    /// Of an answer's status and what it says. `secret` is the name of the key that was sent.
    pub(crate) fn of_status(
        endpoint: &str,
        status: u16,
        said: &ProviderError,
        retry: Retry,
        secret: Option<&str>,
    ) -> Self {
        let kind = Some(said.kind.as_str()).filter(|kind| !kind.is_empty()).map(|kind| format!(" ({kind})"));
        let message = if said.message.is_empty() { "it says nothing more" } else { &said.message };
        let text = format!("{endpoint} answers {status}{}: {message}", kind.unwrap_or_default());
        let wait = match retry {
            Retry::After(wait) => Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            _ => None,
        };
        match status {
            401 | 403 => {
                let key = match secret {
                    Some(name) => format!("the key `model.secret` names the secret `{name}`: is it the right one?"),
                    None => "the key `model.secret` names no secret, and it wants one".to_owned(),
                };
                Self::never(ModelError::Unavailable(format!("{text}; {key}")))
            }
            // An empty account does not fill in a second.
            429 if said.kind == "insufficient_quota" => Self::never(ModelError::Rejected(text)),
            429 | 529 => Self { error: ModelError::RateLimited(wait), retry },
            503 if wait.is_some() => Self { error: ModelError::RateLimited(wait), retry },
            408 | 500.. => Self { error: ModelError::Unavailable(text), retry },
            404 => Self::never(ModelError::Rejected(format!("{text}; check `model.url` and `model.model`"))),
            400 if said.message.contains("schema") => Self::never(ModelError::Rejected(format!(
                "{text}; with `model.strict` set to false, schemas only describe"
            ))),
            400..500 => Self::never(ModelError::Rejected(text)),
            300..400 => Self::never(ModelError::Unavailable(format!(
                "{text}; redirects are not followed: write where it leads into `model.url`"
            ))),
            _ => Self::invalid(endpoint, &format!("it answers {status}")),
        }
    }
}

/// What an answer that is no success says, from the beginning of its body.
pub(crate) fn said(body: &[u8]) -> ProviderError {
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    match json.as_ref().and_then(|json| json.get("error")) {
        Some(error) => ProviderError::of(error),
        None => ProviderError { kind: String::new(), message: shown(&String::from_utf8_lossy(body)) },
    }
}

/// What the answer's head says of another try: `x-should-retry` and `retry-after-ms` of both providers' own clients, and
/// `Retry-After` (RFC 9110, section 10.2.3).
pub(crate) fn retry(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Retry {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if text("x-should-retry") == Some("false") {
        return Retry::Never;
    }
    let ms = text("retry-after-ms").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let after = text(header::RETRY_AFTER.as_str());
    let seconds = || after?.parse().ok().map(Duration::from_secs);
    let date = || httpdate::parse_http_date(after?).ok().map(|at| at.duration_since(now).unwrap_or_default());
    match ms.or_else(seconds).or_else(date) {
        Some(wait) => Retry::After(wait.min(MAX_SAID_WAIT)),
        None if status.is_server_error() || [408, 429].contains(&status.as_u16()) => Retry::Soon,
        None => Retry::Never,
    }
}
