//! Which headers a component may send, and which of an answer it sees.
//!
//! What frames a message is the host's matter alone: a component that could write it could hide one request in another.

use crate::error::{Failure, HttpLimit};
use crate::limits::HttpLimits;
use http::header::{self, HeaderMap, HeaderName};
use tollgate_core::HttpUrl;

/// Those that speak of one connection, by RFC 9110 section 7.6.1, and what is like them.
const OF_THE_CONNECTION: [&str; 8] =
    ["connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "http2-settings", "expect"];
const PROXY: &str = "proxy-";

pub(crate) fn is_of_the_connection(name: &HeaderName) -> bool {
    OF_THE_CONNECTION.contains(&name.as_str()) || name.as_str().starts_with(PROXY)
}

/// Checks headers or trailers that a component sends, but for `Host` and `Content-Length`, which [`prepare`] has taken.
pub(crate) fn check(headers: &HeaderMap, limits: &HttpLimits) -> Result<(), Failure> {
    check_size(headers, limits)?;
    for (name, value) in headers {
        let bad = |why| Err(Failure::Header { name: name.to_string(), why });
        if is_of_the_connection(name) {
            return bad("it speaks of the connection, which is the host's matter");
        }
        if *name == header::HOST || *name == header::CONTENT_LENGTH {
            return bad("it cannot be sent here");
        }
        // The type has checked it; a smuggled line break would be too dear to rely on that.
        if value.as_bytes().iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return bad("its value has a line break or NUL in it");
        }
    }
    Ok(())
}

fn check_size(headers: &HeaderMap, limits: &HttpLimits) -> Result<(), Failure> {
    if headers.len() > limits.header_count {
        return Err(Failure::Limit { limit: HttpLimit::HeaderCount, value: limits.header_count as u64 });
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > limits.header_bytes {
        return Err(Failure::Limit { limit: HttpLimit::HeaderBytes, value: limits.header_bytes as u64 });
    }
    Ok(())
}

/// Checks the headers of a request, and takes out what the host writes itself. The length that it announces.
pub(crate) fn prepare(headers: &mut HeaderMap, url: &HttpUrl, limits: &HttpLimits) -> Result<Option<u64>, Failure> {
    let bad = |name: HeaderName, why| Err(Failure::Header { name: name.to_string(), why });
    check_size(headers, limits)?;
    let with_port = format!("{}:{}", url.host, url.port);
    for host in headers.get_all(header::HOST) {
        let same = |want: &str| host.as_bytes().eq_ignore_ascii_case(want.as_bytes());
        if !same(&url.authority()) && !same(&with_port) {
            return bad(header::HOST, "it is not the host of the URL; leave it out");
        }
    }
    headers.remove(header::HOST);
    let mut length = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        let digits = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        match digits.and_then(|text| text.parse::<u64>().ok()) {
            Some(number) if length.is_none() => length = Some(number),
            _ => return bad(header::CONTENT_LENGTH, "it is not one number"),
        }
    }
    headers.remove(header::CONTENT_LENGTH);
    check(headers, limits)?;
    Ok(length)
}

/// Takes out of an answer's headers, or trailers, what speaks of the connection.
pub(crate) fn clean_answer(headers: &mut HeaderMap, limits: &HttpLimits) -> Result<(), Failure> {
    check_size(headers, limits).map_err(|_| Failure::AnswerHeaders)?;
    let gone: Vec<HeaderName> = headers.keys().filter(|name| is_of_the_connection(name)).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
    Ok(())
}
