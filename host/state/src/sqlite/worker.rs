//! The two threads.

use super::open::OpenError;
use super::queries;
use crate::model::{Entry, Expected, Holder, Key, KeyRange, Namespace, Page, Quota, StateError, Usage, Version};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::Path;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// The most changes of one transaction: enough that syncing is shared, few enough that nobody waits long.
const BATCH_MAX: usize = 256;

type Reply<T> = oneshot::Sender<Result<T, StateError>>;

pub(super) struct Job<W> {
    pub(super) work: W,
    /// The place that its bytes take in the queue.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

pub(super) enum Change {
    Set { space: Namespace, key: Key, value: String, expected: Expected, quota: Quota, reply: Reply<Version> },
    Delete { space: Namespace, key: Key, expected: Option<Version>, reply: Reply<bool> },
    Clear { space: Namespace, reply: Reply<Usage> },
}

pub(super) enum Question {
    Get { space: Namespace, key: Key, reply: Reply<Option<Entry>> },
    List { space: Namespace, range: KeyRange, reply: Reply<Page> },
    Usage { space: Namespace, reply: Reply<Usage> },
    Holders { after: Option<Namespace>, limit: u32, reply: Reply<Vec<Holder>> },
}

/// What one change came to. It is told when the transaction is on disk.
enum Done {
    Set(Result<Version, StateError>),
    Delete(Result<bool, StateError>),
    Clear(Usage),
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(OpenError::Thread)
}

/// Makes changes until nobody is left who could ask for one.
pub(super) fn write(mut connection: Connection, mut queue: mpsc::Receiver<Job<Change>>, path: &Path) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        // Who has gone away meanwhile wants nothing any more.
        batch.retain(|job| !job.work.is_abandoned());
        let error = match apply(&mut connection, &batch) {
            Ok(done) => {
                batch.drain(..).zip(done).for_each(|(job, done)| job.work.tell(done));
                continue;
            }
            Err(error) => error,
        };
        if batch.len() == 1 || is_locked(&error) {
            batch.drain(..).for_each(|job| job.work.fail(unavailable(path, &error)));
            continue;
        }
        // One of them may have filled the disk, or met a broken page: the others must not pay for it. What failed has
        // been rolled back, so each is done again by itself.
        for job in batch.drain(..) {
            match apply(&mut connection, std::slice::from_ref(&job)).map(|mut done| done.pop()) {
                Ok(Some(done)) => job.work.tell(done),
                Ok(None) => {}
                Err(error) => job.work.fail(unavailable(path, &error)),
            }
        }
    }
}

/// All of a batch in one transaction. It is rolled back where this fails.
fn apply(connection: &mut Connection, batch: &[Job<Change>]) -> rusqlite::Result<Vec<Done>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = batch.iter().map(|job| job.work.apply(&transaction)).collect::<rusqlite::Result<Vec<_>>>()?;
    transaction.commit()?;
    Ok(done)
}

impl Change {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<Done> {
        match self {
            Self::Set { space, key, value, expected, quota, .. } => {
                queries::set(connection, space, key, value, *expected, quota).map(Done::Set)
            }
            Self::Delete { space, key, expected, .. } => {
                queries::delete(connection, space, key, *expected).map(Done::Delete)
            }
            Self::Clear { space, .. } => queries::clear(connection, space).map(Done::Clear),
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Self::Set { reply, .. } => reply.is_closed(),
            Self::Delete { reply, .. } => reply.is_closed(),
            Self::Clear { reply, .. } => reply.is_closed(),
        }
    }

    fn tell(self, done: Done) {
        // Nobody may listen any more; the change is done all the same.
        match (self, done) {
            (Self::Set { reply, .. }, Done::Set(answer)) => drop(reply.send(answer)),
            (Self::Delete { reply, .. }, Done::Delete(answer)) => drop(reply.send(answer)),
            (Self::Clear { reply, .. }, Done::Clear(used)) => drop(reply.send(Ok(used))),
            // An answer has the kind of its change.
            (Self::Set { .. } | Self::Delete { .. } | Self::Clear { .. }, _) => {}
        }
    }

    fn fail(self, error: StateError) {
        match self {
            Self::Set { reply, .. } => drop(reply.send(Err(error))),
            Self::Delete { reply, .. } => drop(reply.send(Err(error))),
            Self::Clear { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// Answers questions until nobody is left who could ask one.
pub(super) fn read(connection: Connection, mut queue: mpsc::Receiver<Job<Question>>, path: &Path) {
    while let Some(job) = queue.blocking_recv() {
        let failed = |error: rusqlite::Error| unavailable(path, &error);
        match job.work {
            Question::Get { space, key, reply } => {
                let _ = reply.send(queries::get(&connection, &space, &key).map_err(failed));
            }
            Question::List { space, range, reply } => {
                let _ = reply.send(queries::list(&connection, &space, &range).map_err(failed));
            }
            Question::Usage { space, reply } => {
                let _ = reply.send(queries::usage(&connection, &space).map_err(failed));
            }
            Question::Holders { after, limit, reply } => {
                let _ = reply.send(queries::holders(&connection, after.as_ref(), limit).map_err(failed));
            }
        }
    }
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn unavailable(path: &Path, error: &rusqlite::Error) -> StateError {
    let why = match error.sqlite_error_code() {
        _ if is_locked(error) => "another process holds its lock; try again later".to_owned(),
        Some(ErrorCode::DiskFull) => "the disk, or the file's own ceiling, is full".to_owned(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("it is damaged ({error}); an operator must put a copy in its place, or move it away")
        }
        Some(ErrorCode::ReadOnly) => "it is read-only".to_owned(),
        _ => error.to_string(),
    };
    StateError::Unavailable(format!("the state store {}: {why}", path.display()))
}
