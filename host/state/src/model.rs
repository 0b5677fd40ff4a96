//! The nouns.

use std::fmt;
use std::sync::Arc;
use tollgate_core::{BoxFuture, Tenant};

/// The most keys of one page of a list.
pub const PAGE_MAX_KEYS: u32 = 1_000;

/// A value of a key: it grows with every change in a namespace, from 1, and is never given twice there.
pub type Version = u64;

/// Whose keys: a component's in a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    tenant: Arc<str>,
    owner: Arc<str>,
}

impl Namespace {
    /// The keys of `owner`. A policy and a server may have the same name, so an owner says what it is: `policy:NAME`,
    /// `server:NAME`.
    pub fn new(tenant: Tenant, owner: impl Into<Arc<str>>) -> Self {
        Self { tenant: tenant.0, owner: owner.into() }
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Whose keys within the tenant.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

/// A key: 1 to [`KEY_MAX_BYTES`](crate::KEY_MAX_BYTES) bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Checks a text.
    ///
    /// # Errors
    /// [`StateError::InvalidKey`]: what is wrong with it.
    pub fn new(text: impl Into<String>) -> Result<Self, StateError> {
        let text = text.into();
        if text.is_empty() {
            return Err(StateError::InvalidKey("a key has at least one character".to_owned()));
        }
        check_text("a key", &text).map(|()| Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks what is a key, or begins one.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), StateError> {
    tollgate_core::grant::state::check_text(what, text).map_err(StateError::InvalidKey)
}

/// What a key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// JSON text.
    pub value: String,
    /// Its version.
    pub version: Version,
}

/// What must be there for a `set` to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is is replaced.
    Any,
    /// There is no such key yet.
    Absent,
    /// The key has this version.
    Version(Version),
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key.
    pub key: String,
    /// Its version.
    pub version: Version,
    /// Bytes of its value.
    pub size: u64,
}

/// A part of a list of keys, in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// Where there are more: the key after which they come.
    pub next: Option<String>,
}

impl Page {
    /// A page of what was found, one key more than `limit` if there are more.
    pub(crate) fn of(mut keys: Vec<KeyInfo>, limit: usize) -> Self {
        let more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| more).map(|info| info.key.clone());
        Self { keys, next }
    }
}

/// Which keys to list. Checked by [`State`](crate::State).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// They begin with this.
    pub prefix: String,
    /// They come after this.
    pub after: Option<String>,
    /// At most so many, from 1 to [`PAGE_MAX_KEYS`].
    pub limit: u32,
}

/// What one namespace may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of one value. 1 MiB unless set; at most 64 MiB, whatever this says.
    pub value_bytes: u64,
    /// Keys. 10,000 unless set.
    pub keys: u64,
    /// Bytes of all keys and values. 64 MiB unless set.
    pub total_bytes: u64,
}

impl Quota {
    /// The largest value that any quota can allow, in bytes.
    pub const VALUE_MAX_BYTES: u64 = 64 << 20;
}

impl Default for Quota {
    fn default() -> Self {
        Self { value_bytes: 1 << 20, keys: 10_000, total_bytes: 64 << 20 }
    }
}

/// What one namespace holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

/// A namespace that holds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Whose keys.
    pub space: Namespace,
    /// What they hold.
    pub used: Usage,
}

/// Why nothing was done. Mirrors the WIT's `state-error`, case by case; none is a trap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// There is no grant for the key or prefix.
    #[error("{0}")]
    Denied(String),
    /// The text is no key.
    #[error("{0}")]
    InvalidKey(String),
    /// The value is not JSON.
    #[error("{0}")]
    InvalidValue(String),
    /// The value is over the limit for one.
    #[error("{0}")]
    TooLarge(String),
    /// The namespace has as many keys, or as many bytes, as it may.
    #[error("{0}")]
    OverQuota(String),
    /// The key is not as expected: its version now, none if it is not there.
    #[error("the key is not as expected: {}", .0.map_or("it is not there".to_owned(), |v| format!("its version is {v} now")))]
    Conflict(Option<Version>),
    /// The store has no room for this request now.
    #[error("the state store is busy; try again after a pause")]
    Overloaded,
    /// The store cannot be used.
    #[error("{0}")]
    Unavailable(String),
}

/// Where state is kept. What is asked of it has been checked by [`State`](crate::State): grants, keys, JSON, sizes.
///
/// A future that is dropped may have done its work or not; it never does half of it.
///
/// # Errors
/// Every function: [`StateError::Overloaded`] and [`StateError::Unavailable`]. `set` and `delete` also
/// [`StateError::Conflict`], and `set` [`StateError::OverQuota`].
pub trait StateStore: Send + Sync + 'static {
    /// What a key has, if it is there.
    fn get(&self, space: &Namespace, key: Key) -> BoxFuture<'_, Result<Option<Entry>, StateError>>;

    /// Sets a key, if it is as expected and the quota allows, and tells its new version. When it has answered, the
    /// value is kept as well as the store can.
    fn set(
        &self,
        space: &Namespace,
        key: Key,
        value: String,
        expected: Expected,
        quota: Quota,
    ) -> BoxFuture<'_, Result<Version, StateError>>;

    /// Deletes a key, if it has the expected version where one is given. Tells whether it was there.
    fn delete(&self, space: &Namespace, key: Key, expected: Option<Version>)
    -> BoxFuture<'_, Result<bool, StateError>>;

    /// Lists keys, in the order of their bytes.
    fn list(&self, space: &Namespace, range: KeyRange) -> BoxFuture<'_, Result<Page, StateError>>;

    /// What a namespace holds.
    fn usage(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>>;

    /// The namespaces that hold something, those after one of them, at most `limit`: in the order of tenants, then owners.
    /// For operators.
    fn holders(&self, after: Option<Namespace>, limit: u32) -> BoxFuture<'_, Result<Vec<Holder>, StateError>>;

    /// Deletes every key of a namespace, and tells what they held. Versions go on from where they were. For operators.
    fn clear(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>>;
}
