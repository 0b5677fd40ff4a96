//! What is left of a run's limits on calls.
//!
//! A run behind another run (an adapter that a policy called) has a budget of its own whose parent is its
//! caller's: a call is paid by all of them, so that nesting buys nothing.

use crate::limits::{LimitKind, LimitReached, Limits};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a run may still spend. Shared by everything that belongs to the run.
#[derive(Debug)]
pub struct Budget {
    calls_made: AtomicU64,
    calls_in_flight: AtomicU64,
    state_requests: AtomicU64,
    model_calls: AtomicU64,
    model_tokens: AtomicU64,
    questions: AtomicU64,
    waiting: Mutex<Waiting>,
    limits: Limits,
    parent: Option<Arc<Budget>>,
}

/// How long people were waited for.
#[derive(Debug, Default)]
struct Waiting {
    open: u32,
    since: Duration,
    done: Duration,
}

/// One call's place among the calls at once; gives it back when dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Budget>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.calls_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Budget {
    /// A budget with nothing spent. `parent` is the caller's, for a run behind a call.
    pub fn new(limits: Limits, parent: Option<Arc<Budget>>) -> Arc<Self> {
        Arc::new(Self {
            calls_made: AtomicU64::new(0),
            calls_in_flight: AtomicU64::new(0),
            state_requests: AtomicU64::new(0),
            model_calls: AtomicU64::new(0),
            model_tokens: AtomicU64::new(0),
            questions: AtomicU64::new(0),
            waiting: Mutex::default(),
            limits,
            parent,
        })
    }

    /// The ceilings behind it.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Calls that were paid so far, those of runs behind this one included.
    pub fn calls_made(&self) -> u64 {
        self.calls_made.load(Ordering::Relaxed)
    }

    /// Pays one call, here and at every ancestor, and takes a place in flight.
    ///
    /// # Errors
    /// [`LimitKind::Calls`] or [`LimitKind::CallsAtOnce`], with the value of whoever's limit it was.
    /// Nothing is spent then.
    pub fn take_call(self: &Arc<Self>) -> Result<InFlight, LimitReached> {
        take(&self.calls_in_flight, self.limits.calls_at_once)
            .map_err(|()| self.limits.reached(LimitKind::CallsAtOnce))?;
        let place = InFlight(self.clone());
        self.pay_call()?;
        Ok(place)
    }

    fn pay_call(&self) -> Result<(), LimitReached> {
        self.pay(LimitKind::Calls, |budget| &budget.calls_made)
    }

    /// Pays one request to what components keep, here and at every ancestor.
    ///
    /// # Errors
    /// [`LimitKind::StateRequests`]. Nothing is spent then.
    pub fn take_state_request(&self) -> Result<(), LimitReached> {
        self.pay(LimitKind::StateRequests, |budget| &budget.state_requests)
    }

    /// Pays one request to a model, here and at every ancestor, if there are tokens left.
    ///
    /// # Errors
    /// [`LimitKind::ModelCalls`] or [`LimitKind::ModelTokens`]. Nothing is spent then.
    pub fn take_model_call(&self) -> Result<(), LimitReached> {
        let mut budget = Some(self);
        while let Some(one) = budget {
            if one.model_tokens.load(Ordering::Relaxed) >= one.limits.model_tokens {
                return Err(one.limits.reached(LimitKind::ModelTokens));
            }
            budget = one.parent.as_deref();
        }
        self.pay(LimitKind::ModelCalls, |budget| &budget.model_calls)
    }

    /// Charges tokens that a model used, here and at every ancestor.
    pub fn charge_tokens(&self, tokens: u64) {
        let mut budget = Some(self);
        while let Some(one) = budget {
            one.model_tokens.fetch_add(tokens, Ordering::Relaxed);
            budget = one.parent.as_deref();
        }
    }

    /// Gives back tokens that were charged before, and not used.
    pub fn return_tokens(&self, tokens: u64) {
        let mut budget = Some(self);
        while let Some(one) = budget {
            one.model_tokens.fetch_sub(tokens, Ordering::Relaxed);
            budget = one.parent.as_deref();
        }
    }

    /// Pays one question to the person behind the run, here and at every ancestor.
    ///
    /// # Errors
    /// [`LimitKind::Questions`]. Nothing is spent then.
    pub fn take_question(&self) -> Result<(), LimitReached> {
        self.pay(LimitKind::Questions, |budget| &budget.questions)
    }

    /// A person is asked from `now` on, the clock's monotonic time. The time until [`Budget::answered`] is not the run's, nor
    /// that of the runs that wait for it.
    pub fn asked(&self, now: Duration) {
        let mut budget = Some(self);
        while let Some(one) = budget {
            let mut waiting = one.waiting.lock();
            if waiting.open == 0 {
                waiting.since = now;
            }
            waiting.open += 1;
            budget = one.parent.as_deref();
        }
    }

    /// The wait that began with [`Budget::asked`] is over.
    pub fn answered(&self, now: Duration) {
        let mut budget = Some(self);
        while let Some(one) = budget {
            let mut waiting = one.waiting.lock();
            waiting.open = waiting.open.saturating_sub(1);
            if waiting.open == 0 {
                waiting.done = waiting.done.saturating_add(now.saturating_sub(waiting.since));
            }
            budget = one.parent.as_deref();
        }
    }

    /// How long people were waited for until `now`, by this run and those behind its calls.
    pub fn waited(&self, now: Duration) -> Duration {
        let waiting = self.waiting.lock();
        let open = if waiting.open > 0 { now.saturating_sub(waiting.since) } else { Duration::ZERO };
        waiting.done.saturating_add(open)
    }

    fn pay(&self, kind: LimitKind, counter: fn(&Self) -> &AtomicU64) -> Result<(), LimitReached> {
        take(counter(self), self.limits.get(kind)).map_err(|()| self.limits.reached(kind))?;
        if let Some(parent) = &self.parent {
            parent.pay(kind, counter).inspect_err(|_| {
                counter(self).fetch_sub(1, Ordering::Relaxed);
            })?;
        }
        Ok(())
    }
}

