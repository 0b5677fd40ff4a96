//! Stores of secrets. A store is one tenant's.

use crate::place::{Place, PlaceError, SECRET_MAX_BYTES, line};
use crate::private;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::{BoxFuture, Secret};
use zeroize::Zeroizing;

/// The longest name, in bytes.
pub const NAME_MAX_BYTES: usize = 100;
/// The most secrets that a folder lists.
const MAX_LISTED: usize = 10_000;

/// Why a store did not do it. Never with a value in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No store has it.
    #[error("there is no secret `{0}`; set it with `tollgate secrets set {0}`, or name its place under `secrets.{0}`")]
    Missing(String),
    /// The name cannot be one.
    #[error("`{0}` is not a name of a secret: letters, digits, `_`, `-` and `.` inside, at most {NAME_MAX_BYTES}")]
    Name(String),
    /// Its place did not give it.
    #[error("secret `{0}`: {1}")]
    Place(String, PlaceError),
    /// The value is longer than secrets are, or is not one line of text.
    #[error("secret `{0}`: {1}")]
    Value(String, &'static str),
    /// Nothing can be set here.
    #[error("secret `{0}`: its place is given by the configuration; change it there")]
    ReadOnly(String),
    /// The store cannot be read or written.
    #[error("the store of secrets at {place}: {why}")]
    Unusable {
        /// Where it is.
        place: String,
        /// What happened, and what to do.
        why: String,
    },
}

/// Keeps secrets by name. Every method may be called at once from many tasks.
pub trait SecretStore: Send + Sync + 'static {
    /// The value. It is asked for at each use, so that a change counts; a store that is slow caches by itself.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Secret, StoreError>>;

    /// The names that it knows, sorted. That one is listed does not say that its value can be had.
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Puts a value in the place of the one that is there.
    fn set<'a>(&'a self, name: &'a str, value: Secret) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// # Errors
/// It has other characters than a name has, or none, or too many.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let is_name = (1..=NAME_MAX_BYTES).contains(&name.len()) && name.bytes().all(is_inner);
    if is_name && !name.starts_with(['.', '-']) && !name.ends_with('.') {
        Ok(())
    } else {
        Err(StoreError::Name(name.chars().take(NAME_MAX_BYTES).flat_map(char::escape_debug).collect()))
    }
}

async fn blocking<T: Send + 'static>(
    place: String,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let why = "the work on it was given up".to_owned();
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Unusable { place, why }))
}

/// Where the configuration says that each secret is.
pub struct PlacedStore(BTreeMap<String, Place>);

impl PlacedStore {
    /// With these names and places.
    pub fn new(places: impl IntoIterator<Item = (String, Place)>) -> Self {
        Self(places.into_iter().collect())
    }
}

impl SecretStore for PlacedStore {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Secret, StoreError>> {
        Box::pin(async move {
            let place = self.0.get(name).ok_or_else(|| StoreError::Missing(name.to_owned()))?.clone();
            let owned = name.to_owned();
            let read =
                move || place.read(&|name| std::env::var(name).ok()).map_err(|why| StoreError::Place(owned, why));
            blocking(format!("secrets.{name}"), read).await
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(std::future::ready(Ok(self.0.keys().cloned().collect())))
    }

    fn set<'a>(&'a self, name: &'a str, _value: Secret) -> BoxFuture<'a, Result<(), StoreError>> {
        let known = self.0.contains_key(name);
        let error = if known { StoreError::ReadOnly(name.to_owned()) } else { StoreError::Missing(name.to_owned()) };
        Box::pin(std::future::ready(Err(error)))
    }
}

/// A folder of this user alone with one file (0600) a secret. `tollgate secrets set` writes it.
#[derive(Clone, Debug)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// In this folder, which is made when something is set.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn unusable(&self, why: impl ToString) -> StoreError {
        StoreError::Unusable { place: self.folder.display().to_string(), why: why.to_string() }
    }

