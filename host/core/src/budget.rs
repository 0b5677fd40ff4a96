//! The rest of a run's limits, and the proof that something was paid from it.
//!
//! **Architecture invariant:** no request reaches an upstream and no entry reaches the journal without a [`Paid`]: the
//! functions that send and record take one, and nobody else makes one.
//!
//! A run behind another run (an adapter that a policy called) has a budget of its own whose parent is its
//! caller's: a call is paid by all of them, so that nesting buys nothing.

use crate::limits::{LimitKind, LimitReached, Limits};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Refused requests that a run, with all runs behind it, may leave in the journal: enough to see that it happened.
pub const REFUSALS_MAX: u64 = 64;
/// The cost of a log line or a progress in `log_bytes` beside its text: about the rest of its line in a journal.
pub const ENTRY_BYTES: u64 = 128;

/// Proof that something was paid: the entries about it may be written.
#[derive(Debug)]
pub struct Paid(());

impl Paid {
    /// The host's own account, as for the beginning and the end of a run. Never for what a guest asks for.
    pub fn by_host() -> Self {
        Self(())
    }
}

/// A call that was paid, and its place among the calls at once, which is given back when it is dropped. Without one there is no
/// [`CallContext`](crate::CallContext), and so nothing is sent.
#[derive(Debug)]
pub struct PaidCall(Arc<Budget>);

impl PaidCall {
    /// The proof for the entries about the call.
    pub fn proof(&self) -> Paid {
        Paid(())
    }
}

impl Drop for PaidCall {
    fn drop(&mut self) {
        self.0.calls_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The rest of a run's `log_bytes`.
#[derive(Debug)]
pub struct LogAllowance {
    left: AtomicU64,
    dropped: AtomicU64,
}

impl LogAllowance {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), dropped: AtomicU64::new(0) }
    }

    /// Pays for one entry: its text as JSON writes it, and [`ENTRY_BYTES`]. `None`, and counted as dropped, where too little is left;
    /// then nothing is left for what follows.
    pub fn take_entry(&self, text: &str) -> Option<Paid> {
        let want = json_bytes(text).saturating_add(ENTRY_BYTES);
        let enough = self.take(want) == want;
        if !enough {
            self.dropped.fetch_add(want, Ordering::Relaxed);
        }
        enough.then_some(Paid(()))
    }

    /// Pays for as much of a text of `want` bytes as there is room for; the rest is counted as dropped.
    pub fn take_up_to(&self, want: u64) -> u64 {
        let got = self.take(want);
        self.dropped.fetch_add(want - got, Ordering::Relaxed);
        got
    }

    fn take(&self, want: u64) -> u64 {
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - want.min(left)));
        before.unwrap_or(0).min(want)
    }

    /// Bytes that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The length of a text between the quotation marks of JSON.
fn json_bytes(text: &str) -> u64 {
    let escapes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    });
    (text.len() as u64).saturating_add(escapes.sum())
}

/// What a run may still spend. Shared by everything that belongs to the run.
#[derive(Debug)]
pub struct Budget {
    calls_made: AtomicU64,
    calls_in_flight: AtomicU64,
    state_requests: AtomicU64,
    model_calls: AtomicU64,
    model_tokens: AtomicU64,
    questions: AtomicU64,
    http_entries: AtomicU64,
    refusals: AtomicU64,
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
            http_entries: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
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
    pub fn take_call(self: &Arc<Self>) -> Result<PaidCall, LimitReached> {
        take(&self.calls_in_flight, self.limits.calls_at_once)
            .map_err(|()| self.limits.reached(LimitKind::CallsAtOnce))?;
        // Gives the place back if the call cannot be paid.
        let call = PaidCall(self.clone());
        self.pay(LimitKind::Calls, |budget| &budget.calls_made)?;
        Ok(call)
    }

    /// Takes the right to leave one entry about a request that was refused and so not paid: [`REFUSALS_MAX`] for this run, and for
    /// each ancestor with all runs behind it.
    pub fn take_refusal(&self) -> Option<Paid> {
        self.spend(|budget| (&budget.refusals, REFUSALS_MAX)).ok().map(|()| Paid(()))
    }

    /// Takes the right to record one HTTP request. The requests themselves are counted where they are sent; those over the limit
    /// are refused there, and so few of them are recorded.
    pub fn take_http_entry(&self) -> Option<Paid> {
        let most = self.limits.http_requests.saturating_add(REFUSALS_MAX);
        take(&self.http_entries, most).ok().map(|()| Paid(()))
    }

    /// Pays one request to what components keep, here and at every ancestor.
    ///
    /// # Errors
    /// [`LimitKind::StateRequests`]. Nothing is spent then.
    pub fn take_state_request(&self) -> Result<Paid, LimitReached> {
        self.pay(LimitKind::StateRequests, |budget| &budget.state_requests)
    }

    /// Pays one request to a model, here and at every ancestor, if there are tokens left.
    ///
    /// # Errors
    /// [`LimitKind::ModelCalls`] or [`LimitKind::ModelTokens`]. Nothing is spent then.
    pub fn take_model_call(&self) -> Result<Paid, LimitReached> {
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
    pub fn take_question(&self) -> Result<Paid, LimitReached> {
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

    fn pay(&self, kind: LimitKind, counter: fn(&Self) -> &AtomicU64) -> Result<Paid, LimitReached> {
        let spent = self.spend(|budget| (counter(budget), budget.limits.get(kind)));
        spent.map(|()| Paid(())).map_err(|budget| budget.limits.reached(kind))
    }

    /// Takes one of what `of` counts, here and at every ancestor; of nobody, where one has none left, which is given then.
    fn spend<'a>(&'a self, of: impl Fn(&'a Self) -> (&'a AtomicU64, u64)) -> Result<(), &'a Self> {
        let mut budget = Some(self);
        while let Some(one) = budget {
            let (counter, ceiling) = of(one);
            if take(counter, ceiling).is_err() {
                let mut paid = Some(self);
                while let Some(back) = paid.filter(|paid| !std::ptr::eq(*paid, one)) {
                    of(back).0.fetch_sub(1, Ordering::Relaxed);
                    paid = back.parent.as_deref();
                }
                return Err(one);
            }
            budget = one.parent.as_deref();
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
    fn refusals_of_all_runs_behind_one_are_few() {
        let outer = Budget::new(Limits::default(), None);
        let behind: Vec<_> = (0..10).map(|_| Budget::new(Limits::default(), Some(outer.clone()))).collect();
        let kept = (0..1_000).filter(|n| behind[n % 10].take_refusal().is_some()).count();
        assert_eq!(kept as u64, REFUSALS_MAX);
    }

    #[test]
    fn an_entry_costs_more_than_its_text_and_an_escape_what_it_takes_in_json() {
        for text in ["", "plain", "\u{0}\u{1f}", "a\"b\\c\n\t", "\u{8}\u{c}", "ü🦀\u{7f}"] {
            let quoted = serde_json::to_string(text).unwrap();
            assert_eq!(json_bytes(text), quoted.len() as u64 - 2, "{text:?}");
        }
        let allowance = LogAllowance::new(2 * ENTRY_BYTES + 1);
        assert!(allowance.take_entry("").is_some() && allowance.take_entry("a").is_some());
        assert!(allowance.take_entry("").is_none(), "an empty line is not free");
        assert_eq!((allowance.take_up_to(5), allowance.dropped()), (0, ENTRY_BYTES + 5));
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
