//! Why a request to a server gave nothing, and which errors of rmcp and of the transports mean that.

use crate::http::HttpError;
use crate::text::clean;
use rmcp::model::ErrorData;
use rmcp::service::ClientInitializeError;
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;
use std::io;
use tollgate_core::{CallError, RpcError};

pub(super) const MAX_SHOWN_CHARS: usize = 500;

/// Why a request to a server gave nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was not sent.
    NotSent(String),
    /// It was sent, and the connection was lost.
    Lost(String),
    /// The server answered with an error.
    Rpc(ErrorData),
    /// The server wants authorisation.
    Auth(String),
    /// The server asks to slow down; milliseconds.
    RateLimited(Option<u64>),
    /// What came is not MCP.
    Invalid(String),
    /// What came is over the limit.
    TooLarge(String),
    /// Nothing came in time.
    TimedOut(String),
    /// It wants something of the client behind the call, and there is none, or it would not.
    NeedsClient(RpcError),
}

impl Fault {
    /// In words, without the server's name.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::NotSent(why) | Self::Lost(why) | Self::Invalid(why) | Self::TooLarge(why) | Self::TimedOut(why) => {
                why.clone()
            }
            Self::NeedsClient(error) => error.message.clone(),
            Self::Rpc(error) => {
                format!("answered JSON-RPC error {}: {}", error.code.0, clean(&error.message, MAX_SHOWN_CHARS))
            }
            Self::Auth(why) => format!("wants authorisation: {why}"),
            Self::RateLimited(_) => "asks to slow down (HTTP 429)".to_owned(),
        }
    }
}

/// Why a message could not be sent.
pub(super) fn transport_fault(error: &DynamicTransportError) -> Fault {
    let inner = error.error.as_ref();
    if let Some(error) = inner.downcast_ref::<io::Error>() {
        // A line that was not written whole is no message to its reader.
        return Fault::NotSent(format!("the connection is closed: {error}"));
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

pub(crate) fn http_fault(error: &HttpError) -> Fault {
    let text = error.to_string();
    match error {
        // 503 says that the request was not taken up; a proxy's 502 and 504 say nothing of the kind.
        HttpError::NotSent(_) | HttpError::Status { status: 503, .. } => Fault::NotSent(text),
        HttpError::Lost(_) | HttpError::Status { status: 502 | 504, .. } => Fault::Lost(text),
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

/// The server's JSON-RPC error, as the host tells it.
pub(crate) fn rejected(error: ErrorData) -> CallError {
    CallError::Rejected(RpcError {
        code: i64::from(error.code.0),
        message: clean(&error.message, 4_000),
        data: error.data.map(|d| d.to_string()),
    })
}
