//! How each server is, for people and programs.

use parking_lot::Mutex;
use serde::Serialize;
use std::time::Duration;

/// Whether a server can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// It can.
    Ready,
    /// Its connection failed; another try comes.
    Failed,
    /// It was removed, or the fleet is shut down.
    Stopped,
    /// Not yet.
    Connecting,
}

/// How one server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// Whether it can be called.
    pub state: ServerState,
    /// `stdio`, `http`, `sse`, `stream` or `component`.
    pub transport: &'static str,
    /// The protocol's version.
    pub protocol: Option<String>,
    /// The server's version, if it said.
    pub version: Option<String>,
    /// How many tools it offers.
    pub tools: usize,
    /// How many are quarantined beside them; not written when there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub quarantined: usize,
    /// Why it is not ready.
    pub error: Option<String>,
    /// Whether it is not ready because somebody has to log in, or to correct its headers.
    #[serde(skip)]
    pub needs_auth: bool,
    /// How long its last connection took, in milliseconds.
    pub connect_ms: Option<u64>,
    /// The median of its last calls.
    #[serde(skip)]
    pub latency: Option<Duration>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// How long the last calls took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Mutex<(Vec<Duration>, usize)>);

impl Latencies {
    const KEPT: usize = 64;

    pub(crate) fn add(&self, took: Duration) {
        let (kept, next) = &mut *self.0.lock();
        match kept.get_mut(*next) {
            Some(slot) => *slot = took,
            None => kept.push(took),
        }
        *next = (*next + 1) % Self::KEPT;
    }

    pub(crate) fn median(&self) -> Option<Duration> {
        let mut kept = self.0.lock().0.clone();
        kept.sort_unstable();
        kept.get(kept.len() / 2).copied()
    }
}
