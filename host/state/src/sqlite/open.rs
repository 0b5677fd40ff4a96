//! Opening a file: whose it is, what it is, which version.

use super::{SCHEMA_VERSION, file};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Says that a file is ours: `TgSt`.
const APPLICATION_ID: i32 = 0x5467_5374;
const PAGE_BYTES: u64 = 4_096;

/// How a file is used.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// How long a request waits for another process that holds the file's lock. 5 s unless set.
    pub busy_timeout: Duration,
    /// What the file may grow to, in bytes, all components together. 16 GiB unless set.
    pub max_file_bytes: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), max_file_bytes: 16 << 30 }
    }
}

/// Why a file cannot be used as a state store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be made or read.
    #[error("the state store {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Others can read or write it.
    #[error("the state store {}: other users can reach it (its mode is {mode:o}, or it is another user's); run `chmod {wanted:o}` on it", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// It is something else, or broken.
    #[error("{} is no state store, or is damaged ({message}); put a copy that you have in its place, or move it away to begin with nothing", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        message: String,
    },
    /// A newer program has written it.
    #[error("the state store {} has version {found} of its tables, and this program knows up to {SCHEMA_VERSION}; use the newer Tollgate that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Another process holds its lock.
    #[error("the state store {}: another process holds its lock; end that process, or try again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// SQLite cannot use it for another reason.
    #[error("the state store {}: {message}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        message: String,
    },
    /// There is no thread for it.
    #[error("no thread for the state store: {0}")]
    Thread(io::Error),
}

/// The writer's connection and the reader's.
pub(super) fn connections(path: &Path, options: &SqliteOptions) -> Result<(Connection, Connection), OpenError> {
    file::prepare(path)?;
    let start = Instant::now();
    loop {
        match try_connections(path, options) {
            // SQLite does not wait where two processes turn a new file into one with a log, or the last one puts the log
            // away: to wait there could be a deadlock. Beginning anew cannot.
            Err(OpenError::Busy { .. }) if start.elapsed() < options.busy_timeout => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn try_connections(path: &Path, options: &SqliteOptions) -> Result<(Connection, Connection), OpenError> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    let mut writer = connect(path, options, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(explain)?;
    let mode: String = writer.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(explain)?;
    if !mode.eq_ignore_ascii_case("wal") {
        let message = format!("this file system has no write-ahead log (journal mode {mode}); choose a local disk");
        return Err(OpenError::Sqlite { path: path.to_owned(), message });
    }
    writer.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST;").map_err(explain)?;
    writer.pragma_update(None, "journal_size_limit", 64 << 20).map_err(explain)?;
    let pages = i64::try_from(options.max_file_bytes / PAGE_BYTES).unwrap_or(i64::MAX).clamp(16, 0xffff_fffe);
    writer.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(explain)?;
    migrate(&mut writer, path)?;
    let reader = connect(path, options, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(explain)?;
    reader.pragma_update(None, "query_only", true).map_err(explain)?;
    Ok((writer, reader))
}

fn connect(path: &Path, options: &SqliteOptions, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection belongs to one thread. The name is a path and never a URI; a link in its place is refused.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // NOFOLLOW looks at every folder of the path too, and a link among those is the user's own matter.
    let real = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new(".")).canonicalize();
    let real = real.ok().zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name));
    let connection = Connection::open_with_flags(real, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    // A file that somebody prepared has no say beyond its data.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

const TABLES: &str = "
    CREATE TABLE namespace (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        owner TEXT NOT NULL,
        last_version INTEGER NOT NULL DEFAULT 0,
        keys INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (tenant, owner)
    ) STRICT;
    -- The value comes last: what reads the rest does not touch the pages that hold it.
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        namespace INTEGER NOT NULL REFERENCES namespace (id),
        key TEXT NOT NULL,
        version INTEGER NOT NULL,
        size INTEGER NOT NULL,
        value TEXT NOT NULL,
        UNIQUE (namespace, key)
    ) STRICT;
";

/// Makes the tables in an empty file; refuses what is not ours or newer.
fn migrate(writer: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    // Two processes may come to an empty file at once: the second waits, and finds the tables.
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(explain)?;
    let pragma = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(explain);
    let (found, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(explain)?;
    let ours = application == i64::from(APPLICATION_ID);
    match (tables, ours, found) {
        (0, false, 0) => {
            transaction.execute_batch(TABLES).map_err(explain)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(explain)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(explain)?;
            transaction.commit().map_err(explain)
        }
        (_, true, version) if version == i64::from(SCHEMA_VERSION) => Ok(()),
        (_, true, version) if version > i64::from(SCHEMA_VERSION) => {
            Err(OpenError::Newer { path: path.to_owned(), found: version })
        }
        _ => {
            Err(OpenError::Damaged { path: path.to_owned(), message: "it is another program's SQLite file".to_owned() })
        }
    }
}

fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    let message = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, message },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Busy { path },
        _ => OpenError::Sqlite { path, message },
    }
}
