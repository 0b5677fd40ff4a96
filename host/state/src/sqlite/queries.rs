//! What is done to the tables. Errors here are SQLite's; the rules' own answers are values.

use crate::model::{
    Entry, Expected, Holder, Key, KeyInfo, KeyRange, Namespace, Page, Quota, StateError, Usage, Version,
};
use crate::rules::{self, Present};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tollgate_core::Tenant;

pub(super) type Answer<T> = rusqlite::Result<Result<T, StateError>>;

struct Space {
    id: i64,
    last: Version,
    used: Usage,
}

fn space(connection: &Connection, space: &Namespace) -> rusqlite::Result<Option<Space>> {
    let mut query = connection
        .prepare_cached("SELECT id, last_version, keys, bytes FROM namespace WHERE tenant = ?1 AND owner = ?2")?;
    let read = |row: &Row<'_>| {
        let used = Usage { keys: count(row, 2)?, bytes: count(row, 3)? };
        Ok(Space { id: row.get(0)?, last: count(row, 1)?, used })
    };
    query.query_row([space.tenant(), space.owner()], read).optional()
}

/// SQLite has signed integers; none of ours is negative unless the file is damaged.
fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|value| u64::try_from(value).unwrap_or(0))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn present(connection: &Connection, space: i64, key: &Key) -> rusqlite::Result<Option<(i64, Present)>> {
    let mut query =
        connection.prepare_cached("SELECT id, version, size FROM entry WHERE namespace = ?1 AND key = ?2")?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, Present { version: count(row, 1)?, size: count(row, 2)? }));
    query.query_row(params![space, key.as_str()], read).optional()
}

/// Writes down what a namespace holds now, after one more change.
fn changed(connection: &Connection, space: i64, version: Version, used: Usage) -> rusqlite::Result<()> {
    let mut query =
        connection.prepare_cached("UPDATE namespace SET last_version = ?2, keys = ?3, bytes = ?4 WHERE id = ?1")?;
    query.execute(params![space, signed(version), signed(used.keys), signed(used.bytes)]).map(drop)
}

pub(super) fn set(
    connection: &Connection,
    owner: &Namespace,
    key: &Key,
    value: &str,
    expected: Expected,
    quota: &Quota,
) -> Answer<Version> {
    let known = space(connection, owner)?;
    let found = match &known {
        Some(space) => present(connection, space.id, key)?,
        None => None,
    };
    let (used, last) = known.as_ref().map_or((Usage::default(), 0), |space| (space.used, space.last));
    let size = value.len() as u64;
    let used = match rules::set(key, size, found.map(|(_, present)| present), expected, used, quota) {
        Ok(used) => used,
        Err(refused) => return Ok(Err(refused)),
    };
    let id = match &known {
        Some(space) => space.id,
        None => {
            let mut query = connection.prepare_cached("INSERT INTO namespace (tenant, owner) VALUES (?1, ?2)")?;
            query.insert([owner.tenant(), owner.owner()])?
        }
    };
    let version = last.saturating_add(1);
    match found {
        Some((row, _)) => connection
            .prepare_cached("UPDATE entry SET version = ?2, size = ?3, value = ?4 WHERE id = ?1")?
            .execute(params![row, signed(version), signed(size), value])?,
        None => connection
            .prepare_cached("INSERT INTO entry (namespace, key, version, size, value) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id, key.as_str(), signed(version), signed(size), value])?,
    };
    changed(connection, id, version, used)?;
    Ok(Ok(version))
}

pub(super) fn delete(connection: &Connection, owner: &Namespace, key: &Key, expected: Option<Version>) -> Answer<bool> {
    let known = space(connection, owner)?;
    let found = match &known {
        Some(space) => present(connection, space.id, key)?,
        None => None,
    };
    let used = known.as_ref().map(|space| space.used).unwrap_or_default();
    let used = match rules::delete(key, found.map(|(_, present)| present), expected, used) {
        Ok(used) => used,
        Err(refused) => return Ok(Err(refused)),
    };
    let (Some(space), Some((row, _)), Some(used)) = (known, found, used) else { return Ok(Ok(false)) };
    connection.prepare_cached("DELETE FROM entry WHERE id = ?1")?.execute([row])?;
    changed(connection, space.id, space.last.saturating_add(1), used)?;
    Ok(Ok(true))
}

pub(super) fn clear(connection: &Connection, owner: &Namespace) -> rusqlite::Result<Usage> {
    let Some(space) = space(connection, owner)? else { return Ok(Usage::default()) };
    connection.prepare_cached("DELETE FROM entry WHERE namespace = ?1")?.execute([space.id])?;
    changed(connection, space.id, space.last.saturating_add(1), Usage::default())?;
    Ok(space.used)
}

pub(super) fn get(connection: &Connection, owner: &Namespace, key: &Key) -> rusqlite::Result<Option<Entry>> {
    let mut query = connection.prepare_cached(
        "SELECT entry.value, entry.version FROM entry JOIN namespace ON namespace.id = entry.namespace
         WHERE namespace.tenant = ?1 AND namespace.owner = ?2 AND entry.key = ?3",
    )?;
    let read = |row: &Row<'_>| Ok(Entry { value: row.get(0)?, version: count(row, 1)? });
    query.query_row([owner.tenant(), owner.owner(), key.as_str()], read).optional()
}

/// Keys of one prefix are neighbours in the index, so reading stops at the first that has another.
pub(super) fn list(connection: &Connection, owner: &Namespace, range: &KeyRange) -> rusqlite::Result<Page> {
    let limit = range.limit as usize;
    let after = range.after.as_ref().filter(|after| **after >= range.prefix);
    let from = after.unwrap_or(&range.prefix);
    let mut query = connection.prepare_cached(
        "SELECT entry.key, entry.version, entry.size FROM entry JOIN namespace ON namespace.id = entry.namespace
         WHERE namespace.tenant = ?1 AND namespace.owner = ?2 AND entry.key >= ?3 ORDER BY entry.key",
    )?;
    let mut rows = query.query([owner.tenant(), owner.owner(), from.as_str()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if Some(&key) == after {
            continue;
        }
        if !key.starts_with(&range.prefix) || keys.len() > limit {
            break;
        }
        keys.push(KeyInfo { key, version: count(row, 1)?, size: count(row, 2)? });
    }
    Ok(Page::of(keys, limit))
}

pub(super) fn usage(connection: &Connection, owner: &Namespace) -> rusqlite::Result<Usage> {
    Ok(space(connection, owner)?.map(|space| space.used).unwrap_or_default())
}

pub(super) fn holders(connection: &Connection, after: Option<&Namespace>, limit: u32) -> rusqlite::Result<Vec<Holder>> {
    let mut query = connection.prepare_cached(
        "SELECT tenant, owner, keys, bytes FROM namespace
         WHERE keys > 0 AND (?1 IS NULL OR (tenant, owner) > (?1, ?2)) ORDER BY tenant, owner LIMIT ?3",
    )?;
    let read = |row: &Row<'_>| {
        let (tenant, owner): (String, String) = (row.get(0)?, row.get(1)?);
        let used = Usage { keys: count(row, 2)?, bytes: count(row, 3)? };
        Ok(Holder { space: Namespace::new(Tenant::new(tenant), owner), used })
    };
    let found = query.query_map(params![after.map(Namespace::tenant), after.map(Namespace::owner), limit], read)?;
    found.collect()
}
