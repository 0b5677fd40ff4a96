//! The one way from a caller to a tool.
//!
//! # Layout
//!
//! - [`Gate`]: holds the upstream, the journal, the clock. One a host.
//! - [`Session`]: the gate as one run sees it; it carries the run's identity and implements
//!   [`tollgate_core::Caller`]. `calls`: the way of one call or query. `people`: questions and approvals. `models`: requests to
//!   language models. `gather`: what all servers have together.
//!
//! **Architecture invariant:** nothing reaches an upstream except through [`Session`]'s calls, queries and lists, whoever asks:
//! a policy, an adapter, the command line. Each is paid first: an upstream takes a `CallContext`, which is made of a `PaidCall`, and an
//! entry of the journal takes a `Paid`, and only the budget makes these.

mod calls;
mod gather;
mod models;
mod people;
mod session;
#[cfg(test)]
mod testing;

pub use session::{Session, Summary};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tollgate_core::{
    Approvals, Budget, Client, Clock, Entropy, Grants, Limits, Model, Principal, RunContext, RunId, Tenant,
    TraceContext, Upstream,
};
use tollgate_journal::Journal;

/// What every call passes.
pub struct Gate {
    upstream: Arc<dyn Upstream>,
    model: Option<Arc<dyn Model>>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    fail_fast: AtomicBool,
}

/// A run that asks for a session.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The component's or caller's name, for people.
    pub name: Arc<str>,
    /// The component's digest, where a component runs.
    pub digest: Option<String>,
    /// Who asks.
    pub principal: Principal,
    /// On whose account.
    pub tenant: Tenant,
    /// What the run may use.
    pub grants: Grants,
    /// Which calls a person must approve first; those of its caller, for a run behind a call, are added.
    pub approvals: Approvals,
    /// Its ceilings.
    pub limits: Limits,
    /// The span that asked for it, of a trace that began elsewhere.
    pub trace: Option<TraceContext>,
    /// The agent's client that asked for it. A run behind a call has its caller's.
    pub client: Option<Arc<dyn Client>>,
}

impl Gate {
    /// A gate before `upstream` and, where there is one, a language model.
    pub fn new(
        upstream: Arc<dyn Upstream>,
        model: Option<Arc<dyn Model>>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        Arc::new(Self { upstream, model, journal, clock, entropy, fail_fast: AtomicBool::new(false) })
    }

    /// Whether the first error of a server ends what is gathered of all, where who asks does not say.
    pub fn set_fail_fast(&self, fail_fast: bool) {
        self.fail_fast.store(fail_fast, Ordering::Relaxed);
    }

    /// Begins a run, and records that it began. A run behind a call names its caller as `parent`, and
    /// spends that one's budget with its own.
    pub fn open(self: &Arc<Self>, opening: Opening, parent: Option<&RunContext>) -> Arc<Session> {
        let run = RunId::new(&*self.clock, &*self.entropy);
        let seed = self.entropy.next_u64();
        // Another number than the seed: servers see it.
        let span = self.entropy.next_u64();
        let trace = opening.trace.or(parent.map(|p| p.trace));
        let mut approvals = opening.approvals;
        if let Some(parent) = parent {
            approvals.extend(&parent.approvals);
        }
        let context = RunContext {
            run,
            trace: trace.map_or_else(|| TraceContext::new(run.as_u128(), span), |trace| trace.child(span)),
            approvals,
            parent: parent.map(|p| p.run),
            name: opening.name,
            principal: opening.principal,
            tenant: opening.tenant,
            depth: parent.map_or(1, |p| p.depth.saturating_add(1)),
            budget: Budget::new(opening.limits.clone(), parent.map(|p| p.budget.clone())),
            grants: opening.grants,
            limits: opening.limits,
            seed,
            client: opening.client.or_else(|| parent.and_then(|p| p.client.clone())),
        };
        Session::begin(self.clone(), context, opening.digest)
    }
}
