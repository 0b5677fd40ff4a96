//! State in an SQLite file.
//!
//! Two threads, each with a connection and a bounded queue: one writes, one reads. SQLite has one writer anyway; a queue in
//! front of it gives **group commit**: what waits is done in one transaction and synced to the disk once. The write-ahead
//! log lets the reader go on meanwhile. A `get` takes about 19 µs, of which an empty `spawn_blocking` would take 12: a pool
//! of connections behind that would gain nothing, and would need a bound of its own.
//!
//! `synchronous=FULL`: what has been acknowledged survives a crash of the process and a loss of power. A change is one
//! transaction with its namespace's counts, so they cannot drift.

mod file;
mod lazy;
mod open;
mod queries;
mod worker;

pub use lazy::LazySqliteStore;
pub use open::{OpenError, SqliteOptions};

use crate::model::{
    Entry, Expected, Holder, Key, KeyRange, Namespace, Page, Quota, StateError, StateStore, Usage, Version,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tollgate_core::BoxFuture;
use worker::{Change, Job, Question};

/// The version of the tables that this program knows (SQLite's `user_version`). A file with a newer one is refused.
pub const SCHEMA_VERSION: u32 = 1;

/// Requests that wait in each of the two queues.
const QUEUE_MAX: usize = 1_024;
/// Bytes of values that wait to be written.
const QUEUE_MAX_BYTES: usize = 128 << 20;

/// Keeps state in an SQLite file. Several processes may use one file at once.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writes: mpsc::Sender<Job<Change>>,
    reads: mpsc::Sender<Job<Question>>,
    write_bytes: Arc<Semaphore>,
}

impl SqliteStore {
    /// Opens a store; makes the file (0600) and its folder (0700) if they are not there. Reads and writes files, so it
    /// does not belong on an async thread.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the file, and what to do.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self, OpenError> {
        let (writer, reader) = open::connections(path, options)?;
        let (writes, write_queue) = mpsc::channel(QUEUE_MAX);
        let (reads, read_queue) = mpsc::channel(QUEUE_MAX);
        let at = path.to_owned();
        worker::spawn("state-writer", move || worker::write(writer, write_queue, &at))?;
        let at = path.to_owned();
        worker::spawn("state-reader", move || worker::read(reader, read_queue, &at))?;
        Ok(Self { path: path.to_owned(), writes, reads, write_bytes: Arc::new(Semaphore::new(QUEUE_MAX_BYTES)) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn change<T: Send + 'static>(
        &self,
        bytes: usize,
        change: impl FnOnce(oneshot::Sender<Result<T, StateError>>) -> Change,
    ) -> BoxFuture<'_, Result<T, StateError>> {
        // Permits are counted in u32; a value is far below it, and what is not gets no place.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(room) = self.write_bytes.clone().try_acquire_many_owned(bytes) else {
            return Box::pin(std::future::ready(Err(StateError::Overloaded)));
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.writes.try_send(Job { work: change(reply), _room: Some(room) });
        self.answer(sent.map_err(|e| matches!(e, mpsc::error::TrySendError::Full(_))), answer)
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, StateError>>) -> Question,
    ) -> BoxFuture<'_, Result<T, StateError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.reads.try_send(Job { work: question(reply), _room: None });
        self.answer(sent.map_err(|e| matches!(e, mpsc::error::TrySendError::Full(_))), answer)
    }

    /// `sent` fails with whether the queue is full.
    fn answer<T: Send + 'static>(
        &self,
        sent: Result<(), bool>,
        answer: oneshot::Receiver<Result<T, StateError>>,
    ) -> BoxFuture<'_, Result<T, StateError>> {
        Box::pin(async move {
            if let Err(true) = sent {
                return Err(StateError::Overloaded);
            }
            // A thread that ended has dropped its queue, and every reply in it.
            answer.await.unwrap_or_else(|_| {
                Err(StateError::Unavailable(format!("the state store {} has stopped", self.path.display())))
            })
        })
    }
}

impl StateStore for SqliteStore {
    fn get(&self, space: &Namespace, key: Key) -> BoxFuture<'_, Result<Option<Entry>, StateError>> {
        let space = space.clone();
        self.ask(|reply| Question::Get { space, key, reply })
    }

    fn set(
        &self,
        space: &Namespace,
        key: Key,
        value: String,
        expected: Expected,
        quota: Quota,
    ) -> BoxFuture<'_, Result<Version, StateError>> {
        let space = space.clone();
        self.change(value.len(), |reply| Change::Set { space, key, value, expected, quota, reply })
    }

    fn delete(
        &self,
        space: &Namespace,
        key: Key,
        expected: Option<Version>,
    ) -> BoxFuture<'_, Result<bool, StateError>> {
        let space = space.clone();
        self.change(0, |reply| Change::Delete { space, key, expected, reply })
    }

    fn list(&self, space: &Namespace, range: KeyRange) -> BoxFuture<'_, Result<Page, StateError>> {
        let space = space.clone();
        self.ask(|reply| Question::List { space, range, reply })
    }

    fn usage(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        let space = space.clone();
        self.ask(|reply| Question::Usage { space, reply })
    }

    fn holders(&self, after: Option<Namespace>, limit: u32) -> BoxFuture<'_, Result<Vec<Holder>, StateError>> {
        self.ask(|reply| Question::Holders { after, limit, reply })
    }

    fn clear(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        let space = space.clone();
        self.change(0, |reply| Change::Clear { space, reply })
    }
}
