//! The stages of a long command: how long each takes, and a table of them at the end.

use crate::Result;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Records stages, also of several threads at once.
pub(crate) struct Stages {
    began: Instant,
    ended: Mutex<Vec<Stage>>,
}

struct Stage {
    name: &'static str,
    /// From the first stage's start to this one's.
    after: Duration,
    took: Duration,
    failed: bool,
}

impl Stages {
    /// No stage yet; the clock runs from now on.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ended: Mutex::default() }
    }

    /// Runs `work` as the stage `name`.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn run<T>(&self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("xtask: stage `{name}`");
        let start = Instant::now();
        let result = work();
        let stage =
            Stage { name, after: start.duration_since(self.began), took: start.elapsed(), failed: result.is_err() };
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).push(stage);
        result
    }

    /// One line a stage in the order of their starts: when it started, how long it took, its name.
    pub(crate) fn table(&self) -> String {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.sort_by_key(|stage| stage.after);
        let mut table = format!("{:>8} {:>8}  stage\n", "start", "took");
        for Stage { name, after, took, failed } in ended.iter() {
            let failed = if *failed { "  FAILED" } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{:>8} {:>8}  {name}{failed}", minutes(*after), minutes(*took));
        }
        let _ = writeln!(table, "{:>8} {:>8}  all", "", minutes(self.began.elapsed()));
        table
    }
}

/// `4:05`: minutes and seconds.
fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
