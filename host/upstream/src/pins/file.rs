//! Approvals in files: one for each server, JSON lines, in a folder that is for this user alone.

use super::{Approvals, PinError, Pinned};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_secrets::private;

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 32 << 20;
/// How long to wait for another process, which only writes a file.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// The format of the files.
const FORMAT: u32 = 1;

/// Keeps what was approved of servers' tools in files of mode 0600, in a folder of mode 0700. Several processes
/// may use one folder.
///
/// The folder is made when it is needed. What is wrong with it or a file quarantines the tools of the servers that
/// it concerns: nothing is approved because a record of it is lost.
#[derive(Clone, Debug)]
pub struct PinStore {
    folder: PathBuf,
}

/// The first line of a file.
#[derive(Serialize, Deserialize)]
struct Head {
    tollgate_pins: u32,
    server: String,
}

/// Which file was read: another one has other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: u64,
    changed: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Self { file: metadata.ino(), changed, bytes: metadata.len() }
    }
}

impl PinStore {
    /// A store in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The names of servers are names of files too, whatever their case.
    fn path(&self, server: &str) -> PathBuf {
        self.folder.join(format!("{server}.jsonl"))
    }

    fn failed(&self, server: &str, why: &dyn std::fmt::Display) -> PinError {
        let place = self.path(server).display().to_string();
        PinError { server: server.to_owned(), place, why: why.to_string() }
    }

    /// Which file is there now.
    pub(crate) fn stamp(&self, server: &str) -> Option<Stamp> {
        std::fs::symlink_metadata(self.path(server)).ok().map(|metadata| Stamp::of(&metadata))
    }

    /// What is approved. `None` when nothing ever was.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub(crate) fn read(&self, server: &str) -> Result<Option<(Approvals, Stamp)>, PinError> {
        let read = private::read(&self.path(server), MAX_FILE_BYTES).map_err(|error| self.failed(server, &error))?;
        let Some((bytes, metadata)) = read else { return Ok(None) };
        let approvals = parse(server, &bytes).map_err(|why| {
            let mend = "look at what the server's tools say now, and delete the file to approve all of them";
            self.failed(server, &format_args!("it is damaged: {why}; {mend}"))
        })?;
        Ok(Some((approvals, Stamp::of(&metadata))))
    }

    /// Changes what is approved, when no other process does. `change` gets what is there, and says whether to keep
    /// what it made of it.
    ///
    /// # Errors
    /// What is there cannot be read, or what comes of it not be written.
    pub(crate) fn change(
        &self,
        server: &str,
        change: impl FnOnce(Option<Approvals>) -> Option<Approvals>,
    ) -> Result<(), PinError> {
        let failed = |error: io::Error| self.failed(server, &error);
        private::open_folder(&self.folder).map_err(failed)?;
        let _lock = lock(&self.path(server).with_added_extension("lock")).map_err(failed)?;
        let there = self.read(server)?.map(|(approvals, _)| approvals);
        match change(there) {
            Some(approvals) => self.write(server, &approvals).map_err(failed),
            None => Ok(()),
        }
    }

    fn write(&self, server: &str, approvals: &Approvals) -> io::Result<()> {
        let mut text = serde_json::to_vec(&Head { tollgate_pins: FORMAT, server: server.to_owned() })?;
        for (name, pinned) in approvals {
            let mut members = Pinned::clone(pinned);
            members.insert("name".to_owned(), Value::String(name.clone()));
            text.push(b'\n');
            serde_json::to_writer(&mut text, &members)?;
            if text.len() as u64 >= MAX_FILE_BYTES {
                let mib = MAX_FILE_BYTES >> 20;
                return Err(io::Error::other(format!(
                    "what the tools say has more than {mib} MiB and is not recorded"
                )));
            }
        }
        text.push(b'\n');
        private::replace(&self.path(server), &text)
    }
}

/// Each tool is a line of its own, so it nests as deep as it did when the server sent it: what could be read then
/// can be read again.
fn parse(server: &str, bytes: &[u8]) -> Result<Approvals, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut lines = text.lines().enumerate();
    let head = lines.next().map(|(_, line)| serde_json::from_str::<Head>(line));
    match head {
        Some(Ok(head)) if head.tollgate_pins != FORMAT => {
            return Err(format!("it has format {}, and this host reads {FORMAT}", head.tollgate_pins));
        }
        Some(Ok(head)) if head.server != server => return Err("it is of another server".to_owned()),
        Some(Ok(_)) => {}
        Some(Err(_)) | None => return Err("line 1 is not what it must be".to_owned()),
    }
    let mut approvals = Approvals::new();
    for (i, line) in lines {
        let odd = || format!("line {} is not what it must be", i + 1);
        let mut members: Pinned = serde_json::from_str(line).map_err(|_| odd())?;
        let Some(Value::String(name)) = members.remove("name") else { return Err(odd()) };
        if approvals.insert(name, Arc::new(members)).is_some() {
            return Err(odd());
        }
    }
    Ok(approvals)
}

fn lock(path: &Path) -> io::Result<std::fs::File> {
    let file = private::open_lock(path)?;
    let begun = Instant::now();
    while !private::try_lock(&file)? {
        if begun.elapsed() > LOCK_PATIENCE {
            return Err(io::Error::other("another process holds it; try again"));
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Ok(file)
}
