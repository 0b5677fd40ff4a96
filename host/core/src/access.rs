//! What a run did with the state that its component keeps.

use serde::Serialize;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they are the interface's own words")]
pub enum StateOperation {
    Get,
    Set,
    Delete,
    List,
}

/// One request of a run to its state, without what was written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateAccess {
    /// Whose keys: `policy:NAME`, `server:NAME`, `file:DIGEST`, `scripts:PRINCIPAL`.
    pub owner: String,
    /// What was done.
    pub operation: StateOperation,
    /// SHA-256 of the key, of a list its prefix, in hexadecimal. None of a text that is too long to be one.
    pub key_sha256: Option<String>,
    /// Bytes of the value that was given or read; of a list, of its keys.
    pub bytes: u64,
    /// The version that was set or read.
    pub version: Option<u64>,
    /// One of the words here, or that of the error: `denied`, `conflict`, …
    pub outcome: &'static str,
}

impl StateAccess {
    /// It was done.
    pub const OK: &'static str = "ok";
    /// There was no such key.
    pub const ABSENT: &'static str = "absent";
    /// Nobody waited for its end: it may be done.
    pub const CANCELLED: &'static str = "cancelled";
    /// The run may not ask for more.
    pub const LIMIT: &'static str = "limit";
}
