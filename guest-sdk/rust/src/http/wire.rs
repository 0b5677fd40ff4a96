//! One exchange over `wasi:http`: the only place that knows its resources.

use std::fmt;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    http_error_code,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::poll::ready;
use super::{Error, ErrorKind, Request, Response};

/// How much of a body is asked for at once.
const CHUNK: u64 = 64 << 10;

/// Sends a request and waits for the head of its answer. Follows no redirect.
pub(super) async fn send(request: &Request) -> Result<Response, Error> {
    let outgoing = outgoing(request)?;
    let body = match &request.body {
        Some(_) => Some(outgoing.body().map_err(|()| invalid("the request can have no body"))?),
        None => None,
    };
    let options = RequestOptions::new();
    if let Some(timeout) = request.timeout {
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        // A host that knows no such option has its own limits.
        let _ = options.set_connect_timeout(Some(nanos));
        let _ = options.set_first_byte_timeout(Some(nanos));
        let _ = options.set_between_bytes_timeout(Some(nanos));
    }
    let answer = outgoing_handler::handle(outgoing, Some(options))?;
    if let (Some(body), Some(bytes)) = (body, &request.body) {
        // A server may answer before it has read everything: what it says counts, not that it stopped reading.
        if write(&body, bytes).await.is_ok() {
            let _ = OutgoingBody::finish(body, None);
        }
    }
    ready(answer.subscribe()).await;
    let lost = || Error::new(ErrorKind::Broken, "the host lost the request");
    let response = answer.get().ok_or_else(lost)?.map_err(|()| lost())??;
    let headers = response.headers().entries();
    Ok(Response { status: response.status(), headers, url: request.url.clone(), body: Incoming::new(response)? })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Error> {
    let url = &request.url;
    let parsed = fluent_uri::Uri::parse(url.as_str()).map_err(|error| invalid(format!("{url} is no URL: {error}")))?;
    let scheme = match parsed.scheme().as_str().to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => return Err(invalid(format!("{url}: the scheme {other} is not http or https"))),
    };
    let authority = parsed.authority().filter(|authority| !authority.host().is_empty());
    let authority = authority.ok_or_else(|| invalid(format!("{url} has no host")))?;
    if authority.userinfo().is_some() {
        return Err(invalid("a user name in a URL is not sent; the host adds credentials"));
    }
    let path = match parsed.path().as_str() {
        "" => "/",
        path => path,
    };
    let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();

    let mut headers = request.headers.clone();
    if let (Some(body), false) = (&request.body, request.has_header("content-length")) {
        headers.push(("Content-Length".to_owned(), body.len().to_string().into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|error| invalid(format!("a header is not allowed: {error}")))?;
    let outgoing = OutgoingRequest::new(headers);
    let refused = |()| invalid(format!("the host does not take the method {} or the URL {url}", request.method));
    outgoing.set_method(&method(&request.method)).map_err(refused)?;
    outgoing.set_scheme(Some(&scheme)).map_err(refused)?;
    outgoing.set_authority(Some(authority.as_str())).map_err(refused)?;
    outgoing.set_path_with_query(Some(&format!("{path}{query}"))).map_err(refused)?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

async fn write(body: &OutgoingBody, mut bytes: &[u8]) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else { return Err(StreamError::Closed) };
    while !bytes.is_empty() {
        let room = usize::try_from(room(&stream).await?).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()?;
    // The flush is done when there is room again.
    room(&stream).await.map(drop)
}

async fn room(stream: &OutputStream) -> Result<u64, StreamError> {
    loop {
        match stream.check_write()? {
            0 => ready(stream.subscribe()).await,
            room => return Ok(room),
        }
    }
}

/// The body of an answer. Its resources are dropped in the order of the members: children first.
pub(super) struct Incoming {
    stream: Option<InputStream>,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Incoming {
    fn new(response: IncomingResponse) -> Result<Self, Error> {
        let lost = |()| Error::new(ErrorKind::Broken, "the host lost the answer");
        let body = response.consume().map_err(lost)?;
        let stream = body.stream().map_err(lost)?;
        Ok(Self { stream: Some(stream), _body: body, _response: response })
    }

    /// The next piece; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(stream) = &self.stream {
            match stream.read(CHUNK) {
                Ok(chunk) if chunk.is_empty() => ready(stream.subscribe()).await,
                Ok(chunk) => return Ok(Some(chunk)),
                Err(StreamError::Closed) => self.stream = None,
                Err(StreamError::LastOperationFailed(error)) => {
                    let said = http_error_code(&error).map(Error::from);
                    return Err(said.unwrap_or_else(|| Error::new(ErrorKind::Broken, error.to_debug_string())));
                }
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("ended", &self.stream.is_none()).finish_non_exhaustive()
    }
}
