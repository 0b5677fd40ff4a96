//! Why a request to a server gave nothing, and which errors of rmcp and of the transports mean that.

use crate::http::HttpError;
use crate::text::clean;
use rmcp::model::ErrorData;
use rmcp::service::ClientInitializeError;
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;
use serde_json::Value;
use std::io::ErrorKind;
use tollgate_core::{CallError, LimitReached, RpcError};
use tollgate_lines::LineError;

pub(super) const MAX_SHOWN_CHARS: usize = 500;

/// Why a request to a server gave nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing of it was sent.
    NotSent(String),
    /// It was sent, at least in part, and the connection was lost.
    Lost(String),
    /// It was sent, and what stands before the server did not get its answer (HTTP 502 and 504).
    Unanswered(String),
    /// The server is there, and says that it does not take requests now (HTTP 503).
    Unavailable(String),
    /// The server takes no such request (HTTP 4xx).
    Refused(String),
    /// The server answered with an error.
    Rpc(ErrorData),
    /// The server wants authorisation (HTTP 401 and 403).
    Auth(String),
    /// The server asks to slow down (HTTP 429, and 503 with a time); milliseconds.
    RateLimited(Option<u64>),
    /// What came is not MCP.
    Invalid(String),
    /// What came is over the limit.
    TooLarge(String),
    /// The answer is more than the run that asked may have the host hold.
    Limit(LimitReached),
    /// Nothing came in time.
    TimedOut(String),
    /// It wants something of the client behind the call, and there is none, or it would not.
    NeedsClient(RpcError),
}

impl Fault {
    /// Whether the server has surely done nothing: it did not get the request, or refused it by HTTP before it read it.
    pub(crate) fn is_untaken(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Auth(_) | Self::RateLimited(_))
    }

    /// The HTTP status of a refusal that has a kind of its own. One status is as good as another of its kind.
    pub(crate) fn http_status(&self) -> Option<u16> {
        match self {
            Self::Unanswered(_) => Some(502),
            Self::Unavailable(_) => Some(503),
            Self::Auth(_) => Some(401),
            _ => None,
        }
    }

    /// In words, without the server's name.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::NotSent(why)
            | Self::Lost(why)
            | Self::Unanswered(why)
            | Self::Unavailable(why)
            | Self::Refused(why)
            | Self::Invalid(why)
            | Self::TooLarge(why)
            | Self::TimedOut(why) => why.clone(),
            Self::NeedsClient(error) => error.message.clone(),
            Self::Rpc(error) => {
                format!("answered JSON-RPC error {}: {}", error.code.0, clean(&error.message, MAX_SHOWN_CHARS))
            }
            Self::Auth(why) => format!("wants authorisation: {why}"),
            Self::RateLimited(_) => "asks to slow down".to_owned(),
            Self::Limit(reached) => reached.to_string(),
        }
    }
}

/// Why a message could not be sent.
pub(super) fn transport_fault(error: &DynamicTransportError) -> Fault {
    let inner = error.error.as_ref();
    if let Some(error) = inner.downcast_ref::<LineError>() {
        return line_fault(error);
    }
    if let Some(error) = inner.downcast_ref::<HttpError>() {
        return http_fault(error);
    }
    match inner.downcast_ref::<StreamableHttpError<HttpError>>() {
        Some(StreamableHttpError::Client(error)) => http_fault(error),
        Some(StreamableHttpError::AuthRequired(error)) => {
            Fault::Auth(clean(&error.www_authenticate_header, MAX_SHOWN_CHARS))
        }
        Some(StreamableHttpError::TransportChannelClosed) => Fault::Lost("the connection was lost".to_owned()),
        _ => Fault::Lost(clean(&inner.to_string(), MAX_SHOWN_CHARS)),
    }
}

pub(super) fn line_fault(error: &LineError) -> Fault {
    match error {
        LineError::NotSent(error) => Fault::NotSent(format!("the connection is closed: {error}")),
        LineError::Lost(error) if error.kind() == ErrorKind::ConnectionAborted => {
            Fault::Lost("the connection was lost".to_owned())
        }
        LineError::Lost(error) => Fault::Lost(format!("the connection is closed: {error}")),
    }
}

pub(crate) fn http_fault(error: &HttpError) -> Fault {
    let text = error.to_string();
    match error {
        HttpError::NotSent(_) => Fault::NotSent(text),
        HttpError::Lost(_) => Fault::Lost(text),
        HttpError::Status { status: 502 | 504, .. } => Fault::Unanswered(text),
        HttpError::Status { status: 503, .. } => Fault::Unavailable(text),
        HttpError::Status { status: 408, .. } => Fault::TimedOut(text),
        HttpError::Status { status: 400..=499, .. } => Fault::Refused(text),
        HttpError::Auth { .. } | HttpError::Login(_) => Fault::Auth(text),
        HttpError::RateLimited(wait_ms) => Fault::RateLimited(*wait_ms),
        HttpError::TooLarge(_) => Fault::TooLarge(text),
        HttpError::Status { .. } | HttpError::NotMcp(_) => Fault::Invalid(text),
    }
}

pub(super) fn open_fault(error: ClientInitializeError) -> Fault {
    match error {
        ClientInitializeError::TransportError { error, .. } => transport_fault(&error),
        ClientInitializeError::JsonRpcError(error) => Fault::Rpc(error),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => open_fault(*fallback),
        ClientInitializeError::ConnectionClosed(_) => {
            Fault::Lost("the connection was closed before the server was ready".to_owned())
        }
        // Their texts hold what the server sent.
        error => Fault::Invalid(format!("did not begin as MCP does: {}", clean(&error.to_string(), MAX_SHOWN_CHARS))),
    }
}

/// The codes by which servers say over JSON-RPC that they want fewer requests. MCP has none yet: 429 is HTTP's,
/// -32029 is common among servers, -32023 is what SEP-3304 proposes.
const SLOW_DOWN: [i32; 3] = [429, -32029, -32023];

/// How long an error of [`SLOW_DOWN`] asks to wait, in milliseconds, by the members that servers use for it.
fn wait_ms(data: &Value) -> Option<u64> {
    let member = |name: &str| data.get(name).and_then(Value::as_f64).filter(|wait| wait.is_finite() && *wait >= 0.0);
    let millis = ["retryAfterMs", "retry_after_ms"].into_iter().find_map(member);
    let seconds =
        ["retryAfter", "retry_after", "retryAfterSeconds", "retry_after_seconds"].into_iter().find_map(member);
    // A cast from a float saturates.
    millis.or(seconds.map(|seconds| seconds * 1_000.0)).map(|wait| wait.ceil() as u64)
}

/// The server's JSON-RPC error, as the host tells it.
pub(crate) fn rejected(error: ErrorData) -> CallError {
    if SLOW_DOWN.contains(&error.code.0) {
        return CallError::RateLimited(error.data.as_ref().and_then(wait_ms));
    }
    CallError::Rejected(RpcError {
        code: i64::from(error.code.0),
        message: clean(&error.message, 4_000),
        data: error.data.map(|d| d.to_string()),
    })
}
