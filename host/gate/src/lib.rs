//! The one way from a caller to a tool.
//!
//! # Layout
//!
//! - [`Gate`]: holds the upstream, the journal, the clock. One a host.
//! - [`Session`]: the gate as one run sees it; it carries the run's identity and implements
//!   [`tollgate_core::Caller`].
//!
//! **Architecture invariant:** nothing reaches an upstream except through [`Session`]'s call and query, whoever asks:
//! a policy, an adapter, the command line.

mod session;

pub use session::{Session, Summary};

use std::sync::Arc;
use tollgate_core::{Budget, Client, Clock, Entropy, Grants, Limits, Principal, RunContext, RunId, Tenant, Upstream};
use tollgate_journal::Journal;

/// What every call passes.
pub struct Gate {
    upstream: Arc<dyn Upstream>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
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
    /// Its ceilings.
    pub limits: Limits,
    /// The agent's client that asked for it. A run behind a call has its caller's.
    pub client: Option<Arc<dyn Client>>,
}

impl Gate {
    /// A gate before `upstream`.
    pub fn new(
        upstream: Arc<dyn Upstream>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        Arc::new(Self { upstream, journal, clock, entropy })
    }

    /// Begins a run, and records that it began. A run behind a call names its caller as `parent`, and
    /// spends that one's budget with its own.
    pub fn open(self: &Arc<Self>, opening: Opening, parent: Option<&RunContext>) -> Arc<Session> {
        let context = RunContext {
            run: RunId::new(&*self.clock, &*self.entropy),
            parent: parent.map(|p| p.run),
            name: opening.name,
            principal: opening.principal,
            tenant: opening.tenant,
            depth: parent.map_or(1, |p| p.depth.saturating_add(1)),
            budget: Budget::new(opening.limits.clone(), parent.map(|p| p.budget.clone())),
            grants: opening.grants,
            limits: opening.limits,
            seed: self.entropy.next_u64(),
            client: opening.client.or_else(|| parent.and_then(|p| p.client.clone())),
        };
        Session::begin(self.clone(), context, opening.digest)
    }
}
