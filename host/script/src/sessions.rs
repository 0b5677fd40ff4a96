//! Sessions: script variables kept between the runs of one principal, in memory.
//!
//! A session is one JSON object under (tenant, principal, id). One run has it at a time: a second one that wants it
//! meanwhile is refused at once, because waiting could only end in two runs that overwrite each other's variables in an
//! order that nobody chose, or in a run that waits for itself through a nested call.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{Clock, Principal, Tenant, json};

/// The longest id of a session, in characters.
pub const ID_MAX_CHARS: usize = 128;
/// The most that one session keeps, in bytes of JSON.
pub const SESSION_MAX_BYTES: usize = 256 << 10;
/// The most sessions of one principal of one tenant.
pub const PER_PRINCIPAL_MAX: usize = 100;
/// The most that all sessions keep together, in bytes of JSON.
pub const TOTAL_MAX_BYTES: usize = 256 << 20;
/// How long a session is kept after its last use.
pub const KEPT: Duration = Duration::from_secs(3_600);

/// Whose session, and which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey {
    tenant: Arc<str>,
    principal: Arc<str>,
    id: Arc<str>,
}

impl SessionKey {
    /// A key.
    ///
    /// # Errors
    /// [`SessionError::Id`] unless `id` has 1 to [`ID_MAX_CHARS`] printable characters.
    pub fn new(tenant: &Tenant, principal: &Principal, id: &str) -> Result<Self, SessionError> {
        let fits = !id.is_empty() && id.chars().nth(ID_MAX_CHARS).is_none();
        // White space and what cannot be seen would make ids that only look alike.
        if !fits || id.chars().any(|c| !crate::error::is_visible(c)) {
            return Err(SessionError::Id);
        }
        Ok(Self { tenant: tenant.0.clone(), principal: principal.0.clone(), id: id.into() })
    }

    /// The session's id, as its principal names it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Why a session cannot be used or kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The id is none.
    #[error("a session's id has 1 to {ID_MAX_CHARS} printable characters, and no spaces other than ` `")]
    Id,
    /// Another run has it.
    #[error("session `{0}` is in use by another run: wait for its end, or use another session")]
    InUse(Arc<str>),
    /// The principal has too many.
    #[error(
        "there are {PER_PRINCIPAL_MAX} sessions already: go on with one of them; one that is not used ends after an hour"
    )]
    TooMany,
    /// The variables are too many bytes.
    #[error(
        "the session's variables take {bytes} bytes of JSON, and {SESSION_MAX_BYTES} is the most: keep less in `session`"
    )]
    TooLarge {
        /// How many they are.
        bytes: usize,
    },
    /// All sessions together are too many bytes.
    #[error("the host has no room for more session variables now: keep less in `session`, or try again later")]
    Full,
    /// The variables are no JSON object.
    #[error("the session's variables are no JSON object")]
    NotAnObject,
}

#[derive(Debug)]
struct Kept {
    /// A JSON object.
    object: Arc<str>,
    used: Duration,
    /// The lease that has it.
    lease: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<SessionKey, Kept>,
    bytes: usize,
    leases: u64,
}

/// All sessions of a host.
pub struct Sessions {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Sessions").field("count", &state.sessions.len()).field("bytes", &state.bytes).finish()
    }
}

/// An empty session.
const EMPTY: &str = "{}";

impl Sessions {
    /// No sessions yet. The clock's monotonic time says when they expire.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// Takes a session for one run; a new one is empty. It is free again when the lease is dropped.
    ///
    /// # Errors
    /// [`SessionError::InUse`] and [`SessionError::TooMany`].
    pub fn begin(self: &Arc<Self>, key: SessionKey) -> Result<Lease, SessionError> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        state.expire(now);
        state.leases += 1;
        let lease = state.leases;
        if let Some(kept) = state.sessions.get_mut(&key) {
            if kept.lease.is_some() {
                return Err(SessionError::InUse(key.id));
            }
            kept.lease = Some(lease);
            kept.used = now;
            let object = kept.object.clone();
            return Ok(Lease { sessions: self.clone(), key, object, lease });
        }
        let first = SessionKey { id: "".into(), ..key.clone() };
        let own = |other: &&SessionKey| other.tenant == key.tenant && other.principal == key.principal;
        let own = state.sessions.range(first..).map(|(other, _)| other).take_while(own).count();
        if own >= PER_PRINCIPAL_MAX {
            return Err(SessionError::TooMany);
        }
        let object: Arc<str> = EMPTY.into();
        state.bytes += object.len();
        state.sessions.insert(key.clone(), Kept { object: object.clone(), used: now, lease: Some(lease) });
        Ok(Lease { sessions: self.clone(), key, object, lease })
    }

    /// Ends a session: what it kept is gone. Says whether there was one. A run that has it goes on, and brings nothing
    /// back.
    pub fn end(&self, key: &SessionKey) -> bool {
        self.state.lock().remove(key)
    }
}

impl State {
    fn expire(&mut self, now: Duration) {
        let old = |kept: &Kept| kept.lease.is_none() && now.saturating_sub(kept.used) >= KEPT;
        let keys: Vec<SessionKey> =
            self.sessions.iter().filter(|(_, kept)| old(kept)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &SessionKey) -> bool {
        let removed = self.sessions.remove(key);
        self.bytes = self.bytes.saturating_sub(removed.as_ref().map_or(0, |kept| kept.object.len()));
        removed.is_some()
    }
}

/// A session that a run has to itself. Dropped without [`Lease::commit`], it leaves the session as it was: a run that
/// fails changes nothing.
pub struct Lease {
    sessions: Arc<Sessions>,
    key: SessionKey,
    object: Arc<str>,
    lease: u64,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Lease {
    /// The session's variables: a JSON object.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Keeps the variables that the run left, and frees the session.
    ///
    /// # Errors
    /// [`SessionError::NotAnObject`], [`SessionError::TooLarge`], [`SessionError::Full`]: the session is then as it was
    /// before the run.
    pub fn commit(self, object: &str) -> Result<(), SessionError> {
        if object.len() > SESSION_MAX_BYTES {
            return Err(SessionError::TooLarge { bytes: object.len() });
        }
        if !object.starts_with('{') || json::check(object).is_err() {
            return Err(SessionError::NotAnObject);
        }
        let mut guard = self.sessions.state.lock();
        let state = &mut *guard;
        let own = |kept: &&mut Kept| kept.lease == Some(self.lease);
        let Some(kept) = state.sessions.get_mut(&self.key).filter(own) else { return Ok(()) };
        let bytes = state.bytes.saturating_sub(kept.object.len()).saturating_add(object.len());
        if bytes > TOTAL_MAX_BYTES && object.len() > kept.object.len() {
            return Err(SessionError::Full);
        }
        kept.object = object.into();
        state.bytes = bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = self.sessions.clock.monotonic();
        let mut state = self.sessions.state.lock();
        let mut unused = false;
        if let Some(kept) = state.sessions.get_mut(&self.key).filter(|kept| kept.lease == Some(self.lease)) {
            kept.lease = None;
            kept.used = now;
            unused = &*kept.object == EMPTY;
        }
        // What keeps nothing takes no place.
        if unused {
            state.remove(&self.key);
        }
    }
}
