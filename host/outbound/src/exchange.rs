//! One request that was judged, and its answer.

use crate::body::{self, Back, BoxError, Outgoing, ResponseBody, Upload};
use crate::client::Shared;
use crate::connect::{Connection, Sender};
use crate::error::{Failure, Wait};
use crate::headers;
use crate::limits::{HttpBudget, HttpLimits, Underway};
use crate::pool::{Origin, Owner};
use crate::secrets::Binding;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::time::Instant;
use tollgate_core::{HttpUrl, Reach, Secret};
use tollgate_secrets::Redactor;

/// The longest body that is kept for a second try, in bytes.
const MAX_REPEATED: u64 = 64 << 10;

/// How many connections that waited are tried, before it is a new one.
const MAX_STALE: usize = 3;

#[derive(Clone)]
pub(crate) struct Exchange {
    pub shared: Arc<Shared>,
    pub owner: Owner,
    pub budget: Arc<HttpBudget>,
    /// The budget's, or less time.
    pub limits: Arc<HttpLimits>,
}

/// What does not change between the tries of a request.
struct Plan {
    url: HttpUrl,
    reach: Reach,
    parts: Parts,
    length: Option<u64>,
    bindings: Vec<Binding>,
}

type Answer = (http::Response<Incoming>, Connection, Arc<Upload>);

impl Exchange {
    pub fn new(shared: Arc<Shared>, owner: Owner, budget: Arc<HttpBudget>) -> Self {
        let limits = Arc::new(budget.limits().clone());
        Self { shared, owner, budget, limits }
    }

    /// Sends it, within the time for all of it.
    pub async fn run(
        &self,
        underway: Underway,
        (url, reach): (HttpUrl, Reach),
        mut parts: Parts,
        body: UnsyncBoxBody<Bytes, BoxError>,
        bindings: Vec<Binding>,
    ) -> Result<http::Response<ResponseBody>, Failure> {
        let limits = &self.limits;
        let deadline = Instant::now() + limits.total;
        let length = headers::prepare(&mut parts.headers, &url, limits)?;
        if let (Some(said), Some(is)) = (length, body.size_hint().exact())
            && said != is
        {
            return Err(Failure::RequestBody(format!("it has {is} bytes, and its Content-Length says {said}")));
        }
        parts.extensions.clear();
        parts
            .headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
        if !bindings.is_empty() {
            // What is compressed cannot be searched.
            parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let plan = Plan { url, reach, parts, length, bindings };
        let tries = async {
            let ((response, connection, upload), redactor) = self.try_twice(&plan, body).await?;
            let back = Back {
                pool: self.shared.pool.clone(),
                owner: self.owner.clone(),
                origin: Origin::of(&plan.url),
                connection,
            };
            let (mut head, incoming) = response.into_parts();
            self.clean(&plan, &mut head, redactor.as_deref())?;
            let redact = redactor.map(|redactor| redactor.stream());
            let meters = (self.budget.clone(), underway, upload);
            let body = ResponseBody::new(incoming, redact, meters, (self.limits.clone(), deadline), back);
            Ok(http::Response::from_parts(head, body))
        };
        let late = Failure::Late { wait: Wait::Total, after: limits.total };
        tokio::time::timeout_at(deadline, tries).await.unwrap_or(Err(late))
    }

    /// Once; again if a secret that can be renewed is refused and the body is short enough to have been kept.
    async fn try_twice(
        &self,
        plan: &Plan,
        body: UnsyncBoxBody<Bytes, BoxError>,
    ) -> Result<(Answer, Option<Arc<Redactor>>), Failure> {
        let mut values = Vec::new();
        for binding in &plan.bindings {
            values.push((binding.name().to_owned(), binding.value(None).await?));
        }
        let is_short = body.size_hint().upper().is_some_and(|upper| upper <= MAX_REPEATED);
        let repeated = if is_short && plan.bindings.iter().any(Binding::is_renewable) {
            let collected = body.collect().await.map_err(|error| Failure::RequestBody(error.to_string()))?;
            Ok(collected.to_bytes())
        } else {
            Err(body)
        };
        let (first, kept) = match repeated {
            Ok(bytes) => (body::whole(bytes.clone()), Some(bytes)),
            Err(body) => (body, None),
        };
        let mut answer = self.attempt(plan, &values, first).await?;
        if answer.0.status() == StatusCode::UNAUTHORIZED {
            let mut is_changed = false;
            for (binding, (_, value)) in plan.bindings.iter().zip(&mut values).filter(|(b, _)| b.is_renewable()) {
                let other = binding.value(Some(value)).await?;
                is_changed |= other != *value;
                *value = other;
            }
            if let Some(bytes) = kept.filter(|_| is_changed) {
                drop(answer);
                answer = self.attempt(plan, &values, body::whole(bytes)).await?;
            }
        }
        let redactor = if values.is_empty() { None } else { Some(self.shared.redactor(&values)?) };
        Ok((answer, redactor))
    }

    /// On a connection that waits, or a new one. Where the one that waited had closed before anything was sent, on another.
    async fn attempt(
        &self,
        plan: &Plan,
        values: &[(String, Secret)],
        body: UnsyncBoxBody<Bytes, BoxError>,
    ) -> Result<Answer, Failure> {
        let Plan { url, reach, parts, .. } = plan;
        let limits = &self.limits;
        let upload = Arc::new(Upload::default());
        let mut body = Outgoing::new(body, plan.length, self.budget.clone(), upload.clone());
        let origin = Origin::of(url);
        let mut stale = 0;
        loop {
            let permits = |ip| stale < MAX_STALE && reach.permits(&url.host, ip);
            let waiting = self.shared.pool.take(&self.owner, &origin, permits);
            let is_new = waiting.is_none();
            let mut connection = match waiting {
                Some(connection) => connection,
                None => self.shared.dialer.dial(parts.method.as_str(), url, *reach, limits).await?,
            };
            let mut parts = parts.clone();
            for (binding, (_, value)) in plan.bindings.iter().zip(values) {
                binding.add(value, url, connection.address, &mut parts)?;
            }
            address(&mut parts, url, &connection)?;
            // The next requests of this origin need not wait for another connection.
            if let Some(shared) = connection.share().filter(|_| is_new) {
                self.shared.pool.put(&self.owner, &origin, shared);
            }
            let request = http::Request::from_parts(parts, body);
            let failed = |error: &hyper::Error| upload.failure().unwrap_or_else(|| Failure::of_hyper(error));
            let sent = send(&mut connection.sender, request);
            match self.first_byte(sent, &upload).await? {
                Ok(response) => return Ok((response, connection, upload)),
                Err(mut error) => match error.take_message().filter(|_| !is_new) {
                    Some(request) => (body, stale) = (request.into_body(), stale + 1),
                    None => return Err(failed(error.error())),
                },
            }
        }
    }

    /// Waits for the answer to begin; as long as the request's body moves, there is more time.
    async fn first_byte<T>(&self, sent: impl Future<Output = T>, upload: &Upload) -> Result<T, Failure> {
        let after = self.limits.first_byte;
        let mut sent = std::pin::pin!(sent);
        let mut from = Instant::now();
        loop {
            if let Ok(done) = tokio::time::timeout_at(from + after, &mut sent).await {
                return Ok(done);
            }
            match upload.moved() {
                Some(moved) if moved > from => from = moved,
                _ => return Err(Failure::Late { wait: Wait::FirstByte, after }),
            }
        }
    }

    /// Makes the answer's head fit for the component.
    fn clean(&self, plan: &Plan, head: &mut http::response::Parts, redactor: Option<&Redactor>) -> Result<(), Failure> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::Protocol("it switches to another protocol".to_owned()));
        }
        // The reason phrase is text of the server too.
        head.extensions.clear();
        let headers = &mut head.headers;
        for coding in headers.get_all(header::TRANSFER_ENCODING) {
            if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(Failure::Protocol("it has a transfer coding other than `chunked`".to_owned()));
            }
        }
        if headers.contains_key(header::TRANSFER_ENCODING) {
            headers.remove(header::CONTENT_LENGTH);
        }
        headers::clean_answer(headers, &self.limits)?;
        let Some(redactor) = redactor else { return Ok(()) };
        if plan.parts.method != Method::HEAD {
            for coding in headers.get_all(header::CONTENT_ENCODING) {
                if !coding.as_bytes().eq_ignore_ascii_case(b"identity") {
                    let shown: String = String::from_utf8_lossy(coding.as_bytes()).chars().take(40).collect();
                    return Err(Failure::Encoded(redactor.redact(&shown).into_owned()));
                }
            }
            // What takes a secret's place has another length.
            headers.remove(header::CONTENT_LENGTH);
        }
        *headers = redacted(headers, redactor);
        Ok(())
    }
}

