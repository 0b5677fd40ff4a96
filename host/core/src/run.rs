//! Who runs what, and how a run ended.

use crate::budget::Budget;
use crate::call::OutcomeClass;
use crate::client::Client;
use crate::clock::{Clock, Entropy};
use crate::grant::Grants;
use crate::grant::approve::Approvals;
use crate::limits::Limits;
use crate::trace::TraceContext;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// A run's identity: a UUID of version 7 (RFC 9562), so that identities sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// The identity as a number.
    pub fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// A new identity.
    pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 10];
        entropy.fill(&mut random);
        let millis = clock.now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who asks: an agent's token, the command line's user, the embedding program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Principal(pub Arc<str>);

/// Who owns grants, secrets, quotas and journals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Tenant(pub Arc<str>);

impl Principal {
    /// A principal of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl Tenant {
    /// A tenant of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self("default".into())
    }
}

/// Who asks, and on whose account. Two tenants may have principals of one name, so neither is a key without the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Who asks.
    pub principal: Principal,
    /// On whose account.
    pub tenant: Tenant,
}

/// The identity and the rights of one run. Every call of the run is bound to it; there is no ambient
/// "current run".
#[derive(Clone, Debug)]
pub struct RunContext {
    /// The run.
    pub run: RunId,
    /// The run whose call started this one, for an adapter behind a call.
    pub parent: Option<RunId>,
    /// The component's or caller's name, for people.
    pub name: Arc<str>,
    /// Who asked.
    pub principal: Principal,
    /// On whose account.
    pub tenant: Tenant,
    /// 1 for a run that nobody's call started, one more for each call between.
    pub depth: u64,
    /// What it may use.
    pub grants: Grants,
    /// Which calls a person must approve first; runs behind its calls have at least the same.
    pub approvals: Approvals,
    /// Its ceilings.
    pub limits: Limits,
    /// What is left of them.
    pub budget: Arc<Budget>,
    /// Seeds the run's random numbers.
    pub seed: u64,
    /// Where it stands in a trace: its calls are spans below it.
    pub trace: TraceContext,
    /// The agent's client behind it; runs behind its calls have the same.
    pub client: Option<Arc<dyn Client>>,
}

/// How a run ended, as one word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It returned an output.
    Ok,
    /// It returned an error of its own, or trapped.
    Error,
    /// A grant was missing.
    Denied,
    /// A limit was reached.
    Limit,
    /// A server that it needed was not there or not in time.
    Unavailable,
    /// Somebody cancelled it.
    Cancelled,
}

impl Status {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Denied => "denied",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
        }
    }

    /// The command line's exit code for it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Denied => 3,
            Self::Limit => 4,
            Self::Unavailable => 5,
            Self::Cancelled => 130,
        }
    }
}

impl From<OutcomeClass> for Status {
    fn from(class: OutcomeClass) -> Self {
        match class {
            OutcomeClass::Ok => Self::Ok,
            OutcomeClass::Error => Self::Error,
            OutcomeClass::Denied => Self::Denied,
            OutcomeClass::Limit => Self::Limit,
            OutcomeClass::Unavailable => Self::Unavailable,
            OutcomeClass::Cancelled => Self::Cancelled,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
