//! Limits of time, of which most are given up long before they are reached.
//!
//! A timer of tokio's that comes before all others wakes the thread that waits for input and output, when it is set:
//! twice a call that would be, for timers that hardly ever fire. Here one task waits for the earliest deadline that there
//! has been; what is given up before then costs nothing more.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Those who wait for a deadline.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    state: Mutex<State>,
    /// An earlier deadline came than the one that is waited for.
    earlier: Notify,
}

type Key = (Instant, u64);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<Key, Waker>,
    next: u64,
    /// What the keeper waits for; `None` while there is none.
    armed: Option<Instant>,
}

/// One wait. Set when it is polled first.
struct Limit {
    deadlines: Arc<Deadlines>,
    duration: Duration,
    key: Option<Key>,
}

impl Deadlines {
    /// Ends after `duration`. Dropping it gives up the wait.
    pub(crate) fn after(self: &Arc<Self>, duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        Limit { deadlines: self.clone(), duration, key: None }
    }

    /// Sees to it that somebody waits for `deadline`; true when that takes a keeper. It is started without the lock: a
    /// runtime that ends drops it at once, where it stands.
    fn arm(&self, state: &mut State, deadline: Instant) -> bool {
        let armed = state.armed;
        if armed.is_none_or(|armed| deadline < armed) {
            state.armed = Some(deadline);
            self.earlier.notify_one();
        }
        armed.is_none()
    }
}

/// The task that waits. When it goes, with its runtime, those who wait are woken, and start another on theirs.
struct Keeper(Arc<Deadlines>);

impl Keeper {
    async fn keep(&self) {
        while let Some(armed) = self.armed() {
            tokio::select! {
                () = tokio::time::sleep_until(armed) => {}
                () = self.0.earlier.notified() => continue,
            }
            let mut due = Vec::new();
            {
                let mut state = self.0.state.lock();
                let now = Instant::now();
                while let Some(first) = state.waiting.first_entry().filter(|first| first.key().0 <= now) {
                    due.push(first.remove());
                }
                state.armed = state.waiting.first_key_value().map(|((deadline, _), _)| *deadline);
            }
            due.into_iter().for_each(Waker::wake);
        }
    }

    fn armed(&self) -> Option<Instant> {
        self.0.state.lock().armed
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let left: Vec<_> = {
            let mut state = self.0.state.lock();
            if state.armed.take().is_none() {
                // It ended, because nobody waited. Whoever came since then has another.
                return;
            }
            state.waiting.values().cloned().collect()
        };
        left.into_iter().for_each(Waker::wake);
    }
}

impl Future for Limit {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadlines = self.deadlines.clone();
        let mut state = deadlines.state.lock();
        let key = match self.key {
            Some(key) => {
                let Some(waker) = state.waiting.get_mut(&key) else { return Poll::Ready(()) };
                waker.clone_from(context.waker());
                key
            }
            None => {
                let now = Instant::now();
                // As tokio does with what is too long: it never comes.
                let deadline = now.checked_add(self.duration).unwrap_or(now + Duration::from_secs(86_400 * 365 * 30));
                let key = (deadline, state.next);
                state.next += 1;
                state.waiting.insert(key, context.waker().clone());
                self.key = Some(key);
                key
            }
        };
        let needs_keeper = deadlines.arm(&mut state, key.0);
        drop(state);
        if needs_keeper {
            let keeper = Keeper(deadlines);
            tokio::spawn(async move { keeper.keep().await });
        }
        Poll::Pending
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.deadlines.state.lock().waiting.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn each_ends_at_its_time_in_any_order() {
        let deadlines = Arc::new(Deadlines::default());
        let start = Instant::now();
        let far = tokio::spawn(deadlines.after(Duration::MAX));
        let waits = [90, 30, 60, 30, 0, 120].map(|after| {
            let limit = deadlines.after(millis(after));
            tokio::spawn(async move {
                limit.await;
                assert!(start.elapsed() >= millis(after), "{after}");
            })
        });
        for wait in waits {
            wait.await.unwrap();
        }
        assert!(!far.is_finished());
        far.abort();
        assert!(far.await.is_err());
        assert!(deadlines.state.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn an_earlier_one_does_not_wait_for_a_later() {
        let deadlines = Arc::new(Deadlines::default());
        let later = tokio::spawn(deadlines.after(Duration::from_secs(600)));
        tokio::time::sleep(millis(10)).await;
        let soon = deadlines.after(millis(5));
        tokio::time::timeout(Duration::from_secs(60), soon).await.expect("it does not wait");
        assert!(!later.is_finished());
        later.abort();
    }

    #[tokio::test]
    async fn what_is_given_up_is_forgotten_and_the_next_one_still_ends() {
        let deadlines = Arc::new(Deadlines::default());
        for _ in 0..1_000 {
            let limit = deadlines.after(millis(50));
            tokio::select! {
                biased;
                () = limit => panic!("it is not over yet"),
                () = std::future::ready(()) => {}
            }
        }
        assert!(deadlines.state.lock().waiting.is_empty());
        let start = Instant::now();
        deadlines.after(millis(70)).await;
        assert!(start.elapsed() >= millis(70));
        // The keeper goes when nobody waits, and another comes with the next.
        while deadlines.state.lock().armed.is_some() {
            tokio::task::yield_now().await;
        }
        deadlines.after(millis(1)).await;
    }

    #[test]
    fn a_limit_begun_while_its_runtime_ends_holds_nobody_up() {
        struct Last(Arc<Deadlines>);
        impl Drop for Last {
            fn drop(&mut self) {
                // The runtime is closed: it drops what is spawned.
                let mut limit = Box::pin(self.0.after(millis(1)));
                let mut context = Context::from_waker(Waker::noop());
                assert!(limit.as_mut().poll(&mut context).is_pending());
            }
        }
        let deadlines = Arc::new(Deadlines::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let last = Last(deadlines.clone());
        runtime.spawn(async move {
            let _last = last;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert!(deadlines.state.lock().waiting.is_empty());
    }

    #[test]
    fn a_runtime_that_ends_takes_nobody_elses_deadline_along() {
        let deadlines = Arc::new(Deadlines::default());
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (one, other) = (runtime(), runtime());
        let wait = |after| tokio::time::timeout(millis(20), deadlines.after(millis(after)));
        // The keeper is of the first, and ends with it.
        assert!(one.block_on(async { wait(60).await }).is_err());
        let ended = other.block_on(async {
            let waiting = tokio::spawn(deadlines.after(millis(60)));
            tokio::time::sleep(millis(1)).await;
            tokio::task::spawn_blocking(move || drop(one)).await.unwrap();
            tokio::time::timeout(Duration::from_secs(20), waiting).await
        });
        ended.expect("it ends").unwrap();
    }
}
