//! When a change is done, and what it does to the counts. Both stores ask here, inside of their own transaction.

use crate::model::{Expected, Key, Quota, StateError, Usage, Version};
use tollgate_core::limits::{Unit, format_value};

/// What a store has of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present {
    pub(crate) version: Version,
    /// Bytes of its value.
    pub(crate) size: u64,
}

/// What a namespace holds after a `set`.
pub(crate) fn set(
    key: &Key,
    size: u64,
    present: Option<Present>,
    expected: Expected,
    used: Usage,
    quota: &Quota,
) -> Result<Usage, StateError> {
    let version = present.map(|p| p.version);
    let fits = match expected {
        Expected::Any => true,
        Expected::Absent => version.is_none(),
        Expected::Version(wanted) => version == Some(wanted),
    };
    if !fits {
        return Err(StateError::Conflict(version));
    }
    let after = match present {
        Some(present) => Usage { keys: used.keys, bytes: used.bytes.saturating_sub(present.size).saturating_add(size) },
        None => Usage {
            keys: used.keys.saturating_add(1),
            bytes: used.bytes.saturating_add(key.as_str().len() as u64).saturating_add(size),
        },
    };
    // A quota may have been lowered since. What makes less of too much is let through.
    if after.keys > quota.keys && after.keys > used.keys {
        return Err(StateError::OverQuota(format!(
            "this component keeps {} keys, as many as it may; delete some, or raise the key `state.max_keys`",
            used.keys
        )));
    }
    if after.bytes > quota.total_bytes && after.bytes > used.bytes {
        return Err(StateError::OverQuota(format!(
            "this component would keep {} of keys and values, and may keep {}; delete some, or raise the key `state.max_bytes`",
            format_value(Unit::Bytes, after.bytes),
            format_value(Unit::Bytes, quota.total_bytes)
        )));
    }
    Ok(after)
}

/// What a namespace holds after a `delete`; nothing if there is nothing to delete.
pub(crate) fn delete(
    key: &Key,
    present: Option<Present>,
    expected: Option<Version>,
    used: Usage,
) -> Result<Option<Usage>, StateError> {
    let version = present.map(|p| p.version);
    if expected.is_some() && expected != version {
        return Err(StateError::Conflict(version));
    }
    Ok(present.map(|present| Usage {
        keys: used.keys.saturating_sub(1),
        bytes: used.bytes.saturating_sub(present.size).saturating_sub(key.as_str().len() as u64),
    }))
}
