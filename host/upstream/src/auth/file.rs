//! Tokens in files: one file for each entry, in a folder that is for this user alone.

use super::store::{StoreError, StoreLock, TokenKey, TokenOwner, TokenStore};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tollgate_core::{BoxFuture, Secret};
use tollgate_secrets::private;

/// The largest entry, in bytes.
const MAX_ENTRY_BYTES: u64 = 256 << 10;
/// The most files that are looked at.
const MAX_FILES: usize = 10_000;
/// How long to wait for another process. It is more than a request to a token endpoint may take.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Keeps tokens in files of mode 0600, in a folder of mode 0700. Several processes may use one folder.
///
/// A file is written beside its place and renamed into it, so a reader sees a whole one or none.
#[derive(Clone, Debug)]
pub struct FileTokenStore {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    issuer: String,
    resource: String,
    principal: String,
    tenant: String,
    value: String,
}

impl FileTokenStore {
    /// A store in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made, or it belongs to or is open to somebody else.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Self { folder: folder.into() };
        private::open_folder(&store.folder).map_err(|error| store.unusable(error.to_string()))?;
        Ok(store)
    }

    fn unusable(&self, why: String) -> StoreError {
        StoreError::Unusable { place: self.folder.display().to_string(), why }
    }

    /// Does what may block beside the runtime.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        match tokio::task::spawn_blocking(move || work(&store).map_err(|error| store.unusable(error.to_string()))).await
        {
            Ok(done) => done,
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    fn path(&self, key: &TokenKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{}{ending}", owner_prefix(&key.owner), digest(&[&key.issuer])))
    }

    fn write(&self, key: &TokenKey, value: &Secret) -> io::Result<()> {
        let TokenOwner { resource, principal, tenant } = key.owner.clone();
        let stored =
            Stored { issuer: key.issuer.clone(), resource, principal, tenant, value: value.expose().to_owned() };
        let text = serde_json::to_vec(&stored)?;
        if text.len() as u64 > MAX_ENTRY_BYTES {
            return Err(io::Error::other(format!("an entry is over {MAX_ENTRY_BYTES} bytes")));
        }
        private::replace(&self.path(key, ".json"), &text)
    }

    fn issuers_of(&self, owner: &TokenOwner) -> io::Result<Vec<String>> {
        let prefix = owner_prefix(owner);
        let mut issuers = Vec::new();
        for file in std::fs::read_dir(&self.folder)?.take(MAX_FILES) {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&prefix)
                && name.ends_with(".json")
                && let Some(stored) = read(&file.path())?
            {
                issuers.push(stored.issuer);
            }
        }
        Ok(issuers)
    }
}

/// A digest of `parts`, each with its length before it, so that none runs into the next.
fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn owner_prefix(owner: &TokenOwner) -> String {
    format!("{}-", digest(&[&owner.tenant, &owner.principal, &owner.resource]))
}

/// Reads an entry. A file that others may have read or written is an error.
fn read(path: &Path) -> io::Result<Option<Stored>> {
    let mend = |why: String| io::Error::other(format!("{}: {why}; delete it and log in again", path.display()));
    let Some((bytes, _)) = private::read(path, MAX_ENTRY_BYTES).map_err(|error| mend(error.to_string()))? else {
        return Ok(None);
    };
    // The parser's error could quote what is in the file.
    serde_json::from_slice(&bytes).map(Some).map_err(|_| mend("it is damaged".to_owned()))
}

impl TokenStore for FileTokenStore {
    fn load<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<Option<Secret>, StoreError>> {
        let path = self.path(key, ".json");
        Box::pin(async move {
            let stored = self.blocking(move |_| read(&path)).await?;
            // The name is a digest; the entry says whose it is.
            let is_it = |stored: &Stored| {
                stored.issuer == key.issuer
                    && stored.resource == key.owner.resource
                    && stored.principal == key.owner.principal
                    && stored.tenant == key.owner.tenant
            };
            Ok(stored.filter(is_it).map(|stored| Secret::from(stored.value)))
        })
    }

    fn save<'a>(&'a self, key: &'a TokenKey, value: Secret) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = key.clone();
        Box::pin(self.blocking(move |store| store.write(&key, &value)))
    }

    fn remove<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<(), StoreError>> {
        let path = self.path(key, ".json");
        Box::pin(self.blocking(move |_| match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }))
    }

    fn issuers<'a>(&'a self, owner: &'a TokenOwner) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let owner = owner.clone();
        Box::pin(self.blocking(move |store| store.issuers_of(&owner)))
    }

    fn lock<'a>(&'a self, key: &'a TokenKey) -> BoxFuture<'a, Result<StoreLock, StoreError>> {
        let path = self.path(key, ".lock");
        Box::pin(async move {
            let file = self.blocking(move |_| private::open_lock(&path)).await?;
            let begun = tokio::time::Instant::now();
            while !private::try_lock(&file).map_err(|error| self.unusable(error.to_string()))? {
                if begun.elapsed() > LOCK_PATIENCE {
                    return Err(StoreError::Busy(self.folder.display().to_string()));
                }
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            // Closing the file gives the lock back.
            Ok(StoreLock::new(file))
        })
    }
}
