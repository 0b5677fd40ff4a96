//! Counts of one server's attempts.

use crate::spec::ErrorClass;
use crate::status::LatencyStatus;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How many attempts the latencies are of.
const KEPT: usize = 1024;

pub(crate) struct Stats {
    pub(crate) in_flight: AtomicU64,
    pub(crate) attempts: AtomicU64,
    pub(crate) retries: AtomicU64,
    failures: [AtomicU64; ErrorClass::ALL.len()],
    latencies: Latencies,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            failures: Default::default(),
            latencies: Latencies::new(),
        }
    }

    /// An attempt begins. It is in flight as long as the value lives.
    pub(crate) fn begin(&self) -> Running<'_> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    pub(crate) fn failures(&self) -> BTreeMap<ErrorClass, u64> {
        let counts =
            ErrorClass::ALL.iter().zip(&self.failures).map(|(class, count)| (*class, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    pub(crate) fn latency(&self) -> LatencyStatus {
        self.latencies.status()
    }
}

/// An attempt under way.
pub(crate) struct Running<'a>(&'a Stats);

impl Running<'_> {
    pub(crate) fn end(self, elapsed: Duration, failure: Option<ErrorClass>) {
        if let Some(count) = failure.and_then(|class| self.0.failures.get(class.index())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.latencies.add(elapsed);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long the last attempts took, in microseconds; at most 71 minutes each.
struct Latencies {
    micros: Box<[AtomicU32]>,
    next: AtomicUsize,
}

impl Latencies {
    fn new() -> Self {
        Self { micros: (0..KEPT).map(|_| AtomicU32::new(0)).collect(), next: AtomicUsize::new(0) }
    }

    fn add(&self, elapsed: Duration) {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = self.micros.get(at % KEPT) {
            place.store(u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }

    fn status(&self) -> LatencyStatus {
        let kept = self.next.load(Ordering::Relaxed).min(KEPT);
        let mut micros: Vec<u64> =
            self.micros.iter().take(kept).map(|micros| u64::from(micros.load(Ordering::Relaxed))).collect();
        micros.sort_unstable();
        // The nearest rank: at least this many in a hundred took no longer.
        let percentile = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100);
            micros.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        LatencyStatus {
            p50_us: percentile(50),
            p90_us: percentile(90),
            p99_us: percentile(99),
            max_us: percentile(100),
        }
    }
}
