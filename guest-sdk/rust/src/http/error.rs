//! Why a request was not answered.

use std::fmt;

use wasip2::http::types::ErrorCode;

/// Why a request was not answered, or its answer not read. A response with an error's status is no such error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What a program can tell an [`Error`] by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong: its URL, a header, its body. Nothing was sent.
    Invalid,
    /// The host does not allow it. Nothing was sent; ask for the grant.
    Denied,
    /// The other side cannot be reached, by name, by address or by TLS.
    Unreachable,
    /// No answer, or no more of it, in time. The request may have had an effect.
    TimedOut,
    /// The answer is larger than its reader allows.
    TooLarge,
    /// The answer is not what was asked for: not a text, not the JSON of that type.
    Unexpected,
    /// The connection failed after the request was sent. The request may have had an effect.
    Broken,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        use ErrorKind::{Broken, Denied, Invalid, TimedOut, TooLarge, Unreachable};
        let (kind, message) = match code {
            ErrorCode::HttpRequestDenied => (Denied, "the host does not allow this request".to_owned()),
            ErrorCode::DestinationIpProhibited => {
                (Denied, "the host does not allow requests to that address".to_owned())
            }
            // Where a host has something to say, it says it so.
            ErrorCode::InternalError(Some(text)) => (if text.starts_with("denied: ") { Denied } else { Broken }, text),
            ErrorCode::InternalError(None) => (Broken, "the host could not make the request".to_owned()),
            ErrorCode::DnsTimeout => (Unreachable, "the host's name was not resolved in time".to_owned()),
            ErrorCode::DnsError(error) => {
                let why = error.rcode.map(|rcode| format!(": {rcode}")).unwrap_or_default();
                (Unreachable, format!("the host's name was not resolved{why}"))
            }
            ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused => (Unreachable, "nothing answers at that address".to_owned()),
            ErrorCode::ConnectionTimeout => (Unreachable, "no connection was made in time".to_owned()),
            ErrorCode::ConnectionLimitReached => (Unreachable, "the host has no more connections to give".to_owned()),
            ErrorCode::TlsCertificateError => (Unreachable, "the server's certificate is not trusted".to_owned()),
            ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
                (Unreachable, "no TLS connection was made".to_owned())
            }
            ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
                (TimedOut, "no answer came in time; the request may have had an effect".to_owned())
            }
            ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
                (Broken, "the connection ended before the answer was whole".to_owned())
            }
            ErrorCode::HttpResponseBodySize(_) | ErrorCode::HttpResponseHeaderSectionSize(_) => {
                (TooLarge, "the answer is larger than the host allows".to_owned())
            }
            ErrorCode::HttpRequestBodySize(_) => (TooLarge, "the request is larger than the host allows".to_owned()),
            ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
                (Invalid, "the request's method or URL is not valid".to_owned())
            }
            other => (Broken, format!("the request failed: {other:?}")),
        };
        Self::new(kind, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_says_why_is_quoted() {
        let error = Error::from(ErrorCode::InternalError(Some("denied: no grant for http=https://x.test".into())));
        assert_eq!(error.to_string(), "denied: no grant for http=https://x.test");
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(Error::from(ErrorCode::InternalError(Some("reset".into()))).kind(), ErrorKind::Broken);
        assert_eq!(Error::from(ErrorCode::HttpRequestDenied).kind(), ErrorKind::Denied);
    }

    #[test]
    fn an_error_becomes_a_policys_error_with_its_words() {
        let error = crate::Error::from(Error::from(ErrorCode::ConnectionRefused));
        assert_eq!(error.to_string(), "nothing answers at that address");
    }
}
