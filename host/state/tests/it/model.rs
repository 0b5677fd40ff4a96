//! Both stores do what a map would do.

use crate::{block_on, space};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tollgate_core::Tenant;
use tollgate_state::{
    Expected, Holder, Key, KeyInfo, KeyRange, MemoryStore, Namespace, Quota, SqliteOptions, SqliteStore, StateError,
    StateStore, Usage,
};

const QUOTA: Quota = Quota { value_bytes: 100, keys: 4, total_bytes: 60 };

#[derive(Clone, Debug)]
enum Op {
    Get(usize, String),
    Set(usize, String, String, Want),
    Delete(usize, String, Option<Want>),
    List(usize, String, Option<String>, u32),
    Usage(usize),
    Clear(usize),
    Reopen,
}

/// Versions are only known while the operations run.
#[derive(Clone, Copy, Debug)]
enum Want {
    Any,
    Absent,
    Current,
    Stale,
}

fn op() -> impl Strategy<Value = Op> {
    // Few keys, with common beginnings and bytes of several lengths, so that operations meet.
    let key = prop_oneof![
        "[ab]{1,2}",
        Just("ä".to_owned()),
        Just("aé".to_owned()),
        Just("a%".to_owned()),
        Just("a_".to_owned())
    ];
    let prefix = prop_oneof![Just(String::new()), "[ab]", Just("ä".to_owned()), Just("a%".to_owned())];
    let want = prop_oneof![Just(Want::Any), Just(Want::Absent), Just(Want::Current), Just(Want::Stale)];
    let space = 0..3_usize;
    prop_oneof![
        2 => (space.clone(), key.clone()).prop_map(|(s, k)| Op::Get(s, k)),
        6 => (space.clone(), key.clone(), "[0-9]{1,30}", want.clone()).prop_map(|(s, k, v, w)| Op::Set(s, k, v, w)),
        3 => (space.clone(), key.clone(), prop::option::of(want)).prop_map(|(s, k, w)| Op::Delete(s, k, w)),
        2 => (space.clone(), prefix, prop::option::of(key), 1..4_u32).prop_map(|(s, p, a, l)| Op::List(s, p, a, l)),
        1 => space.clone().prop_map(Op::Usage),
        1 => space.prop_map(Op::Clear),
        1 => Just(Op::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    last: u64,
    entries: BTreeMap<String, (u64, String)>,
}

impl Model {
    fn usage(&self) -> Usage {
        let bytes = self.entries.iter().map(|(k, (_, v))| (k.len() + v.len()) as u64).sum();
        Usage { keys: self.entries.len() as u64, bytes }
    }

    fn version(&self, key: &str) -> Option<u64> {
        self.entries.get(key).map(|(version, _)| *version)
    }

    fn set(&mut self, key: &str, value: &str, expected: Expected) -> Result<u64, &'static str> {
        let version = self.version(key);
        let fits = match expected {
            Expected::Any => true,
            Expected::Absent => version.is_none(),
            Expected::Version(wanted) => version == Some(wanted),
        };
        if !fits {
            return Err("conflict");
        }
        let before = self.usage();
        let kept = self.entries.insert(key.to_owned(), (self.last + 1, value.to_owned()));
        let after = self.usage();
        if after.keys > QUOTA.keys || (after.bytes > QUOTA.total_bytes && after.bytes > before.bytes) {
            match kept {
                Some(kept) => self.entries.insert(key.to_owned(), kept),
                None => self.entries.remove(key),
            };
            return Err("over-quota");
        }
        self.last += 1;
        Ok(self.last)
    }

    fn delete(&mut self, key: &str, expected: Option<u64>) -> Result<bool, &'static str> {
        if expected.is_some() && expected != self.version(key) {
            return Err("conflict");
        }
        let was = self.entries.remove(key).is_some();
        self.last += u64::from(was);
        Ok(was)
    }
}

fn expected(model: &Model, key: &str, want: Want) -> Expected {
    match want {
        Want::Any => Expected::Any,
        Want::Absent => Expected::Absent,
        Want::Current => model.version(key).map_or(Expected::Absent, Expected::Version),
        Want::Stale => Expected::Version(model.version(key).map_or(1, |v| v + 1)),
    }
}

