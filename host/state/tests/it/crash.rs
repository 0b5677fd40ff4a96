//! A process that is killed while it writes loses nothing that it was told is kept.

use crate::{block_on, sqlite, state};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tollgate_state::Expected;

const FOLDER: &str = "TOLLGATE_STATE_CRASH_FOLDER";

/// Not a test of its own: the process that gets killed. It writes from several tasks, and says what was acknowledged.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let state = state(sqlite(Path::new(&folder)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let state = state.clone();
                tokio::spawn(async move {
                    for n in 0_u64.. {
                        let value = format!("\"{}\"", "x".repeat((n % 3_000) as usize));
                        let version = state.set(format!("{task}/{}", n % 7), value, Expected::Any).await.unwrap();
                        // One write each line, so that lines are whole.
                        let line = format!("acknowledged {task}/{} {version}\n", n % 7);
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    for wait_ms in [60, 150, 400] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
        let mut note = |line: String| {
            let Some((_, said)) = line.split_once("acknowledged ") else { return };
            let (key, version) = said.split_once(' ').unwrap();
            let kept = acknowledged.entry(key.to_owned()).or_default();
            *kept = (*kept).max(version.parse().unwrap());
        };
        // The clock starts with the first write, however long the process took to start.
        lines.by_ref().take(3).for_each(&mut note);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(wait_ms) {
            lines.next().map(&mut note).unwrap();
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        lines.for_each(&mut note);
        assert!(acknowledged.len() > 5, "too little was written to show anything: {acknowledged:?}");

        let state = state(sqlite(folder.path()));
        block_on(async {
            for (key, version) in &acknowledged {
                let entry = state.get(key.clone()).await.unwrap().unwrap_or_else(|| panic!("{key} is lost"));
                assert!(entry.version >= *version, "{key}: {} is older than {version}", entry.version);
                serde_json::from_str::<serde_json::Value>(&entry.value).unwrap();
            }
            let page = state.list_keys(String::new(), None, None).await.unwrap();
            let bytes: u64 = page.keys.iter().map(|info| info.key.len() as u64 + info.size).sum();
            let usage = state.usage().await.unwrap();
            assert_eq!((usage.keys, usage.bytes), (page.keys.len() as u64, bytes), "the counts have not drifted");
        });
    }
}
