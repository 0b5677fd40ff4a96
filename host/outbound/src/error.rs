//! Why a request has no answer. Texts are for the component's author and the operator; none holds a secret or a query.

use std::fmt;
use std::time::Duration;
use tollgate_core::{LimitKind, LimitReached, UrlError};

/// A ceiling of [`HttpLimits`](crate::HttpLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpLimit {
    /// Requests in a run.
    Requests,
    /// Requests at once.
    AtOnce,
    /// Bytes of all requests' bodies in a run.
    SentBytes,
    /// Bytes of all answers' bodies in a run.
    ReceivedBytes,
    /// Headers of one message.
    HeaderCount,
    /// Bytes of the headers of one message.
    HeaderBytes,
}

/// A time that was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// For the name's addresses, the connection and TLS.
    Connect,
    /// For the first byte of the answer.
    FirstByte,
    /// For more of the answer's body.
    BetweenBytes,
    /// For all of it.
    Total,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "there was no connection",
            Self::FirstByte => "the answer did not begin",
            Self::BetweenBytes => "no more of the answer came",
            Self::Total => "the request was not done",
        })
    }
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No grant allows it.
    #[error("{method} {url} is not granted; it needs --grant '{grant}'")]
    Denied {
        /// The method.
        method: String,
        /// The URL, without its query.
        url: String,
        /// The narrow grant that would allow it.
        grant: String,
    },
    /// The host's addresses are not ones that the grant reaches.
    #[error("{url} is refused: {why}")]
    Address {
        /// The URL, without its query.
        url: String,
        /// What the address is, and what would allow it.
        why: String,
    },
    /// The URL is ambiguous, or no URL.
    #[error("the URL is refused: {0}")]
    Url(#[from] UrlError),
    /// The method is never sent.
    #[error("the method {0} is never sent")]
    Method(String),
    /// A header that is the host's matter, or that contradicts the request.
    #[error("the header `{name}` is refused: {why}")]
    Header {
        /// Its name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The body is not as long as the request says, or its source failed.
    #[error("the request's body: {0}")]
    RequestBody(String),
    /// A ceiling of the run.
    #[error("{}", over(*.limit, *.value))]
    Limit {
        /// Which.
        limit: HttpLimit,
        /// Its value.
        value: u64,
    },
    /// The headers of the answer are more or longer than they may be.
    #[error("the answer's headers are more or larger than they may be")]
    AnswerHeaders,
    /// The name has no addresses.
    #[error("`{host}` cannot be resolved: {why}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver says.
        why: String,
    },
    /// Nobody listens.
    #[error("{0} refuses connections")]
    Refused(String),
    /// There is no connection for another reason.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the system says.
        why: String,
    },
    /// A time was over.
    #[error("{wait} within {}", humantime(.after))]
    Late {
        /// Which.
        wait: Wait,
        /// How long.
        after: Duration,
    },
    /// The server's certificate is not one to trust.
    #[error("the certificate of {host} is refused: {why}")]
    Certificate {
        /// Host and port.
        host: String,
        /// Why.
        why: String,
    },
    /// TLS failed for another reason.
    #[error("TLS with {host} failed: {why}")]
    Tls {
        /// Host and port.
        host: String,
        /// Why.
        why: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer was whole")]
    Incomplete,
    /// What came is not HTTP as it should be.
    #[error("the answer is not proper HTTP: {0}")]
    Protocol(String),
    /// The answer to a request with a secret is compressed, though it was asked not to be: it cannot be searched for it.
    #[error("the answer is encoded as `{0}`, though the request, which carries a secret, forbids it")]
    Encoded(String),
    /// A secret that is bound to the host cannot be had or sent.
    #[error("secret `{name}`: {why}")]
    Secret {
        /// Its name.
        name: String,
        /// What happened, and what to do.
        why: String,
    },
}

/// Which limit, its value, and how to raise it.
fn over(limit: HttpLimit, value: u64) -> String {
    let kind = match limit {
        HttpLimit::Requests => LimitKind::HttpRequests,
        HttpLimit::AtOnce => LimitKind::HttpAtOnce,
        HttpLimit::SentBytes => LimitKind::HttpSentBytes,
        HttpLimit::ReceivedBytes => LimitKind::HttpReceivedBytes,
        HttpLimit::HeaderCount => return format!("a request may have {value} headers, and this one has more"),
        HttpLimit::HeaderBytes => {
            return format!("the headers of a request may have {value} bytes, and these have more");
        }
    };
    LimitReached { kind, value }.to_string()
}

fn humantime(duration: &Duration) -> String {
    format!("{} ms", duration.as_millis())
}

impl Failure {
    /// The case of WASI HTTP 0.2's `error-code` that says it best. Only `internal-error` takes a text.
    pub fn wasi_code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "HTTP-request-denied",
            Self::Address { .. } => "destination-IP-prohibited",
            Self::Url(_) => "HTTP-request-URI-invalid",
            Self::Method(_) => "HTTP-request-method-invalid",
            Self::Header { .. } => "HTTP-request-header-size",
            Self::RequestBody(_) => "HTTP-request-body-size",
            Self::Limit { limit: HttpLimit::Requests | HttpLimit::AtOnce, .. } => "connection-limit-reached",
            Self::Limit { limit: HttpLimit::SentBytes, .. } => "HTTP-request-body-size",
            Self::Limit { limit: HttpLimit::ReceivedBytes, .. } => "HTTP-response-body-size",
            Self::Limit { limit: HttpLimit::HeaderCount | HttpLimit::HeaderBytes, .. } => {
                "HTTP-request-header-section-size"
            }
            Self::AnswerHeaders => "HTTP-response-header-section-size",
            Self::Dns { .. } => "DNS-error",
            Self::Refused(_) => "connection-refused",
            Self::Unreachable { .. } => "destination-unavailable",
            Self::Late { wait: Wait::Connect, .. } => "connection-timeout",
            Self::Late { wait: Wait::BetweenBytes, .. } => "connection-read-timeout",
            Self::Late { .. } => "HTTP-response-timeout",
            Self::Certificate { .. } => "TLS-certificate-error",
            Self::Tls { .. } => "TLS-protocol-error",
            Self::Incomplete => "HTTP-response-incomplete",
            Self::Protocol(_) => "HTTP-protocol-error",
            Self::Encoded(_) => "HTTP-response-content-coding",
            Self::Secret { .. } => "configuration-error",
        }
    }

    /// Of hyper. Its texts repeat nothing of the messages.
    pub(crate) fn of_hyper(error: &hyper::Error) -> Self {
        // The method for it is there for servers only; a test holds this text.
        if error.is_parse() && error.to_string().contains("too large") {
            return Self::AnswerHeaders;
        }
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            return Self::Incomplete;
        }
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if cause.downcast_ref::<std::io::Error>().is_some() {
                return Self::Incomplete;
            }
            source = cause.source();
        }
        // Not its source: HTTP/2 lets a server put text of its own there, which may repeat a secret.
        Self::Protocol(error.to_string())
    }
}
