//! Where the tokens of logins are kept.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::{BoxFuture, Secret};

/// Whose tokens, for what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenOwner {
    /// The server: its URL without query and fragment.
    pub resource: String,
    /// Who logged in.
    pub principal: String,
    /// Who owns that.
    pub tenant: String,
}

/// The key of an entry.
///
/// The issuer is part of it, so that what one authorization server gave is never found when the server names
/// another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey {
    /// The authorization server that gave the tokens.
    pub issuer: String,
    /// Whose they are.
    pub owner: TokenOwner,
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be read or written.
    #[error("the store of logins at {place}: {why}")]
    Unusable {
        /// Where it is.
        place: String,
        /// What happened, and what to do.
        why: String,
    },
    /// Another process holds the entry for too long.
    #[error("the store of logins at {0}: another process holds the login; try again")]
    Busy(String),
}

/// Held while an entry is read, changed and written. Dropping it lets others in.
#[must_use = "dropping it lets others in"]
pub struct StoreLock {
    _held: Box<dyn Send>,
}

impl StoreLock {
    /// A lock that lasts as long as `held`.
    pub fn new(held: impl Send + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// Keeps tokens. What is in an entry is its writer's own matter.
///
/// Every method may be called at once from many tasks; processes that share what is behind it see whole entries.
pub trait TokenStore: Send + Sync + 'static {
    /// The entry, if there is one.
    fn load<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<Option<Secret>, StoreError>>;

    /// Puts an entry in the place of the one that is there.
    fn save<'a>(&'a self, key: &'a TokenKey, value: Secret) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Forgets the entry. No error where there is none.
    fn remove<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The issuers of all entries of `owner`.
    fn issuers<'a>(&'a self, owner: &'a TokenOwner) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// Waits until nobody else holds the entry. `load`, `save` and `remove` do not take the lock themselves.
    fn lock<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<StoreLock, StoreError>>;
}

/// Keeps tokens as long as it lives.
#[derive(Default)]
pub struct MemoryTokenStore {
    entries: Mutex<BTreeMap<TokenKey, Secret>>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl TokenStore for MemoryTokenStore {
    fn load<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(std::future::ready(Ok(self.entries.lock().get(key).cloned())))
    }

    fn save<'a>(&'a self, key: &'a TokenKey, value: Secret) -> BoxFuture<'a, Result<(), StoreError>> {
        self.entries.lock().insert(key.clone(), value);
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.entries.lock().remove(key);
        Box::pin(std::future::ready(Ok(())))
    }

    fn issuers<'a>(&'a self, owner: &'a TokenOwner) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let entries = self.entries.lock();
        let issuers = entries.keys().filter(|key| key.owner == *owner).map(|key| key.issuer.clone()).collect();
        Box::pin(std::future::ready(Ok(issuers)))
    }

    fn lock<'a>(&'a self, _key: &'a TokenKey) -> BoxFuture<'a, Result<StoreLock, StoreError>> {
        Box::pin(async { Ok(StoreLock::new(self.lock.clone().lock_owned().await)) })
    }
}

/// Where logins are kept, and whose they are.
#[derive(Clone)]
pub struct Logins {
    /// Where.
    pub store: Arc<dyn TokenStore>,
    /// Who logs in.
    pub principal: String,
    /// Who owns that.
    pub tenant: String,
}

impl Default for Logins {
    /// In memory, for the user of this process.
    fn default() -> Self {
        Self::new(Arc::new(MemoryTokenStore::default()))
    }
}

impl Logins {
    /// In `store`, for the user of this process.
    pub fn new(store: Arc<dyn TokenStore>) -> Self {
        Self { store, principal: "user".to_owned(), tenant: "default".to_owned() }
    }
}
