//! Who may do what at a front end. A request gets its identity once, and from it one [`View`]: what exists for its caller and
//! what he may do. A front end holds an [`Access`] and no [`Host`], so it reaches nothing past a view.
//!
//! **Architecture invariant:** whatever a front end tells or does comes through the view of whoever asks. There is no way
//! from an `Access`, a `Seat` or a `View` to the host behind it.

use crate::expose::{Expose, Exposure};
use crate::host::Host;
use crate::view::View;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;
use tollgate_config::Config;
use tollgate_config::model;
use tollgate_core::{Approvals, Change, Grants, Identity, LimitKind, Principal};

/// What somebody may do at a front end.
#[derive(Clone, Debug)]
pub struct Rights {
    /// What he sees.
    pub expose: Expose,
    /// What he may use.
    pub grants: Grants,
    /// Which of his calls a person must approve first.
    pub approvals: Approvals,
}

impl Default for Rights {
    fn default() -> Self {
        Self { expose: Expose::default(), grants: Grants::all(), approvals: Approvals::default() }
    }
}

/// What one caller, or one more entry of his, has.
#[derive(Clone, Debug)]
pub struct CallerRule {
    /// Whose it is.
    pub principal: Principal,
    /// What he may use.
    pub grants: Grants,
    /// What he sees, where it is said.
    pub expose: Option<Expose>,
    /// Which of his calls a person must approve first.
    pub approvals: Approvals,
    /// Ceilings of his runs and calls, each in the unit of its kind.
    pub limits: Vec<(LimitKind, u64)>,
}

impl From<&model::Caller> for CallerRule {
    fn from(caller: &model::Caller) -> Self {
        Self {
            principal: Principal::new(caller.principal.value.as_str()),
            grants: caller.grants.iter().map(|grant| grant.value.clone()).collect(),
            expose: caller.expose.as_ref().map(Expose::from),
            approvals: caller.approve.iter().map(|pattern| pattern.value.clone()).collect(),
            limits: caller.limits.0.iter().map(|(kind, value)| (*kind, value.value)).collect(),
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What holds for all: what anybody has where there are no `callers`, and the most that any of them has.
    pub all: Rights,
    /// What callers over HTTP have; `None` is all of it.
    pub callers: Option<Vec<CallerRule>>,
}

impl Rules {
    /// What callers a configuration has; `all` is what holds for all.
    pub fn new(all: Rights, config: &Config) -> Self {
        Self { all, callers: config.callers.as_ref().map(|callers| callers.iter().map(CallerRule::from).collect()) }
    }
}

/// From where somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a stream that the person who owns the host opened, as stdin and stdout.
    Local,
    /// Over HTTP: the `callers` say what he has.
    Http,
}

/// What one caller has, worked out.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// Another number for each: what is made for one is not for another.
    pub(crate) number: u64,
    pub(crate) exposure: Exposure,
    /// What is exposed and granted.
    pub(crate) grants: Grants,
    pub(crate) approvals: Approvals,
    pub(crate) ceilings: Vec<(LimitKind, u64)>,
    /// Nothing exists for him.
    pub(crate) is_nobody: bool,
}

/// Counts what was worked out in this process.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

impl Allowed {
    fn new(exposure: Exposure, grants: Grants, approvals: Approvals, ceilings: Vec<(LimitKind, u64)>) -> Arc<Self> {
        // What is not exposed does not exist, also for a script, a domain and a resource: so it is not granted.
        let grants = exposure.tools().fold(grants, Grants::of_tools);
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { number, exposure, grants, approvals, ceilings, is_nobody: false })
    }

    fn everybody(rights: &Rights) -> Arc<Self> {
        Self::new(Exposure::of(&rights.expose), rights.grants.clone(), rights.approvals.clone(), Vec::new())
    }

    fn nobody() -> Arc<Self> {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let (exposure, grants) = (Exposure::nothing(), Grants::default());
        let (approvals, ceilings) = (Approvals::default(), Vec::new());
        Arc::new(Self { number, exposure, grants, approvals, ceilings, is_nobody: true })
    }

    /// What a caller's entries add up to, and never more than `all` has.
    fn of_caller(all: &Rights, entries: &[&CallerRule]) -> Arc<Self> {
        let (mut grants, mut approvals, mut ceilings) = (Grants::default(), all.approvals.clone(), HashMap::new());
        for entry in entries {
            grants.extend(entry.grants.clone());
            approvals.extend(&entry.approvals);
            for (kind, value) in &entry.limits {
                // Of several the most generous counts.
                let most = ceilings.entry(*kind).or_insert(*value);
                *most = (*most).max(*value);
            }
        }
        let said: Vec<_> = entries.iter().filter_map(|entry| entry.expose.as_ref()).collect();
        let exposure = match said.is_empty() {
            true => Exposure::of(&all.expose),
            false => Exposure::sum(said).bounded(&all.expose),
        };
        let ceilings = LimitKind::ALL.iter().filter_map(|kind| Some((*kind, *ceilings.get(kind)?))).collect();
        Self::new(exposure, grants.within(&Arc::new(all.grants.clone())), approvals, ceilings)
    }
}

