//! Which discovered configurations may start something. A repository that someone clones must not run programs because
//! a shell stands in its folder.

use crate::diagnostic::visible;
use crate::model::{Config, Digest};
use crate::resolve::open_regular;
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, canonicalize};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// What has been trusted: a folder (mode 0700) with one file (0600) for each configuration, named by the digest of its
/// path, that holds the digest of its content. One file each, because then two `tollgate trust` at once cannot lose one.
#[derive(Clone, Debug)]
pub struct TrustStore {
    folder: PathBuf,
}

/// Why a discovered configuration starts nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It has not been trusted, or not as it is now.
    #[error("{}", untrusted(.file, *.changed, .would_start))]
    Untrusted {
        /// The file.
        file: PathBuf,
        /// It was trusted, and has changed since.
        changed: bool,
        /// What it would start, a line each.
        would_start: Vec<String>,
    },
    /// The store cannot be used.
    #[error("the record of trusted configurations, {}: {source}", .path.display())]
    Store {
        /// The file or folder that could not be used.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

fn untrusted(file: &Path, changed: bool, would_start: &[String]) -> String {
    let why = if changed { "has changed since it was trusted" } else { "is not trusted yet" };
    let file = visible(&file.to_string_lossy());
    let quoted = file.replace('\'', r"'\''");
    let mut text = format!("{file} {why}; run `tollgate trust '{quoted}'` to allow it");
    if !would_start.is_empty() {
        text.push_str(", which would start:");
    }
    for line in would_start {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

impl TrustStore {
    /// The store below the folder of what the host remembers ([`Folders::state`](crate::Folders::state)). Nothing is
    /// created until something is trusted.
    pub fn new(state: &Path) -> Self {
        Self { folder: state.join("trust") }
    }

    /// Checks that a configuration is trusted as it is now.
    ///
    /// # Errors
    /// [`TrustError::Untrusted`] if it is not.
    pub fn check(&self, config: &Config) -> Result<(), TrustError> {
        let trusted = self.trusted(&config.file)?;
        if trusted == Some(config.digest) {
            return Ok(());
        }
        Err(TrustError::Untrusted {
            file: config.file.clone(),
            changed: trusted.is_some(),
            would_start: config.would_start(),
        })
    }

    /// Trusts a configuration as it is now.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn trust(&self, config: &Config) -> Result<(), TrustError> {
        let (record, path) = self.record(&config.file)?;
        let failed = |source| TrustError::Store { path: self.folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        // Made with mode 0600, and renamed: a reader sees the old record or the new one.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        let line = format!("{}  {}\n", config.digest, visible(&path.to_string_lossy()));
        file.write_all(line.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&record).map(|_| ()).map_err(|error| failed(error.error))
    }

    /// The digest that was trusted for a file, if any was.
    fn trusted(&self, file: &Path) -> Result<Option<Digest>, TrustError> {
        let (record, _) = self.record(file)?;
        let failed = |source| TrustError::Store { path: record.clone(), source };
        let opened = match open_regular(&record) {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if opened.metadata().map_err(failed)?.mode() & 0o022 != 0 {
            return Err(failed(std::io::Error::other("others can write it; run `chmod 600` on it, or remove it")));
        }
        let mut text = [0; 64];
        opened.take(64).read_exact(&mut text).map_err(failed)?;
        let mut digest = Digest::default();
        hex::decode_to_slice(text, &mut digest.0).map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Some(digest))
    }

    /// The record of a file, and the file's own path without links.
    fn record(&self, file: &Path) -> Result<(PathBuf, PathBuf), TrustError> {
        let path = canonicalize(file).map_err(|source| TrustError::Store { path: file.to_owned(), source })?;
        let name = hex::encode(Sha256::digest(path.as_os_str().as_bytes()));
        Ok((self.folder.join(name), path))
    }
}
