//! Where entries go.

use crate::entry::Entry;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::BoxFuture;

/// Why an entry was not kept.
#[derive(Debug, thiserror::Error)]
#[error("the journal {place} cannot be written: {source}")]
pub struct JournalError {
    /// Which journal.
    pub place: String,
    /// What the system said.
    pub source: std::io::Error,
}

/// Something that keeps entries.
pub trait Journal: Send + Sync + 'static {
    /// Takes an entry. It is taken when this returns, in the order of the calls; the future waits until it
    /// is as safe as this journal makes it. Dropping the future loses no entry.
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Bytes of messages of runs that a journal in memory keeps for each entry that it has room for.
const MESSAGE_BYTES_PER_ENTRY: usize = 1 << 10;

/// The last entries, in memory.
#[derive(Debug)]
pub struct MemoryJournal {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// Of messages that runs wrote: other texts are short.
    message_bytes: usize,
}

impl MemoryJournal {
    /// Keeps the last `capacity` entries; fewer where runs wrote long messages, 1 KiB for each entry in all.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), kept: Mutex::default() }
    }

    /// What is kept, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.kept.lock().entries.iter().cloned().collect()
    }
}

impl Journal for MemoryJournal {
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut kept = self.kept.lock();
        kept.message_bytes += entry.event.message_bytes();
        kept.entries.push_back(entry);
        let most = self.capacity.saturating_mul(MESSAGE_BYTES_PER_ENTRY);
        while kept.entries.len() > self.capacity || (kept.message_bytes > most && kept.entries.len() > 1) {
            let oldest = kept.entries.pop_front();
            kept.message_bytes -= oldest.map_or(0, |entry| entry.event.message_bytes());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A file of JSON lines, one an entry, for this user alone. Entries are handed to the system at once and
/// not synced to the disk: they survive the host's death, not the machine's.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    file: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    file: File,
    /// The last line was not written to its end: what comes next must not be read as a part of it.
    is_torn: bool,
}

impl Lines {
    fn append(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        if self.is_torn {
            line.insert(0, b'\n');
        }
        // One write of a whole line: lines of several processes do not mix.
        let written = self.file.write_all(line);
        self.is_torn = written.is_err();
        written
    }
}

impl FileJournal {
    /// Opens a journal, or begins it.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let opened = File::options().append(true).create(true).mode(0o600).open(path);
        match opened {
            Ok(file) => {
                let is_torn = ends_within_line(path).unwrap_or_default();
                Ok(Self { path: path.to_owned(), file: Mutex::new(Lines { file, is_torn }) })
            }
            Err(source) => Err(JournalError { place: path.display().to_string(), source }),
        }
    }
}

/// Tells whether the last line of a regular file lacks its end.
fn ends_within_line(path: &Path) -> io::Result<bool> {
    let data = path.metadata()?;
    let Some(last) = data.len().checked_sub(1).filter(|_| data.is_file()) else { return Ok(false) };
    let file = File::open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

impl Journal for FileJournal {
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        let written = serde_json::to_vec(&entry).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.lock().append(&mut line)
        });
        let result = written.map_err(|source| JournalError { place: self.path.display().to_string(), source });
        Box::pin(std::future::ready(result))
    }
}

/// Several journals: each gets every entry.
pub struct Tee(pub Vec<Arc<dyn Journal>>);

impl Journal for Tee {
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        let pending: Vec<_> = self.0.iter().map(|journal| journal.append(entry.clone())).collect();
        Box::pin(async move {
            for append in pending {
                append.await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Event;
    use std::time::{Duration, SystemTime};
    use tollgate_core::{LogLevel, ManualClock, RunId, SeededEntropy, Status};

    fn entry(seq: u64) -> Entry {
        let run = RunId::new(&ManualClock::new(SystemTime::UNIX_EPOCH), &SeededEntropy::new(1));
        let event = Event::RunEnded { status: Status::Ok, fuel_used: 7 };
        Entry { run, seq, at_unix_ms: 5, offset: Duration::from_micros(9), event }
    }

    #[tokio::test]
    async fn memory_keeps_the_last() {
        let journal = MemoryJournal::new(2);
        for seq in 0..5 {
            journal.append(entry(seq)).await.unwrap();
        }
        assert_eq!(journal.entries().iter().map(|e| e.seq).collect::<Vec<_>>(), [3, 4]);
    }

    #[tokio::test]
    async fn memory_is_not_filled_by_long_messages() {
        let journal = MemoryJournal::new(10);
        for seq in 0..10 {
            let event = Event::Log { level: LogLevel::Info, message: "x".repeat(4 << 10) };
            journal.append(Entry { event, ..entry(seq) }).await.unwrap();
        }
        assert_eq!(journal.entries().iter().map(|e| e.seq).collect::<Vec<_>>(), [8, 9]);
        for seq in 10..20 {
            journal.append(entry(seq)).await.unwrap();
        }
        assert_eq!(journal.entries().len(), 10);
    }

    #[tokio::test]
    async fn a_file_gets_a_line_an_entry_and_goes_on_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        for seq in 0..2 {
            // Dropping the future loses no entry.
            drop(FileJournal::open(&path).unwrap().append(entry(seq)));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["seq"], 1);
        assert_eq!(lines[1]["event"], "run_ended");
        assert_eq!(lines[1]["status"], "ok");
    }

    #[tokio::test]
    async fn a_torn_last_line_does_not_swallow_the_next_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"run\":\"x\",\"seq\":1,\"half").unwrap();
        let journal = FileJournal::open(&path).unwrap();
        for seq in 0..2 {
            journal.append(entry(seq)).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let whole: Vec<_> =
            text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).collect();
        assert_eq!((text.lines().count(), whole.len()), (3, 2), "{text}");
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error() {
        let Err(error) = FileJournal::open(Path::new("/dev/full")).unwrap().append(entry(0)).await else {
            panic!("writing to a full device succeeded")
        };
        assert!(error.to_string().starts_with("the journal /dev/full cannot be written"), "{error}");
    }
}