    fn read(&self, name: &str) -> Result<Secret, StoreError> {
        let read = private::read(&self.folder.join(name), SECRET_MAX_BYTES);
        let (bytes, _) = read
            .map_err(|why| self.unusable(format!("{name}: {why}")))?
            .ok_or_else(|| StoreError::Missing(name.to_owned()))?;
        line(Zeroizing::new(bytes)).map_err(|()| StoreError::Value(name.to_owned(), "it is not UTF-8 text"))
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.unusable(error)),
        };
        let names = entries.take(MAX_LISTED).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let names: BTreeSet<String> = names.filter(|name| check_name(name).is_ok() && !is_unfinished(name)).collect();
        Ok(names.into_iter().collect())
    }
}

/// What [`private::replace`] has not yet renamed.
fn is_unfinished(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "tmp")
}

impl SecretStore for FolderStore {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Secret, StoreError>> {
        Box::pin(async move {
            check_name(name)?;
            let (store, name) = (self.clone(), name.to_owned());
            blocking(self.folder.display().to_string(), move || store.read(&name)).await
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let store = self.clone();
            blocking(self.folder.display().to_string(), move || store.names()).await
        })
    }

    fn set<'a>(&'a self, name: &'a str, value: Secret) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            check_name(name)?;
            if is_unfinished(name) {
                return Err(StoreError::Name(name.to_owned()));
            }
            let wrong = |why| Err(StoreError::Value(name.to_owned(), why));
            match value.expose() {
                "" => return wrong("its value is empty"),
                text if text.len() as u64 >= SECRET_MAX_BYTES => return wrong("its value is longer than 64 KiB"),
                text if text.contains('\0') => return wrong("its value holds a NUL character"),
                _ => {}
            }
            let (store, name) = (self.clone(), name.to_owned());
            let write = move || {
                private::open_folder(&store.folder).map_err(|why| store.unusable(why))?;
                // One newline at the end is taken off when it is read, so that a value that ends in one stays whole.
                let mut bytes = Zeroizing::new(Vec::with_capacity(value.expose().len() + 1));
                bytes.extend_from_slice(value.expose().as_bytes());
                bytes.push(b'\n');
                private::replace(&store.folder.join(&name), &bytes).map_err(|why| store.unusable(why))
            };
            blocking(self.folder.display().to_string(), write).await
        })
    }
}

/// Keeps secrets as long as it lives: for an embedding program, and for tests.
#[derive(Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Secret>>);

impl SecretStore for MemoryStore {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Secret, StoreError>> {
        let found = self.0.lock().get(name).cloned().ok_or_else(|| StoreError::Missing(name.to_owned()));
        Box::pin(std::future::ready(found))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(std::future::ready(Ok(self.0.lock().keys().cloned().collect())))
    }

    fn set<'a>(&'a self, name: &'a str, value: Secret) -> BoxFuture<'a, Result<(), StoreError>> {
        let set = check_name(name).map(|()| {
            self.0.lock().insert(name.to_owned(), value);
        });
        Box::pin(std::future::ready(set))
    }
}

/// Several stores: the first that knows a name has it, and what is set goes to the first that can be written.
pub struct Chain(Vec<Arc<dyn SecretStore>>);

impl Chain {
    /// In this order.
    pub fn new(stores: impl IntoIterator<Item = Arc<dyn SecretStore>>) -> Self {
        Self(stores.into_iter().collect())
    }
}

impl SecretStore for Chain {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Secret, StoreError>> {
        Box::pin(async move {
            for store in &self.0 {
                match store.get(name).await {
                    Err(StoreError::Missing(_)) => {}
                    found => return found,
                }
            }
            Err(StoreError::Missing(name.to_owned()))
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let mut names = BTreeSet::new();
            for store in &self.0 {
                names.extend(store.list().await?);
            }
            Ok(names.into_iter().collect())
        })
    }

    fn set<'a>(&'a self, name: &'a str, value: Secret) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for store in &self.0 {
                match store.set(name, value.clone()).await {
                    // It is not one of a placed store, so the next one may have it.
                    Err(StoreError::Missing(_)) => {}
                    done => return done,
                }
            }
            Err(StoreError::Missing(name.to_owned()))
        })
    }
}
