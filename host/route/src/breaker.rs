//! The circuit breaker of one server.
//!
//! Closed, it counts failures in a row. Open, it refuses. Half-open, it lets a few calls through. Attempts that began
//! before it last changed have no say in what comes next.

use crate::spec::BreakerPolicy;
use crate::status::BreakerStatus;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::CallError;

/// How much of the last failure is told, in characters.
const LAST_MAX_CHARS: usize = 300;

/// What an attempt tells of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answered, be it with a refusal.
    Life,
    /// It failed.
    Fault,
    /// Nothing: the attempt did not come so far.
    None,
}

pub(crate) struct Breaker {
    server: Arc<str>,
    policy: BreakerPolicy,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Another number whenever the phase changes.
    epoch: u64,
    /// Failures in a row.
    failures: u32,
    /// What the last of them was.
    last: String,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Duration },
    HalfOpen { running: u32, succeeded: u32 },
}

impl State {
    fn turn(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

impl Breaker {
    pub(crate) fn new(server: Arc<str>, policy: BreakerPolicy) -> Self {
        let state = State { phase: Phase::Closed, epoch: 0, failures: 0, last: String::new() };
        Self { server, policy, state: Mutex::new(state) }
    }

    /// Lets an attempt through.
    ///
    /// # Errors
    /// [`CallError::Unavailable`]: the server is left alone.
    pub(crate) fn enter(&self, now: Duration) -> Result<Pass<'_>, CallError> {
        let mut state = self.state.lock();
        self.settle(&mut state, now);
        self.refusal(&state, now)?;
        if let Phase::HalfOpen { running, .. } = &mut state.phase {
            *running += 1;
        }
        Ok(Pass { breaker: self, epoch: state.epoch, over: false })
    }

    /// Whether an attempt would be let through.
    ///
    /// # Errors
    /// As of [`Breaker::enter`].
    pub(crate) fn check(&self, now: Duration) -> Result<(), CallError> {
        let mut state = self.state.lock();
        self.settle(&mut state, now);
        self.refusal(&state, now)
    }

    pub(crate) fn status(&self, now: Duration) -> BreakerStatus {
        let mut state = self.state.lock();
        self.settle(&mut state, now);
        match state.phase {
            Phase::Closed => BreakerStatus::Closed,
            Phase::Open { until } => {
                let left = until.saturating_sub(now).as_millis();
                BreakerStatus::Open { for_ms: u64::try_from(left).unwrap_or(u64::MAX) }
            }
            Phase::HalfOpen { .. } => BreakerStatus::HalfOpen,
        }
    }

    /// Why the server is left alone, while its breaker is open.
    pub(crate) fn why(&self, now: Duration) -> Option<String> {
        let mut state = self.state.lock();
        self.settle(&mut state, now);
        match (state.phase, self.refusal(&state, now)) {
            (Phase::Open { .. }, Err(CallError::Unavailable(why))) => Some(why),
            _ => None,
        }
    }

    fn probes(&self) -> u32 {
        self.policy.probes.max(1)
    }

    /// What time alone changes.
    fn settle(&self, state: &mut State, now: Duration) {
        if matches!(state.phase, Phase::Open { until } if now >= until) {
            state.turn(Phase::HalfOpen { running: 0, succeeded: 0 });
        }
    }

    fn refusal(&self, state: &State, now: Duration) -> Result<(), CallError> {
        if matches!(state.phase, Phase::Closed) {
            return Ok(());
        }
        let State { last, .. } = state;
        let failed = match state.failures {
            1 => "1 call failed".to_owned(),
            failures => format!("{failures} calls failed in a row"),
        };
        match state.phase {
            Phase::Open { until } => {
                let seconds = until.saturating_sub(now).as_millis().div_ceil(1000);
                Err(CallError::Unavailable(format!(
                    "`{}` is left alone for {seconds} s more: {failed}, the last: {last}",
                    self.server
                )))
            }
            Phase::HalfOpen { running, succeeded } if running.saturating_add(succeeded) >= self.probes() => {
                Err(CallError::Unavailable(format!(
                    "`{}` was left alone and is being probed by another call: {failed}, the last: {last}",
                    self.server
                )))
            }
            _ => Ok(()),
        }
    }

    fn ended(&self, epoch: u64, sign: Sign, now: Duration, why: impl FnOnce() -> String) {
        let mut state = self.state.lock();
        if state.epoch != epoch {
            return;
        }
        match (state.phase, sign) {
            (Phase::Closed, Sign::Life) => state.failures = 0,
            (Phase::Closed, Sign::Fault) => {
                state.failures = state.failures.saturating_add(1);
                if state.failures >= self.policy.failures.max(1) {
                    self.open(&mut state, now, why());
                }
            }
            (Phase::HalfOpen { .. }, Sign::Fault) => {
                state.failures = state.failures.saturating_add(1);
                self.open(&mut state, now, why());
            }
            (Phase::HalfOpen { running, succeeded }, Sign::Life) if succeeded.saturating_add(1) < self.probes() => {
                let (running, succeeded) = (running.saturating_sub(1), succeeded.saturating_add(1));
                state.phase = Phase::HalfOpen { running, succeeded };
            }
            (Phase::HalfOpen { .. }, Sign::Life) => {
                state.turn(Phase::Closed);
                state.failures = 0;
                state.last = String::new();
            }
            (Phase::HalfOpen { running, succeeded }, Sign::None) => {
                state.phase = Phase::HalfOpen { running: running.saturating_sub(1), succeeded };
            }
            (Phase::Closed, Sign::None) | (Phase::Open { .. }, _) => {}
        }
    }

    fn open(&self, state: &mut State, now: Duration, last: String) {
        state.last = last.chars().take(LAST_MAX_CHARS).collect();
        state.turn(Phase::Open { until: now.saturating_add(self.policy.open_for) });
    }
}

/// An attempt that was let through. One that is dropped tells nothing, and gives its place back.
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    epoch: u64,
    over: bool,
}

impl Pass<'_> {
    /// The attempt has ended. `why` tells how, where it failed.
    pub(crate) fn end(mut self, sign: Sign, now: Duration, why: impl FnOnce() -> String) {
        self.over = true;
        self.breaker.ended(self.epoch, sign, now, why);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.breaker.ended(self.epoch, Sign::None, Duration::ZERO, String::new);
        }
    }
}
