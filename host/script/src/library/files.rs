//! The files of a folder that belongs to this user alone.

use super::LibraryError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The file by which processes take turns.
const LOCK: &str = ".lock";
/// The most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 10_000;

/// A folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

fn failed<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(std::io::Error) -> LibraryError + 'a {
    move |source| LibraryError::File { path: path.to_owned(), what, source }
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    /// Waits until no other process reads or writes; makes the folder where there is none.
    pub(super) fn lock(&self) -> Result<File, LibraryError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(failed(&self.0, "made"))?;
        let file = self.lock_file()?;
        file.lock().map_err(failed(&self.0, "locked"))?;
        Ok(file)
    }

    /// Waits until no other process writes. Without a folder there is nothing to wait for.
    pub(super) fn lock_shared(&self) -> Result<Option<File>, LibraryError> {
        if !self.exists() {
            return Ok(None);
        }
        let file = self.lock_file()?;
        file.lock_shared().map_err(failed(&self.0, "locked"))?;
        Ok(Some(file))
    }

    fn lock_file(&self) -> Result<File, LibraryError> {
        let path = self.0.join(LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow());
        options.open(&path).map_err(failed(&path, "locked"))
    }

    /// The names of the scripts that something is known about.
    pub(super) fn names(&self) -> Result<Vec<String>, LibraryError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.0, "read")(error)),
        };
        let mut names = Vec::new();
        for entry in entries.take(ENTRIES_MAX) {
            let name = entry.map_err(failed(&self.0, "read"))?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.filter(|name| super::Name::new(name).is_ok()).map(str::to_owned));
        }
        Ok(names)
    }

    /// A file's bytes; none where there is no such file. No link is followed.
    pub(super) fn read(&self, name: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, LibraryError> {
        let path = self.0.join(name);
        // A pipe would be waited for.
        let flags = no_follow() | i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, "read")(error)),
        };
        let refused = |why: &'static str| failed(&path, "read")(std::io::Error::other(why));
        if !file.metadata().map_err(failed(&path, "read"))?.is_file() {
            return Err(refused("it is no file"));
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut bytes).map_err(failed(&path, "read"))?;
        if bytes.len() > max_bytes {
            return Err(refused("it is too long"));
        }
        Ok(Some(bytes))
    }

    /// Writes a file as a whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LibraryError> {
        let path = self.0.join(name);
        let write = || -> std::io::Result<()> {
            // Temporary files are 0600 and end with a failure.
            let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(&self.0)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(failed(&path, "written"))
    }

    /// Moves a file to another folder of the same file system.
    pub(super) fn move_to(&self, other: &Self, name: &str) -> Result<(), LibraryError> {
        let path = self.0.join(name);
        fs::rename(&path, other.0.join(name)).map_err(failed(&path, "moved"))
    }

    /// Deletes a file. Says whether there was one.
    pub(super) fn delete(&self, name: &str) -> Result<bool, LibraryError> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(&path, "deleted")(error)),
        }
    }
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default()
}
