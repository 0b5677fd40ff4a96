//! What state costs: `cargo run --release -p tollgate-state --example state_cost [FOLDER]`. The folder should be on the disk that
//! counts: what is measured of `set` is mostly its sync.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_state::{Expected, MemoryStore, Namespace, Quota, Scopes, SqliteOptions, SqliteStore, State, StateStore};

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let folder = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut times = Vec::new();
        for _ in 0..5_000 {
            let start = Instant::now();
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            times.push(start.elapsed());
        }
        println!("spawn_blocking that does nothing: p50 {:?}", p50(times));
        measure("memory", Arc::new(MemoryStore::default())).await;
        let store = SqliteStore::open(&folder.path().join("state.db"), &SqliteOptions::default()).unwrap();
        measure("sqlite", Arc::new(store)).await;
    });
}

async fn measure(name: &str, store: Arc<dyn StateStore>) {
    let value = format!("\"{}\"", "x".repeat(200));
    let of = |owner: String| {
        let space = Namespace::new(Default::default(), owner);
        State::new(store.clone(), space, Scopes::parse(["*"]).unwrap(), Quota::default())
    };
    let one = of("one".to_owned());
    let mut sets = Vec::new();
    for i in 0..500 {
        let start = Instant::now();
        one.set(format!("k{i}"), value.clone(), Expected::Any).await.unwrap();
        sets.push(start.elapsed());
    }
    let mut gets = Vec::new();
    for i in 0..5_000 {
        let start = Instant::now();
        one.get(format!("k{}", i % 500)).await.unwrap();
        gets.push(start.elapsed());
    }
    println!("{name}: set p50 {:?}, get p50 {:?}", p50(sets), p50(gets));
    for set in [true, false] {
        let start = Instant::now();
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let (state, value) = (of(format!("task{task}")), value.clone());
                tokio::spawn(async move {
                    let mut done = 0_u64;
                    while start.elapsed() < Duration::from_secs(2) {
                        let key = format!("k{}", done % 50);
                        match set {
                            true => drop(state.set(key, value.clone(), Expected::Any).await.unwrap()),
                            false => drop(state.get(key).await.unwrap()),
                        }
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.unwrap();
        }
        let what = if set { "set" } else { "get" };
        println!("{name}: 64 callers: {:.0} {what}s/s", done as f64 / start.elapsed().as_secs_f64());
    }
}

fn p50(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
