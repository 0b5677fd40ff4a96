//! What the requests of one run may take, and what they took.

use crate::error::{Failure, HttpLimit};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Ceilings of the requests of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Requests, those that were denied included.
    pub requests: u64,
    /// Requests at once; one ends when its answer's body was read or dropped.
    pub at_once: u64,
    /// Bytes of all requests' bodies.
    pub sent_bytes: u64,
    /// Bytes of all answers' bodies, as they come over the wire: nothing is decompressed.
    pub received_bytes: u64,
    /// Headers of one request; of one answer too.
    pub header_count: usize,
    /// Bytes of the headers of one request; of one answer too. At least 8 KiB are always read.
    pub header_bytes: usize,
    /// Time for the name's addresses, the connection and TLS.
    pub connect: Duration,
    /// Time from the last of the request to the first of the answer.
    pub first_byte: Duration,
    /// Time between two pieces of the answer.
    pub between_bytes: Duration,
    /// Time for all of one request, the reading of its answer included.
    pub total: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            requests: 1_000,
            at_once: 64,
            sent_bytes: 16 << 20,
            received_bytes: 64 << 20,
            header_count: 100,
            header_bytes: 32 << 10,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(15),
            total: Duration::from_secs(120),
        }
    }
}

/// What a run has used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpSpent {
    /// Requests.
    pub requests: u64,
    /// Bytes of bodies sent.
    pub sent_bytes: u64,
    /// Bytes of bodies received.
    pub received_bytes: u64,
}

/// What is left of a run's [`HttpLimits`]. A run has one, shared by all its clients.
#[derive(Debug)]
pub struct HttpBudget {
    limits: HttpLimits,
    requests: AtomicU64,
    at_once: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl HttpBudget {
    /// All of it.
    pub fn new(limits: HttpLimits) -> Arc<Self> {
        let zero = AtomicU64::default;
        Arc::new(Self { limits, requests: zero(), at_once: zero(), sent: zero(), received: zero() })
    }

    /// The ceilings.
    pub fn limits(&self) -> &HttpLimits {
        &self.limits
    }

    /// What was used up until now.
    pub fn spent(&self) -> HttpSpent {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HttpSpent { requests: of(&self.requests), sent_bytes: of(&self.sent), received_bytes: of(&self.received) }
    }

    /// Pays one request; it is under way until what this gives is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> Result<Underway, Failure> {
        pay(&self.requests, 1, self.limits.requests, HttpLimit::Requests)?;
        pay(&self.at_once, 1, self.limits.at_once, HttpLimit::AtOnce)?;
        Ok(Underway(self.clone()))
    }

    pub(crate) fn sent(&self, bytes: usize) -> Result<(), Failure> {
        pay(&self.sent, bytes as u64, self.limits.sent_bytes, HttpLimit::SentBytes)
    }

    pub(crate) fn received(&self, bytes: usize) -> Result<(), Failure> {
        pay(&self.received, bytes as u64, self.limits.received_bytes, HttpLimit::ReceivedBytes)
    }
}

fn pay(counter: &AtomicU64, amount: u64, ceiling: u64, limit: HttpLimit) -> Result<(), Failure> {
    let add = |have: u64| have.checked_add(amount).filter(|sum| *sum <= ceiling);
    match counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::Limit { limit, value: ceiling }),
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Underway(Arc<HttpBudget>);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}
