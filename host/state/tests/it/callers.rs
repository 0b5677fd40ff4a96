//! Many callers at once.

use crate::{block_on, space, sqlite, state};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::BoxFuture;
use tollgate_state::{
    Entry, Expected, Holder, Key, KeyRange, MemoryStore, Namespace, Page, Quota, Scopes, SqliteStore, State,
    StateError, StateStore, Usage, Version,
};

const TASKS: u64 = 16;
const ROUNDS: u64 = 25;

/// Counts one key up, by compare-and-swap. Tells how often another was faster.
async fn count_up(state: &State) -> u64 {
    let mut conflicts = 0;
    loop {
        let found = state.get("n".to_owned()).await.unwrap();
        let (n, expected) = found.map_or((0, Expected::Absent), |entry| {
            (entry.value.parse::<u64>().unwrap(), Expected::Version(entry.version))
        });
        match state.set("n".to_owned(), (n + 1).to_string(), expected).await {
            Ok(_) => return conflicts,
            Err(StateError::Conflict(_)) => conflicts += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Every task counts up one key, by compare-and-swap. None of the counts may be lost.
async fn count(states: Vec<State>) {
    let tasks: Vec<_> = states
        .into_iter()
        .map(|state| {
            tokio::spawn(async move {
                let mut conflicts = 0_u64;
                for _ in 0..ROUNDS {
                    conflicts += count_up(&state).await;
                }
                conflicts
            })
        })
        .collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await.unwrap();
    }
    assert!(conflicts > 0, "the tasks never met, so this test has shown nothing");
}

fn shared(store: Arc<dyn StateStore>) -> impl Fn() -> State {
    move || State::new(store.clone(), space("c"), Scopes::parse(["*"]).unwrap(), Quota::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_of_many_tasks_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Two stores on one file, as two processes would have.
    let (one, other) = (shared(Arc::new(sqlite(folder.path()))), shared(Arc::new(sqlite(folder.path()))));
    count((0..TASKS).map(|i| if i % 2 == 0 { one() } else { other() }).collect()).await;
    let entry = one().get("n".to_owned()).await.unwrap().unwrap();
    assert_eq!((entry.value, entry.version), ((TASKS * ROUNDS).to_string(), TASKS * ROUNDS));
    assert_eq!(one().usage().await.unwrap().keys, 1);
}

const FOLDER: &str = "TOLLGATE_STATE_COUNT_FOLDER";

/// Not a test of its own: the other process.
#[tokio::test]
#[ignore = "started by the test below"]
async fn counting_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let state = shared(Arc::new(sqlite(Path::new(&folder))));
    for _ in 0..ROUNDS {
        count_up(&state()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_of_two_processes_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = shared(Arc::new(sqlite(folder.path())));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "callers::counting_child", "--ignored"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // From when it has begun, so that the two meet.
    while state().get("n".to_owned()).await.unwrap().is_none() {
        assert!(child.try_wait().unwrap().is_none(), "the other process has ended");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..ROUNDS {
        count_up(&state()).await;
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(state().get("n".to_owned()).await.unwrap().unwrap().value, (2 * ROUNDS).to_string());
}

#[test]
fn requests_over_the_bound_are_refused_at_once_and_the_rest_goes_on() {
    /// Never answers.
    struct Stuck(MemoryStore);
    impl StateStore for Stuck {
        fn get(&self, _: &Namespace, _: Key) -> BoxFuture<'_, Result<Option<Entry>, StateError>> {
            Box::pin(std::future::pending())
        }
        fn set(
            &self,
            s: &Namespace,
            k: Key,
            v: String,
            e: Expected,
            q: Quota,
        ) -> BoxFuture<'_, Result<Version, StateError>> {
            self.0.set(s, k, v, e, q)
        }
        fn delete(&self, s: &Namespace, k: Key, e: Option<Version>) -> BoxFuture<'_, Result<bool, StateError>> {
            self.0.delete(s, k, e)
        }
        fn list(&self, s: &Namespace, r: KeyRange) -> BoxFuture<'_, Result<Page, StateError>> {
            self.0.list(s, r)
        }
        fn usage(&self, s: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
            self.0.usage(s)
        }
        fn holders(&self, a: Option<Namespace>, limit: u32) -> BoxFuture<'_, Result<Vec<Holder>, StateError>> {
            self.0.holders(a, limit)
        }
        fn clear(&self, s: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
            self.0.clear(s)
        }
    }
    let state = state(Stuck(MemoryStore::default()));
    block_on(async {
        let stuck: Vec<_> = (0..64)
            .map(|_| {
                let state = state.clone();
                tokio::spawn(async move { state.get("k".to_owned()).await })
            })
            .collect();
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        let one_more = tokio::time::timeout(Duration::from_secs(1), state.get("k".to_owned())).await;
        assert_eq!(one_more, Ok(Err(StateError::Overloaded)));
        // Dropped requests give their places back.
        stuck.iter().for_each(tokio::task::JoinHandle::abort);
        for task in stuck {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert_eq!(state.set("k".to_owned(), "1".to_owned(), Expected::Any).await, Ok(1));
    });
}

#[test]
fn requests_that_are_dropped_do_no_half_work() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    let state = state(store.clone());
    block_on(async {
        for i in 0..50 {
            let set = state.set(format!("k{i}"), "1".to_owned(), Expected::Any);
            let _ = tokio::time::timeout(Duration::from_micros(i * 20), set).await;
        }
        let page = state.list_keys(String::new(), None, None).await.unwrap();
        // Some may still be under way; then the list is taken again.
        let usage = loop {
            let usage = state.usage().await.unwrap();
            let keys = state.list_keys(String::new(), None, None).await.unwrap().keys;
            if usage.keys == keys.len() as u64 {
                break usage;
            }
        };
        assert!(usage.keys >= page.keys.len() as u64);
    });
    drop::<(State, SqliteStore)>((state, store));
}
