//! Files that are for this user alone: 0600, in a folder of 0700.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The user that the system's files belong to.
const ROOT: u32 = 0;

/// Makes the folder if it is not there.
///
/// # Errors
/// It cannot be made, or it belongs to or is open to somebody else.
pub fn open_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = std::fs::metadata(folder)?;
    if !is_ours(&metadata) {
        return Err(io::Error::other("the folder belongs to another user; name another folder"));
    }
    if metadata.mode() & 0o077 != 0 {
        let why = format!("the folder is open to other users; run `chmod 700 {}`", folder.display());
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// Reads a file that this program keeps, of at most `max_bytes`, with what it is. `None` when there is none.
///
/// # Errors
/// It cannot be read, is larger, is a link, or others may have read or written it.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Option<(Vec<u8>, Metadata)>> {
    read_with(path, max_bytes, OFlags::NOFOLLOW, is_ours)
}

/// Reads a file that somebody has put there for this user, as [`read`] does: its path may be a link, and the file the
/// system's. What counts is the file that was opened, so a link that is turned meanwhile changes nothing.
///
/// # Errors
/// It cannot be read, is larger, or others may have read or written it.
pub fn read_given(path: &Path, max_bytes: u64) -> io::Result<Option<(Vec<u8>, Metadata)>> {
    read_with(path, max_bytes, OFlags::empty(), |metadata| is_ours(metadata) || metadata.uid() == ROOT)
}

fn read_with(
    path: &Path,
    max_bytes: u64,
    flags: OFlags,
    is_of: impl Fn(&Metadata) -> bool,
) -> io::Result<Option<(Vec<u8>, Metadata)>> {
    // A pipe does not block.
    let bits = i32::try_from((flags | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = match File::options().read(true).custom_flags(bits).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            let why =
                if flags.contains(OFlags::NOFOLLOW) { "a link, which is not followed" } else { "a link to itself" };
            return Err(io::Error::other(format!("it is {why}")));
        }
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o777;
    let why = match (metadata.is_file(), is_of(&metadata)) {
        (false, _) => Some("it is not a regular file".to_owned()),
        (_, false) => Some("it belongs to another user".to_owned()),
        _ if mode & 0o077 != 0 => Some(format!("it is open to others (mode {mode:04o})")),
        _ => None,
    };
    if let Some(why) = why {
        return Err(io::Error::other(format!("not a file of this user alone: {why}")));
    }
    // Room from the start: growing would leave copies of a secret behind.
    let room = metadata.len().min(max_bytes).saturating_add(2);
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("it has more than {max_bytes} bytes")));
    }
    Ok(Some((bytes, metadata)))
}

/// Puts a file in the place of the one that is there. It is written beside its place and renamed into it, so a
/// reader sees a whole one or none.
///
/// # Errors
/// It cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_added_extension(format!("{}-{count}.tmp", std::process::id()));
    let written = write_new(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Opens the file that a lock is taken on.
///
/// # Errors
/// It cannot be opened.
pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Takes the lock; false when another process has it. Closing the file gives it back.
///
/// # Errors
/// It cannot be locked at all.
pub fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_ours(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that is there is of a process that had our number and crashed.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
