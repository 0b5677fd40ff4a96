//! What one component has of the store.

use crate::memory::MemoryStore;
use crate::model::{
    Entry, Expected, Key, KeyRange, Namespace, PAGE_MAX_KEYS, Page, Quota, StateError, StateStore, Usage, Version,
    check_text,
};
use crate::scope::Scopes;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};
use tollgate_core::limits::{Unit, format_value};

/// The most requests of one handle at once. More fail as [`StateError::Overloaded`]: to wait would hold their values in the
/// host's memory.
const AT_ONCE_MAX: usize = 64;

/// One component's keys. Everything that a guest gives is checked here: grants, keys, JSON, sizes. Clones share their
/// bound on requests at once, so a run has one and clones it.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    store: Arc<dyn StateStore>,
    space: Namespace,
    scopes: Scopes,
    quota: Quota,
    at_once: Semaphore,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { space, scopes, .. } = &*self.0;
        f.debug_struct("State").field("space", space).field("scopes", scopes).finish_non_exhaustive()
    }
}

/// Nothing granted: every request is denied.
impl Default for State {
    fn default() -> Self {
        let space = Namespace::new(Default::default(), "");
        Self::new(Arc::new(MemoryStore::default()), space, Scopes::default(), Quota::default())
    }
}

impl State {
    /// The keys of a namespace, as far as the scopes reach, within the quota.
    pub fn new(store: Arc<dyn StateStore>, space: Namespace, scopes: Scopes, quota: Quota) -> Self {
        Self(Arc::new(Inner { store, space, scopes, quota, at_once: Semaphore::new(AT_ONCE_MAX) }))
    }

    /// Whose keys.
    pub fn owner(&self) -> &str {
        self.0.space.owner()
    }

    /// What a key has, if it is there.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn get(&self, key: String) -> Result<Option<Entry>, StateError> {
        let key = self.key(key)?;
        let _room = self.room()?;
        self.0.store.get(&self.0.space, key).await
    }

    /// Sets a key to a JSON text, if it is as expected, and tells its new version. When it has answered, the value is
    /// kept. Dropping the future does not take the change back: it is done or it is not.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn set(&self, key: String, value: String, expected: Expected) -> Result<Version, StateError> {
        let key = self.key(key)?;
        let max = self.0.quota.value_bytes.min(Quota::VALUE_MAX_BYTES);
        if value.len() as u64 > max {
            return Err(StateError::TooLarge(format!(
                "the value of `{key}` has {} bytes, and may have {}; split it, or raise the key `state.max_value`",
                value.len(),
                format_value(Unit::Bytes, max)
            )));
        }
        tollgate_core::json::check(&value)
            .map_err(|error| StateError::InvalidValue(format!("the value of `{key}` is not JSON: {error}")))?;
        let _room = self.room()?;
        self.0.store.set(&self.0.space, key, value, expected, self.0.quota).await
    }

    /// Deletes a key, if it has the expected version where one is given. Tells whether it was there.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn delete(&self, key: String, expected: Option<Version>) -> Result<bool, StateError> {
        let key = self.key(key)?;
        let _room = self.room()?;
        self.0.store.delete(&self.0.space, key, expected).await
    }

    /// The keys that begin with a prefix and come after a key, at most [`PAGE_MAX_KEYS`] or the limit, if that is less.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn list_keys(
        &self,
        prefix: String,
        after: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page, StateError> {
        check_text("a prefix", &prefix)?;
        check_text("`after`", after.as_deref().unwrap_or_default())?;
        self.0.scopes.check_prefix(&prefix)?;
        let limit = limit.unwrap_or(PAGE_MAX_KEYS).clamp(1, PAGE_MAX_KEYS);
        let _room = self.room()?;
        self.0.store.list(&self.0.space, KeyRange { prefix, after, limit }).await
    }

    /// What there is in all. For the host, not for guests.
    ///
    /// # Errors
    /// [`StateError::Overloaded`] and [`StateError::Unavailable`].
    pub async fn usage(&self) -> Result<Usage, StateError> {
        self.0.store.usage(&self.0.space).await
    }

    fn key(&self, text: String) -> Result<Key, StateError> {
        let key = Key::new(text)?;
        self.0.scopes.check_key(&key).map(|()| key)
    }

    fn room(&self) -> Result<SemaphorePermit<'_>, StateError> {
        self.0.at_once.try_acquire().map_err(|_| StateError::Overloaded)
    }
}
