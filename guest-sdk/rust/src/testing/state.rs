//! A fake host's store of state. It has every key granted, and no quota.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{FakeHost, installed};
use crate::bindings::policy::tollgate::state::state_types as wit;

#[derive(Default)]
pub(super) struct Kept {
    keys: BTreeMap<String, (String, u64)>,
    last_version: u64,
    full: bool,
}

impl FakeHost {
    /// A key that is there from the beginning.
    #[must_use]
    pub fn kept(self, key: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_string(&value).unwrap_or_default();
        self.0.borrow_mut().kept.put(key, &value);
        self
    }

    /// From now on nothing more can be kept: every change is over the quota.
    pub fn fill_state(&self) {
        self.0.borrow_mut().kept.full = true;
    }

    /// What is kept now.
    pub fn state(&self) -> BTreeMap<String, Value> {
        let read = |(key, (value, _)): (&String, &(String, u64))| {
            (key.clone(), serde_json::from_str(value).unwrap_or_default())
        };
        self.0.borrow().kept.keys.iter().map(read).collect()
    }
}

impl Kept {
    fn version(&self, key: &str) -> Option<u64> {
        self.keys.get(key).map(|(_, version)| *version)
    }

    fn put(&mut self, key: &str, value: &str) -> u64 {
        self.last_version += 1;
        self.keys.insert(key.to_owned(), (value.to_owned(), self.last_version));
        self.last_version
    }
}

pub(crate) fn get(key: &str) -> Result<Option<wit::Entry>, wit::StateError> {
    let FakeHost(state) = installed();
    let kept = &state.borrow().kept;
    Ok(kept.keys.get(key).map(|(value, version)| wit::Entry { value: value.clone(), version: *version }))
}

pub(crate) fn set(key: &str, value: &str, expected: wit::Expected) -> Result<u64, wit::StateError> {
    let FakeHost(state) = installed();
    let kept = &mut state.borrow_mut().kept;
    let now = kept.version(key);
    let fits = match expected {
        wit::Expected::Any => true,
        wit::Expected::Absent => now.is_none(),
        wit::Expected::Version(version) => now == Some(version),
    };
    if kept.full {
        return Err(wit::StateError::OverQuota("the fake host keeps nothing more".to_owned()));
    }
    if fits { Ok(kept.put(key, value)) } else { Err(wit::StateError::Conflict(now)) }
}

pub(crate) fn delete(key: &str, expected: Option<u64>) -> Result<bool, wit::StateError> {
    let FakeHost(state) = installed();
    let kept = &mut state.borrow_mut().kept;
    let now = kept.version(key);
    if expected.is_some() && expected != now {
        return Err(wit::StateError::Conflict(now));
    }
    Ok(kept.keys.remove(key).is_some())
}

pub(crate) fn list_keys(prefix: &str, after: Option<&str>, limit: Option<u32>) -> Result<wit::Page, wit::StateError> {
    let most = limit.map_or(1_000, |limit| limit.min(1_000)) as usize;
    let FakeHost(state) = installed();
    let kept = &state.borrow().kept;
    let mut found =
        kept.keys.iter().filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
    let keys: Vec<_> = found
        .by_ref()
        .take(most)
        .map(|(key, (value, version))| wit::KeyInfo { key: key.clone(), version: *version, size: value.len() as u64 })
        .collect();
    let next = if found.next().is_some() { keys.last().map(|info| info.key.clone()) } else { None };
    Ok(wit::Page { keys, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{self, Expected, StateError};
    use crate::testing::block_on;
    use serde_json::json;

    #[test]
    fn keys_are_kept_changed_listed_and_deleted_on_both_ways() {
        let host = FakeHost::new().kept("n", 1).install();
        assert_eq!(block_on(state::update("n", |n: Option<u32>| n.unwrap_or(0) + 1)).unwrap(), 2);
        assert_eq!(state::blocking::update("n", |n: Option<u32>| n.unwrap_or(0) + 1).unwrap(), 3);
        let conflict = block_on(state::set_if("n", 0, Expected::Absent)).unwrap_err();
        assert!(matches!(conflict, StateError::Conflict(Some(_))));
        block_on(state::set("m/1", json!({}))).unwrap();
        assert_eq!(block_on(state::list("m/", None)).unwrap().keys[0].key, "m/1");
        assert_eq!(state::blocking::list("", Some("m/1")).unwrap().keys.len(), 1);
        assert!(block_on(state::delete("m/1")).unwrap());
        assert_eq!(host.state(), BTreeMap::from([("n".to_owned(), json!(3))]));
        host.fill_state();
        assert_eq!(state::blocking::set("x", 1).unwrap_err().kind(), "over-quota");
    }
}
