//! The file and its folder: this user's alone.

use super::OpenError;
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes the file and its folder if they are not there, and checks that nobody else can read or swap them. SQLite gives
/// the files that it puts beside (`-wal`, `-shm`) the same mode.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |at: &Path| {
        let at = at.to_owned();
        move |source| OpenError::File { path: at, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let metadata = folder.metadata().map_err(failed(folder))?;
    // With the sticky bit others can add files, and not replace ours.
    let others_write = metadata.mode() & 0o022 != 0 && metadata.mode() & 0o1000 == 0;
    if !belongs(&metadata) || others_write {
        return Err(OpenError::Exposed { path: folder.to_owned(), mode: metadata.mode() & 0o7777, wanted: 0o700 });
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(path)(error)),
    }
    let metadata = opened(path).and_then(|file| file.metadata()).map_err(failed(path))?;
    if !metadata.is_file() {
        return Err(failed(path)(std::io::Error::other("it is not a regular file")));
    }
    if !belongs(&metadata) || metadata.mode() & 0o077 != 0 {
        return Err(OpenError::Exposed { path: path.to_owned(), mode: metadata.mode() & 0o7777, wanted: 0o600 });
    }
    Ok(())
}

/// Follows no link in place of the file, and waits for no writer of a pipe.
fn opened(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    // The bits are those of open(2), on every platform within 31 bits.
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn belongs(metadata: &Metadata) -> bool {
    let user = geteuid();
    metadata.uid() == user.as_raw() || metadata.uid() == 0 || user.is_root()
}
