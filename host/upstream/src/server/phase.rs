//! How far a server is, and waiting until it is further.

use super::Server;
use crate::connect::Link;
use crate::within;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_core::CallError;

#[derive(Clone)]
pub(super) enum Phase {
    /// Since then, on the clock's monotonic scale.
    Connecting(Duration),
    /// It is started when somebody needs it.
    Idle,
    Ready(Arc<Live>),
    Failed(Arc<Failure>),
    Stopped,
}

/// A connection that stands.
pub(super) struct Live {
    pub(super) link: Link,
    /// Which connection of the server it is; the first is 1.
    pub(super) generation: u64,
    pub(super) transport: &'static str,
    /// A call found that the server is gone; the task sees it nowhere else, over HTTP.
    pub(super) found_lost: CancellationToken,
    /// What is on its way over it.
    pub(super) in_flight: TaskTracker,
    /// Why it ended, once that is known.
    pub(super) ended: watch::Sender<Option<String>>,
}

impl Live {
    pub(super) fn new(link: Link, generation: u64, transport: &'static str) -> Self {
        let in_flight = TaskTracker::new();
        // So that it can be waited for; it can be used all the same.
        in_flight.close();
        let (found_lost, ended) = (CancellationToken::new(), watch::Sender::default());
        Self { link, generation, transport, found_lost, in_flight, ended }
    }
}

pub(super) struct Failure {
    pub(super) why: String,
    pub(super) needs_auth: bool,
    /// On the clock's monotonic scale.
    pub(super) retry_at: Duration,
}

impl Server {
    /// Who sees the phase sees the version that belongs to it: both change under one lock.
    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.send_modify(|now| {
            *now = phase;
            self.shared.version.fetch_add(1, Ordering::Release);
        });
    }

    /// The phase of a server that is being connected from now on.
    pub(super) fn connecting(&self) -> Phase {
        Phase::Connecting(self.shared.clock.monotonic())
    }

    /// What there is to say of a server that has been connecting since then: that it says nothing, if that takes long.
    pub(super) fn silence(&self, since: Duration) -> Option<String> {
        let silent = self.shared.clock.monotonic().saturating_sub(since);
        (silent >= Duration::from_secs(1)).then(|| {
            let silent = crate::duration_text(Duration::from_secs(silent.as_secs()));
            let given = crate::duration_text(self.spec.connect_timeout);
            format!("has not answered for {silent}; `connect_timeout` gives it {given}")
        })
    }

    /// Notes that a connection is lost: nothing more is sent over it.
    pub(super) fn lose(&self, live: &Live) {
        self.lost.fetch_max(live.generation, Ordering::AcqRel);
        live.found_lost.cancel();
    }

    pub(super) fn is_lost(&self, live: &Live) -> bool {
        live.generation <= self.lost.load(Ordering::Acquire)
    }

    /// Whether its tools are offered now.
    pub(crate) fn is_offered(&self) -> bool {
        match &*self.phase.borrow() {
            Phase::Ready(_) | Phase::Idle => true,
            Phase::Connecting(_) | Phase::Failed(_) => self.is_listed_always(),
            Phase::Stopped => false,
        }
    }

    /// Whether it is being connected for the first time.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Connecting(_))
            && self.connect_ms.lock().is_none()
            && self.last_error.lock().is_none()
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Idle)
    }

    /// Waits for the end of connecting, up to the connect timeout. One that is started when somebody needs it is not
    /// started by this.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn wait_settled(&self) -> Result<(), CallError> {
        if self.is_listed_always() && self.is_offered() {
            return Ok(());
        }
        let now = self.shared.clock.monotonic();
        let found = self.phase_when(self.spec.connect_timeout, |phase| match phase {
            Phase::Connecting(_) => false,
            Phase::Ready(live) => !self.is_lost(live),
            Phase::Failed(failure) => failure.retry_at > now,
            Phase::Idle | Phase::Stopped => true,
        });
        match found.await? {
            Phase::Ready(_) | Phase::Idle => Ok(()),
            other => Err(self.not_there(&other)),
        }
    }

    /// Waits until it is connected, at most so long; a next try that is due later is not waited for.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn wait_ready(&self, patience: Duration) -> Result<(), CallError> {
        self.live_within(patience, patience).await.map(drop)
    }

    /// Waits until it is connected, and starts it if it is idle; up to the connect timeout.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn wait_connected(&self) -> Result<(), CallError> {
        self.live().await.map(drop)
    }

    /// The connection. Waits while the server connects, up to the connect timeout, and starts it if it is idle.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn live(&self) -> Result<Arc<Live>, CallError> {
        self.live_within(self.spec.connect_timeout, Duration::ZERO).await
    }

    /// Waits at most `limit`, and for no next try that is due after `patience`.
    async fn live_within(&self, limit: Duration, patience: Duration) -> Result<Arc<Live>, CallError> {
        // Without waiting, and without anything that a wait needs.
        if let Phase::Ready(live) = &*self.phase.borrow()
            && !self.is_lost(live)
        {
            return Ok(live.clone());
        }
        let _use = self.begin_use();
        let give_up = self.shared.clock.monotonic() + patience;
        let found = self.phase_when(limit, |phase| match phase {
            Phase::Connecting(_) => false,
            Phase::Idle => {
                self.wanted.notify_one();
                false
            }
            Phase::Ready(live) => !self.is_lost(live),
            Phase::Failed(failure) => failure.retry_at > give_up,
            Phase::Stopped => true,
        });
        match found.await? {
            Phase::Ready(live) => Ok(live),
            other => Err(self.not_there(&other)),
        }
    }

    /// The phase as soon as it is one that is wanted.
    ///
    /// # Errors
    /// It took longer than `limit`.
    async fn phase_when(&self, limit: Duration, wanted: impl FnMut(&Phase) -> bool) -> Result<Phase, CallError> {
        let mut phases = self.phase.subscribe();
        let found = within(&*self.shared.clock, limit, phases.wait_for(wanted)).await;
        match found.map(|found| found.map(|phase| phase.clone())) {
            Some(Ok(phase)) => Ok(phase),
            // Nobody can set it any more.
            Some(Err(_)) => Ok(Phase::Stopped),
            None => {
                let (name, limit) = (&self.spec.name, crate::duration_text(limit));
                Err(CallError::TimedOut(format!("`{name}` was not ready within {limit}")))
            }
        }
    }

    fn not_there(&self, phase: &Phase) -> CallError {
        let name = &self.spec.name;
        let Phase::Failed(failure) = phase else {
            return CallError::Unavailable(format!("`{name}` is stopped"));
        };
        let wait = failure.retry_at.saturating_sub(self.shared.clock.monotonic());
        let (why, wait) = (&failure.why, crate::duration_text(wait));
        let text = format!("`{name}`: {why}; next try in {wait}");
        if failure.needs_auth { CallError::AuthRequired(text) } else { CallError::Unavailable(text) }
    }
}
