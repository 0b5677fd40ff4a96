//! State in memory.

use crate::model::{
    Entry, Expected, Holder, Key, KeyInfo, KeyRange, Namespace, Page, Quota, StateError, StateStore, Usage, Version,
};
use crate::rules::{self, Present};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::ops::Bound;
use tollgate_core::BoxFuture;

/// Keeps state as long as it lives. For tests, and for embedders that want nothing on disk.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<HashMap<Namespace, Space>>);

#[derive(Debug, Default)]
struct Space {
    last: Version,
    used: Usage,
    entries: BTreeMap<String, Entry>,
}

impl Space {
    fn present(&self, key: &Key) -> Option<Present> {
        let entry = self.entries.get(key.as_str())?;
        Some(Present { version: entry.version, size: entry.value.len() as u64 })
    }
}

impl StateStore for MemoryStore {
    fn get(&self, space: &Namespace, key: Key) -> BoxFuture<'_, Result<Option<Entry>, StateError>> {
        let found = self.0.lock().get(space).and_then(|space| space.entries.get(key.as_str()).cloned());
        Box::pin(ready(Ok(found)))
    }

    fn set(
        &self,
        space: &Namespace,
        key: Key,
        value: String,
        expected: Expected,
        quota: Quota,
    ) -> BoxFuture<'_, Result<Version, StateError>> {
        let mut spaces = self.0.lock();
        let space = spaces.entry(space.clone()).or_default();
        let used = rules::set(&key, value.len() as u64, space.present(&key), expected, space.used, &quota);
        Box::pin(ready(used.map(|used| {
            space.used = used;
            space.last += 1;
            space.entries.insert(key.into_string(), Entry { value, version: space.last });
            space.last
        })))
    }

    fn delete(
        &self,
        space: &Namespace,
        key: Key,
        expected: Option<Version>,
    ) -> BoxFuture<'_, Result<bool, StateError>> {
        let mut spaces = self.0.lock();
        let mut nothing = Space::default();
        let space = spaces.get_mut(space).unwrap_or(&mut nothing);
        let used = rules::delete(&key, space.present(&key), expected, space.used);
        Box::pin(ready(used.map(|used| {
            let Some(used) = used else { return false };
            space.used = used;
            space.last += 1;
            space.entries.remove(key.as_str());
            true
        })))
    }

    fn list(&self, space: &Namespace, range: KeyRange) -> BoxFuture<'_, Result<Page, StateError>> {
        let KeyRange { prefix, after, limit } = range;
        let limit = limit as usize;
        let from = match &after {
            Some(after) if *after >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix.as_str()),
        };
        let info = |(key, entry): (&String, &Entry)| KeyInfo {
            key: key.clone(),
            version: entry.version,
            size: entry.value.len() as u64,
        };
        let keys = self.0.lock().get(space).map(|space| {
            let entries = space.entries.range::<str, _>((from, Bound::Unbounded));
            entries.take_while(|(key, _)| key.starts_with(&prefix)).take(limit + 1).map(info).collect()
        });
        Box::pin(ready(Ok(Page::of(keys.unwrap_or_default(), limit))))
    }

    fn usage(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        Box::pin(ready(Ok(self.0.lock().get(space).map(|space| space.used).unwrap_or_default())))
    }

    fn holders(&self, after: Option<Namespace>, limit: u32) -> BoxFuture<'_, Result<Vec<Holder>, StateError>> {
        let spaces = self.0.lock();
        let held =
            spaces.iter().filter(|(space, held)| held.used.keys > 0 && after.as_ref().is_none_or(|a| *space > a));
        let mut holders: Vec<_> = held.map(|(space, held)| Holder { space: space.clone(), used: held.used }).collect();
        holders.sort_by(|one, other| one.space.cmp(&other.space));
        holders.truncate(limit as usize);
        Box::pin(ready(Ok(holders)))
    }

    fn clear(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        let mut spaces = self.0.lock();
        let used = spaces.get_mut(space).map(|space| {
            space.entries.clear();
            space.last += u64::from(space.last > 0);
            std::mem::take(&mut space.used)
        });
        Box::pin(ready(Ok(used.unwrap_or_default())))
    }
}
