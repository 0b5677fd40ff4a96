//! How long to wait before a call is repeated, and how many repetitions a server gets in all.

use crate::spec::RetryPolicy;
use parking_lot::Mutex;
use std::time::Duration;
use tollgate_core::Entropy;

/// What each first attempt adds to the budget: one call in five may be repeated on the long run.
const DEPOSIT: f64 = 0.2;
/// What the budget begins with, so that a server that is seldom called has retries too.
const RESERVE: f64 = 10.0;
/// The most that a budget holds: a long good time does not pay for a long storm.
const BUDGET_MAX: f64 = 100.0;

/// What a server gets of retries: each first attempt adds a fifth of one, each retry takes one. So when all calls fail, a
/// server gets at most a fifth more of them, not a multiple.
pub(crate) struct RetryBudget(Mutex<f64>);

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(RESERVE))
    }

    pub(crate) fn deposit(&self) {
        let mut left = self.0.lock();
        *left = (*left + DEPOSIT).min(BUDGET_MAX);
    }

    /// Takes a retry. False when there is none left.
    pub(crate) fn take(&self) -> bool {
        let mut left = self.0.lock();
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }

    pub(crate) fn left(&self) -> f64 {
        *self.0.lock()
    }
}

impl RetryPolicy {
    /// How long to wait before the retry of this number, from 1. The server may have asked for a wait; `None` when it asked
    /// for a longer one than the policy allows.
    pub(crate) fn delay(&self, retry: u32, asked: Option<Duration>, entropy: &dyn Entropy) -> Option<Duration> {
        if asked.is_some_and(|asked| asked > self.max_delay) {
            return None;
        }
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        let factor = if self.backoff_factor.is_finite() { self.backoff_factor.max(1.0) } else { 1.0 };
        let ceiling = self.first_delay.as_secs_f64() * factor.powi(exponent);
        let ceiling = match Duration::try_from_secs_f64(ceiling) {
            _ if self.first_delay.is_zero() => Duration::ZERO,
            Ok(ceiling) => ceiling.min(self.max_delay),
            Err(_) => self.max_delay,
        };
        let delay = if self.jitter { part(ceiling, entropy) } else { ceiling };
        Some(delay.max(asked.unwrap_or_default()))
    }
}

/// A random part of a time.
fn part(whole: Duration, entropy: &dyn Entropy) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    // The high half of the product is evenly spread below `nanos`.
    let product = u128::from(nanos) * u128::from(entropy.next_u64());
    Duration::from_nanos(u64::try_from(product >> 64).unwrap_or(nanos))
}