fn take(counter: &AtomicU64, ceiling: u64) -> Result<(), ()> {
    counter
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < ceiling).then_some(n + 1))
        .map(drop)
        .map_err(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(calls: u64, at_once: u64) -> Limits {
        Limits { calls, calls_at_once: at_once, ..Limits::default() }
    }

    #[test]
    fn the_time_of_people_is_no_runs_that_waits_for_them() {
        let outer = Budget::new(Limits::default(), None);
        let inner = Budget::new(Limits::default(), Some(outer.clone()));
        let at = Duration::from_secs;
        inner.asked(at(10));
        assert_eq!((inner.waited(at(12)), outer.waited(at(12))), (at(2), at(2)));
        outer.asked(at(13));
        inner.answered(at(15));
        assert_eq!((inner.waited(at(20)), outer.waited(at(20))), (at(5), at(10)));
        outer.answered(at(21));
        assert_eq!((inner.waited(at(99)), outer.waited(at(99))), (at(5), at(11)));
    }

    #[test]
    fn a_nested_call_is_paid_by_all() {
        let outer = Budget::new(limits(2, 9), None);
        let inner = Budget::new(limits(9, 9), Some(outer.clone()));
        drop(inner.take_call().unwrap());
        drop(inner.take_call().unwrap());
        let refused = inner.take_call().unwrap_err();
        assert_eq!((refused.kind, refused.value), (LimitKind::Calls, 2));
        assert_eq!((outer.calls_made(), inner.calls_made()), (2, 2));
    }

    #[test]
    fn tokens_questions_and_state_are_paid_by_all() {
        let limits = Limits { model_calls: 9, model_tokens: 100, questions: 1, state_requests: 1, ..Limits::default() };
        let outer = Budget::new(limits, None);
        let inner = Budget::new(Limits::default(), Some(outer.clone()));
        inner.take_model_call().unwrap();
        inner.charge_tokens(100);
        assert_eq!(inner.take_model_call().unwrap_err().kind, LimitKind::ModelTokens);
        inner.return_tokens(1);
        inner.take_model_call().unwrap();
        inner.take_question().unwrap();
        assert_eq!(inner.take_question().unwrap_err().kind, LimitKind::Questions);
        assert_eq!(outer.take_question().unwrap_err().value, 1);
        inner.take_state_request().unwrap();
        assert_eq!(outer.take_state_request().unwrap_err().kind, LimitKind::StateRequests);
    }

    #[test]
    fn a_place_in_flight_comes_back() {
        let budget = Budget::new(limits(9, 1), None);
        let place = budget.take_call().unwrap();
        assert_eq!(budget.take_call().unwrap_err().kind, LimitKind::CallsAtOnce);
        assert_eq!(budget.calls_made(), 1, "a refused call is not paid");
        drop(place);
        assert!(budget.take_call().is_ok());
    }
}
