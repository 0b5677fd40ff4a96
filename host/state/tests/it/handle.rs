//! What a guest may give, and what is said of it.

use crate::{block_on, space, sqlite, state};
use std::sync::Arc;
use tollgate_core::Tenant;
use tollgate_state::{Expected, MemoryStore, Namespace, Quota, Scopes, State, StateError};

fn set(state: &State, key: &str, value: &str) -> Result<u64, StateError> {
    block_on(state.set(key.to_owned(), value.to_owned(), Expected::Any))
}

#[test]
fn keys_values_and_prefixes_are_checked_before_the_store_sees_them() {
    let state = state(MemoryStore::default());
    let long = "k".repeat(513);
    for (key, said) in [
        ("", "at least one character"),
        (long.as_str(), "at most 512 bytes; this one has 513"),
        ("a\nb", "\\u{a} at byte 1"),
        ("a\u{85}", "control characters"),
        ("nul\0", "control characters"),
    ] {
        let said_of = |error: StateError| match error {
            StateError::InvalidKey(text) => assert!(text.contains(said), "{text}"),
            other => panic!("{key:?}: {other:?}"),
        };
        said_of(set(&state, key, "1").unwrap_err());
        said_of(block_on(state.get(key.to_owned())).unwrap_err());
        said_of(block_on(state.delete(key.to_owned(), None)).unwrap_err());
        if !key.is_empty() {
            said_of(block_on(state.list_keys(key.to_owned(), None, None)).unwrap_err());
            said_of(block_on(state.list_keys(String::new(), Some(key.to_owned()), None)).unwrap_err());
        }
    }
    for value in ["", "{", "nope", "1 2", &"[".repeat(1_000)] {
        assert!(matches!(set(&state, "k", value), Err(StateError::InvalidValue(_))), "{value:.20}");
    }
    let large = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    set(&state, "k", &large).unwrap();
    let error = set(&state, "k", &format!(" {large}")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value of `k` has 1048577 bytes, and may have 1MiB; split it, or raise the key `state.max_value`"
    );
    assert!(matches!(error, StateError::TooLarge(_)));
}

#[test]
fn a_quota_is_kept_and_less_of_too_much_is_let_through() {
    let store = Arc::new(MemoryStore::default());
    let with = |keys, total_bytes| {
        let quota = Quota { keys, total_bytes, ..Quota::default() };
        State::new(store.clone(), space("p"), Scopes::parse(["*"]).unwrap(), quota)
    };
    let wide = with(3, 100);
    for key in ["a", "b", "c"] {
        set(&wide, key, "1234567890").unwrap();
    }
    let error = set(&wide, "d", "1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "this component keeps 3 keys, as many as it may; delete some, or raise the key `state.max_keys`"
    );
    set(&wide, "a", "12345").unwrap();
    // Lowered: what is there stays, and may shrink.
    let narrow = with(1, 20);
    assert!(
        matches!(set(&narrow, "a", "123456"), Err(StateError::OverQuota(text)) if text.contains("`state.max_bytes`"))
    );
    set(&narrow, "a", "1").unwrap();
    assert!(block_on(narrow.delete("b".to_owned(), None)).unwrap());
    let usage = block_on(narrow.usage()).unwrap();
    assert_eq!((usage.keys, usage.bytes), (2, 13));
}

#[test]
fn grants_bound_what_is_reached_and_nothing_is_granted_by_default() {
    let store = Arc::new(MemoryStore::default());
    let of = |scopes: &[&str]| State::new(store.clone(), space("p"), Scopes::parse(scopes).unwrap(), Quota::default());
    set(&of(&["*"]), "secret", "1").unwrap();
    let narrow = of(&["cfg/*"]);
    set(&narrow, "cfg/a", "1").unwrap();
    for error in [
        set(&narrow, "secret", "2").unwrap_err(),
        block_on(narrow.get("secret".to_owned())).unwrap_err(),
        block_on(narrow.delete("secret".to_owned(), None)).unwrap_err(),
        block_on(narrow.list_keys(String::new(), None, None)).unwrap_err(),
        block_on(State::default().get("cfg/a".to_owned())).unwrap_err(),
    ] {
        assert!(matches!(error, StateError::Denied(_)), "{error:?}");
    }
    let page = block_on(narrow.list_keys("cfg/".to_owned(), Some("a".to_owned()), Some(0))).unwrap();
    assert_eq!(page.keys[0].key, "cfg/a");
}

#[test]
fn components_and_tenants_do_not_see_each_others_keys() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite(folder.path()));
    let all = || Scopes::parse(["*"]).unwrap();
    let of = |space| State::new(store.clone(), space, all(), Quota::default());
    let spaces = [
        space("server:crm"),
        space("policy:crm"),
        Namespace::new(Tenant::new("t2"), "server:crm"),
        // Names are kept apart, not joined.
        Namespace::new(Tenant::new("default:server"), "crm"),
    ];
    for (i, space) in spaces.iter().enumerate() {
        assert_eq!(set(&of(space.clone()), "k", &i.to_string()), Ok(1), "versions count in each by themselves");
    }
    for (i, space) in spaces.iter().enumerate() {
        let entry = block_on(of(space.clone()).get("k".to_owned())).unwrap().unwrap();
        assert_eq!(entry.value, i.to_string());
    }
}

#[test]
fn all_pages_of_a_long_list_together_are_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let state = state(sqlite(folder.path()));
    let mut keys: Vec<_> = (0..2_500).map(|i| format!("k/{i}")).collect();
    block_on(async {
        for chunk in keys.chunks(60) {
            let sets: Vec<_> = chunk
                .iter()
                .map(|key| {
                    let (state, key) = (state.clone(), key.clone());
                    tokio::spawn(async move { state.set(key, "0".to_owned(), Expected::Absent).await })
                })
                .collect();
            for set in sets {
                set.await.unwrap().unwrap();
            }
        }
        state.set("l".to_owned(), "0".to_owned(), Expected::Absent).await.unwrap();
        keys.sort();
        let (mut listed, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = state.list_keys("k/".to_owned(), after, None).await.unwrap();
            assert!(page.keys.len() <= 1_000);
            listed.extend(page.keys.into_iter().map(|info| info.key));
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((listed, pages), (keys, 3));
    });
}

#[test]
fn a_version_is_never_given_twice_even_after_a_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let first = {
        let state = state(sqlite(folder.path()));
        let first = set(&state, "k", "1").unwrap();
        block_on(state.delete("k".to_owned(), Some(first))).unwrap();
        first
    };
    let state = state(sqlite(folder.path()));
    let again = set(&state, "k", "1").unwrap();
    assert!(again > first);
    let stale = block_on(state.set("k".to_owned(), "2".to_owned(), Expected::Version(first)));
    assert_eq!(stale, Err(StateError::Conflict(Some(again))));
    assert_eq!(block_on(state.delete("gone".to_owned(), Some(1))), Err(StateError::Conflict(None)));
    assert_eq!(block_on(state.delete("gone".to_owned(), None)), Ok(false));
}