fn redacted(headers: &HeaderMap, redactor: &Redactor) -> HeaderMap {
    let clean = headers.iter().filter_map(|(name, value)| {
        let is_name = redactor.redact(name.as_str()) == name.as_str();
        let value = HeaderValue::from_bytes(&redactor.redact_bytes(value.as_bytes())).ok();
        value.filter(|_| is_name).map(|value| (name.clone(), value))
    });
    let mut out = HeaderMap::with_capacity(headers.len());
    for (name, value) in clean {
        out.append(name, value);
    }
    out
}

/// Writes the URL as the connection's version wants it: the path, or all of it.
fn address(parts: &mut Parts, url: &HttpUrl, connection: &Connection) -> Result<(), Failure> {
    let bad = |_| Failure::Protocol("the URL cannot be sent".to_owned());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    if connection.is_shared() {
        parts.version = Version::HTTP_2;
        parts.uri = Uri::try_from(format!("{}{target}", url.origin())).map_err(bad)?;
    } else {
        parts.version = Version::HTTP_11;
        parts.uri = Uri::try_from(target).map_err(bad)?;
        let host = HeaderValue::try_from(url.authority());
        parts.headers.insert(header::HOST, host.map_err(|_| Failure::Protocol("the host cannot be sent".to_owned()))?);
    }
    Ok(())
}

type Sent = Result<http::Response<Incoming>, hyper::client::conn::TrySendError<http::Request<Outgoing>>>;

async fn send(sender: &mut Sender, request: http::Request<Outgoing>) -> Sent {
    match sender {
        Sender::One(sender, _) => {
            // One that waited may be at its end by now, and says so here.
            let _ = sender.ready().await;
            sender.try_send_request(request).await
        }
        Sender::Two(sender, _) => sender.try_send_request(request).await,
    }
}
