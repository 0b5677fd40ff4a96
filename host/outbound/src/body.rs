//! The bodies of requests and answers on their way: counted, timed, and searched for secrets.

use crate::connect::{Connection, Sender};
use crate::error::{Failure, Wait};
use crate::headers;
use crate::limits::{HttpBudget, HttpLimits, Underway};
use crate::pool::{Origin, Owner, Pool};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use tollgate_secrets::RedactStream;

/// What a body's source may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection may take to be ready again after its answer.
const READY_WAIT: Duration = Duration::from_secs(1);

/// What is known of a request's body while it is sent; its reader is hyper, which keeps no failures of ours.
#[derive(Default)]
pub(crate) struct Upload {
    failure: Mutex<Option<Failure>>,
    moved: Mutex<Option<Instant>>,
}

impl Upload {
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().clone()
    }

    /// When a piece of it was taken last.
    pub fn moved(&self) -> Option<Instant> {
        *self.moved.lock()
    }
}

/// A request's body: as long as it was said to be, paid from the budget.
pub(crate) struct Outgoing {
    inner: UnsyncBoxBody<Bytes, BoxError>,
    /// What is still to come, where that was said.
    left: Option<u64>,
    budget: Arc<HttpBudget>,
    upload: Arc<Upload>,
}

impl Outgoing {
    pub fn new(
        inner: UnsyncBoxBody<Bytes, BoxError>,
        length: Option<u64>,
        budget: Arc<HttpBudget>,
        upload: Arc<Upload>,
    ) -> Self {
        let left = length.or_else(|| inner.size_hint().exact());
        Self { inner, left, budget, upload }
    }

    fn look(&mut self, frame: &Frame<Bytes>) -> Result<(), Failure> {
        *self.upload.moved.lock() = Some(Instant::now());
        if let Some(data) = frame.data_ref() {
            self.budget.sent(data.len())?;
            if let Some(left) = &mut self.left {
                let rest = left.checked_sub(data.len() as u64);
                *left = rest.ok_or_else(|| Failure::RequestBody("it is longer than its Content-Length".to_owned()))?;
            }
        }
        match frame.trailers_ref() {
            Some(trailers) => headers::check(trailers, self.budget.limits()),
            None => Ok(()),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        let result = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => this.look(&frame).map(|()| frame),
            Some(Err(error)) => Err(Failure::RequestBody(error.to_string())),
            None if this.left.is_some_and(|left| left > 0) => {
                Err(Failure::RequestBody("it is shorter than its Content-Length".to_owned()))
            }
            None => return Poll::Ready(None),
        };
        if let Err(failure) = &result {
            *this.upload.failure.lock() = Some(failure.clone());
        }
        Poll::Ready(Some(result))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.left.is_none_or(|left| left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(|| self.inner.size_hint(), SizeHint::with_exact)
    }
}

/// What goes back to the pool when an answer was read to its end.
pub(crate) struct Back {
    pub pool: Arc<Pool>,
    pub owner: Owner,
    pub origin: Origin,
    pub connection: Connection,
}

impl Back {
    fn give(self) {
        let Self { pool, owner, origin, mut connection } = self;
        match &mut connection.sender {
            Sender::Two(..) => pool.put(&owner, &origin, connection),
            Sender::One(sender, _) if sender.is_ready() => pool.put(&owner, &origin, connection),
            Sender::One(..) => {
                tokio::spawn(async move {
                    if let Sender::One(sender, _) = &mut connection.sender
                        && let Ok(Ok(())) = tokio::time::timeout(READY_WAIT, sender.ready()).await
                    {
                        pool.put(&owner, &origin, connection);
                    }
                });
            }
        }
    }
}

/// The body of an answer. It is not decompressed. Dropping it before its end closes the connection (of HTTP/1.1) or ends
/// the stream (of HTTP/2).
pub struct ResponseBody {
    inner: Option<Incoming>,
    redact: Option<RedactStream>,
    trailers: Option<http::HeaderMap>,
    budget: Arc<HttpBudget>,
    limits: Arc<HttpLimits>,
    upload: Arc<Upload>,
    between: Pin<Box<Sleep>>,
    total: Pin<Box<Sleep>>,
    back: Option<Back>,
    underway: Option<Underway>,
}

impl ResponseBody {
    pub(crate) fn new(
        inner: Incoming,
        redact: Option<RedactStream>,
        (budget, underway, upload): (Arc<HttpBudget>, Underway, Arc<Upload>),
        (limits, deadline): (Arc<HttpLimits>, Instant),
        back: Back,
    ) -> Self {
        let between = Box::pin(tokio::time::sleep(limits.between_bytes));
        let total = Box::pin(tokio::time::sleep_until(deadline));
        let (back, underway) = (Some(back), Some(underway));
        let mut body =
            Self { inner: Some(inner), redact, trailers: None, budget, limits, upload, between, total, back, underway };
        if body.inner.as_ref().is_some_and(Body::is_end_stream) {
            body.end();
        }
        body
    }

    /// The answer is whole.
    fn end(&mut self) {
        self.inner = None;
        self.underway = None;
        if let Some(back) = self.back.take() {
            back.give();
        }
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        (self.inner, self.back, self.redact, self.underway) = (None, None, None, None);
        Poll::Ready(Some(Err(failure)))
    }

    /// What is to be passed on of a piece.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, Failure> {
        let between = self.limits.between_bytes;
        self.between.as_mut().reset(Instant::now() + between);
        match frame.into_data() {
            Ok(data) => {
                self.budget.received(data.len())?;
                let data = match &mut self.redact {
                    Some(redact) => redact.push(&data).into(),
                    None => data,
                };
                Ok(Some(Frame::data(data)).filter(|frame| frame.data_ref().is_some_and(|data| !data.is_empty())))
            }
            Err(frame) => {
                if let Ok(mut trailers) = frame.into_trailers() {
                    headers::clean_answer(&mut trailers, &self.limits)?;
                    // Trailers are few and small: those of an answer that is searched are left out.
                    self.trailers = Some(trailers).filter(|_| self.redact.is_none());
                }
                Ok(None)
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        if this.inner.is_some() && this.total.as_mut().poll(cx).is_ready() {
            let after = this.limits.total;
            return this.fail(Failure::Late { wait: Wait::Total, after });
        }
        while let Some(inner) = &mut this.inner {
            match Pin::new(inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match this.take(frame) {
                    Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                    Ok(None) => {}
                    Err(failure) => return this.fail(failure),
                },
                Poll::Ready(Some(Err(error))) => {
                    let failure = this.upload.failure().unwrap_or_else(|| Failure::of_hyper(&error));
                    return this.fail(failure);
                }
                Poll::Ready(None) => this.end(),
                Poll::Pending => {
                    ready!(this.between.as_mut().poll(cx));
                    let after = this.limits.between_bytes;
                    return this.fail(Failure::Late { wait: Wait::BetweenBytes, after });
                }
            }
        }
        let rest = this.redact.take().map(|mut redact| redact.finish()).unwrap_or_default();
        if !rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(rest.into()))));
        }
        Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none() && self.redact.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.redact) {
            (Some(inner), None) => inner.size_hint(),
            (None, None) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// A body that is whole already.
pub(crate) fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, BoxError> {
    http_body_util::Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
