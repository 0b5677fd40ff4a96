//! Time and randomness, behind traits: tests hold them still, and a replay gives them back.

use crate::BoxFuture;
use crate::deadlines::Deadlines;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

/// What time it is, and waiting.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> SystemTime;

    /// Time since a fixed moment in the past; never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits. Dropping the future gives up the wait.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Waits as [`Clock::sleep`] does, for what is most often given up before: the limit of a call, say.
    fn limit(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep(duration)
    }
}

/// The machine's clock, with tokio's timer. [`Clock::sleep`] needs a tokio runtime with time enabled.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    deadlines: Arc<Deadlines>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now(), deadlines: Arc::default() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn limit(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.deadlines.after(duration))
    }
}

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub struct ManualClock {
    start: SystemTime,
    timers: Arc<Mutex<Timers>>,
}

#[derive(Debug, Default)]
struct Timers {
    elapsed: Duration,
    next: u64,
    /// Who waits, by the moment.
    waiting: BTreeMap<(Duration, u64), Option<Waker>>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: SystemTime) -> Self {
        Self { start, timers: Arc::default() }
    }

    /// Goes on by `step`, and wakes who waited for a moment up to then, the earliest first.
    pub fn advance(&self, step: Duration) {
        let due = {
            let mut timers = self.timers.lock();
            timers.elapsed = timers.elapsed.saturating_add(step);
            let later = (timers.elapsed.saturating_add(Duration::from_nanos(1)), 0);
            let later = timers.waiting.split_off(&later);
            std::mem::replace(&mut timers.waiting, later)
        };
        due.into_values().flatten().for_each(Waker::wake);
    }

    /// The next moment that somebody waits for, as [`Clock::monotonic`] tells moments; `None` when nobody waits. A
    /// simulation goes on to it when nothing else can be done.
    pub fn next_wake(&self) -> Option<Duration> {
        self.timers.lock().waiting.first_key_value().map(|((at, _), _)| *at)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.start + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.timers.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut timers = self.timers.lock();
        let key = (timers.elapsed.saturating_add(duration), timers.next);
        timers.next += 1;
        timers.waiting.insert(key, None);
        Box::pin(Nap { key, timers: self.timers.clone() })
    }
}

/// One wait for a [`ManualClock`].
struct Nap {
    key: (Duration, u64),
    timers: Arc<Mutex<Timers>>,
}

impl Future for Nap {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timers = self.timers.lock();
        if timers.elapsed >= self.key.0 {
            return Poll::Ready(());
        }
        timers.waiting.insert(self.key, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        self.timers.lock().waiting.remove(&self.key);
    }
}

/// Where random bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// A generator seeded by the operating system. For identities and seeds; keys come from elsewhere.
#[derive(Debug)]
pub struct SystemEntropy(Mutex<StdRng>);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

/// A generator with a known seed: equal seeds give equal bytes.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// A generator for this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_at_the_moment_and_not_before() {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let mut nap = clock.sleep(Duration::from_secs(2));
        clock.advance(Duration::from_secs(1));
        assert!(futures_poll(&mut nap).await.is_none());
        clock.advance(Duration::from_secs(1));
        nap.await;
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_manual_clock_tells_the_next_moment_that_somebody_waits_for() {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        assert_eq!(clock.next_wake(), None);
        let late = clock.sleep(Duration::from_secs(9));
        let soon = clock.sleep(Duration::from_secs(3));
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(3)));
        drop(soon);
        assert_eq!(clock.next_wake(), Some(Duration::from_secs(9)), "who gave up waits no more");
        clock.advance(Duration::from_secs(9));
        assert_eq!(clock.next_wake(), None);
        late.await;
    }

    async fn futures_poll(future: &mut BoxFuture<'static, ()>) -> Option<()> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match future.as_mut().poll(cx) {
                std::task::Poll::Ready(()) => Some(()),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[test]
    fn equal_seeds_give_equal_bytes() {
        let draw = |seed| SeededEntropy::new(seed).next_u64();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
