//! How many attempts one server gets at once and in a time. Who is over it waits in the order of coming, within bounds.

use crate::spec::{Rate, RouteSpec};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tollgate_core::{BoxFuture, CallError, Clock};

/// The longest wait for a place and for the rate limit together. It also ends the wait of a call that stands behind a call
/// that waits for it: an adapter's run may call the server that it stands in for.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Limits {
    server: Arc<str>,
    at_once: u32,
    places: Semaphore,
    queue: u64,
    queued: AtomicU64,
    rate: Option<RateLimit>,
}

/// The generic cell rate algorithm: the moment at which the next attempt would come if all came evenly.
struct RateLimit {
    interval: Duration,
    /// How much earlier than evenly an attempt may come.
    tolerance: Duration,
    next: Mutex<Duration>,
    /// Who waits, one after the other: the first alone sleeps.
    turn: Semaphore,
}

impl RateLimit {
    fn new(rate: &Rate) -> Self {
        let interval = rate.per.checked_div(rate.calls.max(1)).unwrap_or_default();
        let tolerance = interval.saturating_mul(rate.burst.saturating_sub(1));
        Self { interval, tolerance, next: Mutex::new(Duration::ZERO), turn: Semaphore::new(1) }
    }

    /// Takes a place at this moment, or tells how long it is until there is one.
    fn take(&self, now: Duration) -> Result<(), Duration> {
        let mut next = self.next.lock();
        let wait = next.saturating_sub(self.tolerance).saturating_sub(now);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        *next = (*next).max(now).saturating_add(self.interval);
        Ok(())
    }

    async fn wait(&self, clock: &dyn Clock) {
        // Nobody closes it.
        let Ok(_turn) = self.turn.acquire().await else { return };
        while let Err(wait) = self.take(clock.monotonic()) {
            clock.sleep(wait).await;
        }
    }
}

/// The places that one attempt holds. Dropping gives them back.
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
}

/// A place among those who wait.
struct Queued<'a>(&'a AtomicU64);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    pub(crate) fn new(server: Arc<str>, route: &RouteSpec) -> Self {
        let at_once = route.at_once.max(1);
        Self {
            server,
            at_once,
            places: Semaphore::new(usize::try_from(at_once).unwrap_or(Semaphore::MAX_PERMITS)),
            queue: u64::from(route.queue),
            queued: AtomicU64::new(0),
            rate: route.rate.as_ref().map(RateLimit::new),
        }
    }

    /// How many wait.
    pub(crate) fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// A place, if there is one now and nobody waits before.
    pub(crate) fn try_enter(&self, now: Duration) -> Option<Place<'_>> {
        let place = self.places.try_acquire().ok()?;
        if let Some(rate) = &self.rate {
            if rate.turn.available_permits() == 0 {
                return None;
            }
            rate.take(now).ok()?;
        }
        Some(Place { _permit: place })
    }

    /// Waits for a place, and for the rate limit.
    ///
    /// # Errors
    /// [`CallError::Overloaded`] where too many wait already, [`CallError::TimedOut`] after [`WAIT_MAX`].
    pub(crate) async fn enter(&self, clock: &dyn Clock) -> Result<Place<'_>, CallError> {
        let queued = Queued(&self.queued);
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queue {
            return Err(CallError::Overloaded);
        }
        let mut limit = clock.limit(WAIT_MAX);
        let Some(place) = within(&mut limit, self.places.acquire()).await else {
            return Err(CallError::TimedOut(format!(
                "`{}` had no place for the call within {} s: {} of its calls run already; the key `max_in_flight` of the server allows more",
                self.server,
                WAIT_MAX.as_secs(),
                self.at_once
            )));
        };
        // Nobody closes it.
        let place = place.map_err(|_| CallError::Overloaded)?;
        if let Some(rate) = &self.rate
            && within(&mut limit, rate.wait(clock)).await.is_none()
        {
            return Err(CallError::TimedOut(format!(
                "the rate limit of `{}` left no room for the call within {} s; the key `rate_limit` of the server allows more",
                self.server,
                WAIT_MAX.as_secs(),
            )));
        }
        drop(queued);
        Ok(Place { _permit: place })
    }
}

/// What the future gives; `None` when the limit is over first.
async fn within<F: Future>(limit: &mut BoxFuture<'static, ()>, future: F) -> Option<F::Output> {
    let future = std::pin::pin!(future);
    match futures::future::select(future, limit).await {
        futures::future::Either::Left((output, _)) => Some(output),
        futures::future::Either::Right(_) => None,
    }
}
