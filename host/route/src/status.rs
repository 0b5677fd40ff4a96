//! How servers and what is kept are doing, for people and metrics.

use crate::spec::ErrorClass;
use serde::Serialize;
use std::collections::BTreeMap;
use tollgate_core::Health;

/// How a server's circuit breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum BreakerStatus {
    /// Calls go through.
    Closed,
    /// The server is left alone.
    Open {
        /// For so long yet, in milliseconds.
        for_ms: u64,
    },
    /// A few calls go through to see whether the server is back.
    HalfOpen,
}

/// How long attempts took, of the last 1,024, in microseconds. All are 0 where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // the names say it
pub struct LatencyStatus {
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

/// One server, as routing sees it. Counts begin anew when the server's settings change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteStatus {
    /// The server's name.
    pub server: String,
    /// How far it is; [`Health::Broken`] while its breaker is open.
    pub health: Health,
    /// Its circuit breaker.
    pub breaker: BreakerStatus,
    /// Attempts under way.
    pub in_flight: u64,
    /// Attempts that wait for a place or for the rate limit.
    pub queued: u64,
    /// Attempts so far, those under way too.
    pub attempts: u64,
    /// Attempts that failed, by kind; kinds that did not occur are not there.
    pub failures: BTreeMap<ErrorClass, u64>,
    /// Attempts that repeated one.
    pub retries: u64,
    /// Retries that the retry budget still allows.
    pub retry_budget: f64,
    /// How long attempts took.
    pub latency: LatencyStatus,
}

/// What is kept, and how much it helped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// Requests that were answered from memory.
    pub hits: u64,
    /// Requests that could have been, and were not.
    pub misses: u64,
    /// Requests that got the answer of an equal one that was under way; they count as neither hit nor miss.
    pub shared: u64,
    /// Answers that were dropped to make room.
    pub evictions: u64,
    /// Answers that were dropped because their time was over.
    pub expired: u64,
    /// Answers that are kept now, those too whose time is over and that nobody has asked for since.
    pub entries: u64,
    /// What they take.
    pub bytes: u64,
}

impl CacheStats {
    /// The part of requests that needed no attempt of their own, from 0 to 1; 0 where there was none.
    pub fn hit_rate(&self) -> f64 {
        let answered = self.hits.saturating_add(self.shared);
        let all = answered.saturating_add(self.misses);
        if all == 0 { 0.0 } else { answered as f64 / all as f64 }
    }
}