/// The rules as they are now.
struct State {
    everybody: Arc<Allowed>,
    callers: Option<HashMap<Principal, Arc<Allowed>>>,
    nobody: Arc<Allowed>,
}

impl State {
    fn new(rules: &Rules) -> Self {
        let of_all = |callers: &Vec<CallerRule>| {
            let mut entries: HashMap<Principal, Vec<&CallerRule>> = HashMap::new();
            for entry in callers {
                entries.entry(entry.principal.clone()).or_default().push(entry);
            }
            let allowed = |(principal, entries): (_, Vec<_>)| (principal, Allowed::of_caller(&rules.all, &entries));
            entries.into_iter().map(allowed).collect()
        };
        Self {
            everybody: Allowed::everybody(&rules.all),
            callers: rules.callers.as_ref().map(of_all),
            nobody: Allowed::nobody(),
        }
    }
}

/// A host behind its rules: all that a front end holds of it. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    host: Host,
    state: RwLock<State>,
    /// How often the rules changed.
    changed: watch::Sender<u64>,
}

impl Access {
    /// `host` behind `rules`.
    pub fn new(host: Host, rules: &Rules) -> Self {
        let (state, changed) = (RwLock::new(State::new(rules)), watch::Sender::new(0));
        Self(Arc::new(Inner { host, state, changed }))
    }

    /// Has other rules hold from now on, also for who is connected. What was begun goes on as it was allowed.
    pub fn set_rules(&self, rules: &Rules) {
        *self.0.state.write() = State::new(rules);
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Tells when the rules change.
    pub fn rules_changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// The place of a caller, who asks from there again and again.
    pub fn seat(&self, identity: Identity, origin: Origin) -> Seat {
        Seat { access: self.clone(), identity, origin }
    }

    /// How many servers there are, are being connected and have failed. It is no secret.
    pub fn readiness(&self) -> Readiness {
        use tollgate_upstream::ServerState;
        let servers = self.0.host.servers();
        let count = |state: ServerState| servers.iter().filter(|server| server.state == state).count();
        Readiness {
            servers: servers.len(),
            connecting: count(ServerState::Connecting),
            failed: count(ServerState::Failed),
            missing: servers.iter().filter(|server| server.is_missing()).count(),
        }
    }

    /// Waits until no server is connecting any more.
    pub async fn settled(&self) {
        self.0.host.settled().await;
    }

    fn allowed(&self, principal: &Principal, origin: Origin) -> Arc<Allowed> {
        let state = self.0.state.read();
        match (&state.callers, origin) {
            (None, _) | (_, Origin::Local) => state.everybody.clone(),
            (Some(callers), Origin::Http) => callers.get(principal).unwrap_or(&state.nobody).clone(),
        }
    }
}

/// How far the servers of a host are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// How many there are.
    pub servers: usize,
    /// How many are being connected.
    pub connecting: usize,
    /// How many have failed.
    pub failed: usize,
    /// How many are required and not there.
    pub missing: usize,
}

/// The place of one caller: who he is, once and for all, and what he may do now.
#[derive(Clone)]
pub struct Seat {
    access: Access,
    identity: Identity,
    origin: Origin,
}

impl Seat {
    /// Who asks.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What he may do, as the rules are now. To be asked for once for each request, where it is dispatched.
    pub fn view(&self) -> View {
        let allowed = self.access.allowed(&self.identity.principal, self.origin);
        View::new(self.access.0.host.clone(), self.identity.clone(), allowed)
    }

    /// What changes from now on, of what exists for him when it does.
    pub fn changes(&self) -> Changes {
        Changes { seat: self.clone(), all: self.access.0.host.changes(), rules: self.access.rules_changed() }
    }
}

/// Changes of the servers, and of the rules, as one caller hears of them.
pub struct Changes {
    seat: Seat,
    all: tokio::sync::broadcast::Receiver<Change>,
    rules: watch::Receiver<u64>,
}

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// This.
    One(Change),
    /// Anything may have: there were too many to count, or the rules did.
    Anything,
}

impl Changes {
    /// The next change of what exists for the caller. `None` when the host is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            let change = tokio::select! {
                change = self.all.recv() => change,
                changed = self.rules.changed() => {
                    changed.ok()?;
                    return Some(Heard::Anything);
                }
            };
            match change {
                Ok(change) if self.seat.view().hears_of(&change) => return Some(Heard::One(change)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Some(Heard::Anything),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next change that has come already.
    pub fn try_next(&mut self) -> Option<Heard> {
        use tokio::sync::broadcast::error::TryRecvError;
        loop {
            match self.all.try_recv() {
                Ok(change) if self.seat.view().hears_of(&change) => return Some(Heard::One(change)),
                Ok(_) => {}
                Err(TryRecvError::Lagged(_)) => return Some(Heard::Anything),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }
}