fn kind<T>(answer: Result<T, StateError>, version: Option<u64>) -> Result<T, &'static str> {
    answer.map_err(|error| match error {
        StateError::Conflict(found) => {
            assert_eq!(found, version, "a conflict tells the version that there is");
            "conflict"
        }
        StateError::OverQuota(_) => "over-quota",
        other => panic!("{other:?}"),
    })
}

fn behaves<S: StateStore>(ops: Vec<Op>, mut open: impl FnMut(Option<S>) -> S) -> Result<(), TestCaseError> {
    let spaces = [space("server:a"), space("policy:a"), Namespace::new(Tenant::new("other"), "server:a")];
    let mut models: [Model; 3] = Default::default();
    let mut store = open(None);
    for op in ops {
        match op {
            Op::Get(s, key) => {
                let got = block_on(store.get(&spaces[s], Key::new(key.as_str()).unwrap())).unwrap();
                prop_assert_eq!(got.map(|e| (e.version, e.value)), models[s].entries.get(&key).cloned());
            }
            Op::Set(s, key, value, want) => {
                let expected = expected(&models[s], &key, want);
                let before = models[s].version(&key);
                let key_ = Key::new(key.as_str()).unwrap();
                let got = block_on(store.set(&spaces[s], key_, value.clone(), expected, QUOTA));
                prop_assert_eq!(kind(got, before), models[s].set(&key, &value, expected));
            }
            Op::Delete(s, key, want) => {
                let expected = want.map(|want| match expected(&models[s], &key, want) {
                    Expected::Version(version) => version,
                    _ => 1,
                });
                let before = models[s].version(&key);
                let got = block_on(store.delete(&spaces[s], Key::new(key.as_str()).unwrap(), expected));
                prop_assert_eq!(kind(got, before), models[s].delete(&key, expected));
            }
            Op::List(s, prefix, after, limit) => {
                let range = KeyRange { prefix: prefix.clone(), after: after.clone(), limit };
                let page = block_on(store.list(&spaces[s], range)).unwrap();
                let all = models[s]
                    .entries
                    .iter()
                    .filter(|(key, _)| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after));
                let all: Vec<_> = all
                    .map(|(key, (version, v))| KeyInfo { key: key.clone(), version: *version, size: v.len() as u64 })
                    .collect();
                let first: Vec<_> = all.iter().take(limit as usize).cloned().collect();
                let next = first.last().filter(|_| all.len() > first.len()).map(|info| info.key.clone());
                prop_assert_eq!((page.keys, page.next), (first, next));
            }
            Op::Usage(s) => prop_assert_eq!(block_on(store.usage(&spaces[s])).unwrap(), models[s].usage()),
            Op::Clear(s) => {
                prop_assert_eq!(block_on(store.clear(&spaces[s])).unwrap(), models[s].usage());
                models[s].entries.clear();
                // Versions go on; a namespace that never had one has none to go on from.
                models[s].last += u64::from(models[s].last > 0);
            }
            Op::Reopen => store = open(Some(store)),
        }
    }
    for (space, model) in spaces.iter().zip(&models) {
        prop_assert_eq!(block_on(store.usage(space)).unwrap(), model.usage(), "the counts have not drifted");
    }
    let mut holders: Vec<_> = spaces
        .iter()
        .zip(&models)
        .map(|(space, model)| Holder { space: space.clone(), used: model.usage() })
        .filter(|holder| holder.used.keys > 0)
        .collect();
    holders.sort_by(|one, other| one.space.cmp(&other.space));
    prop_assert_eq!(&block_on(store.holders(None, 10)).unwrap(), &holders);
    for (i, holder) in holders.iter().enumerate() {
        let next = block_on(store.holders(Some(holder.space.clone()), 1)).unwrap();
        prop_assert_eq!(next, holders.iter().skip(i + 1).take(1).cloned().collect::<Vec<_>>());
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_store_in_memory_is_a_map(ops in prop::collection::vec(op(), 1..120)) {
        behaves(ops, |store: Option<MemoryStore>| store.unwrap_or_default())?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_store_in_a_file_is_a_map_that_outlives_its_process(ops in prop::collection::vec(op(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        behaves(ops, |store: Option<SqliteStore>| {
            drop(store);
            SqliteStore::open(&path, &SqliteOptions::default()).unwrap()
        })?;
    }
}
