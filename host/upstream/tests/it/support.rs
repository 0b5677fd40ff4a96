//! What the tests share.

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{
    Approvals, Budget, Call, CallContext, CallError, Grants, Limits, Means, Principal, RunContext, RunId, SystemClock,
    SystemEntropy, Tenant, ToolName, TraceContext,
};
use tollgate_route::{Attempted, Backend};
use tollgate_upstream::{Fleet, ServerSpec, ServerState, ServerStatus, Transport};

/// Long enough for a loaded machine, short enough to notice.
pub const SOON: Duration = Duration::from_secs(20);

pub fn context() -> CallContext {
    let limits = Limits::default();
    let budget = Budget::new(limits.clone(), None);
    let run = RunContext {
        run: RunId::new(&SystemClock::default(), &SystemEntropy::default()),
        parent: None,
        name: "test".into(),
        principal: Principal::new("tester"),
        tenant: Tenant::default(),
        depth: 1,
        grants: Grants::all(),
        limits,
        budget,
        seed: 0,
        approvals: Approvals::default(),
        trace: TraceContext::new(1, 1),
        client: None,
    };
    let paid = run.budget.take_call().unwrap();
    CallContext::new(Arc::new(run), &paid, Means::default())
}

/// Finds and calls `server:tool`.
pub async fn call(fleet: &Fleet, name: &str, args: Value) -> Attempted {
    call_text(fleet, name, &args.to_string()).await
}

pub async fn call_text(fleet: &Fleet, name: &str, args: &str) -> Attempted {
    let name: ToolName = name.parse().unwrap();
    match fleet.resolve(&name.server, &name.tool).await {
        Ok(tool) => fleet.attempt(&tool, &Call::new(name, args), &context()).await,
        Err(error) => Attempted::unsent(error),
    }
}

pub async fn fails(fleet: &Fleet, name: &str, args: Value) -> CallError {
    call(fleet, name, args).await.result.unwrap_err()
}

/// Calls `name` with a text, and wants the text back.
pub async fn echoes(fleet: &Fleet, name: &str) {
    let answer = call(fleet, name, json!({"text": "hi"})).await;
    let result = answer.result.unwrap_or_else(|error| panic!("{name}: {error}"));
    let json: Value = serde_json::from_str(&result.json).unwrap();
    assert_eq!(json["content"][0]["text"], "hi", "{name}: {json}");
}

pub fn evil(name: &str, mode: &str, arg: &str) -> ServerSpec {
    let spec = ServerSpec::new(name, Transport::stdio(env!("CARGO_BIN_EXE_tollgate-evil-server"), [mode, arg]));
    ServerSpec { connect_timeout: SOON, call_timeout: SOON, ..spec }
}

/// A server that fails at random as `seed` says; not at all if that is no number.
pub fn faulty(name: &str, seed: &str, record: &Path) -> ServerSpec {
    let args = ["stdio", seed, record.to_str().unwrap()];
    let spec = ServerSpec::new(name, Transport::stdio(env!("CARGO_BIN_EXE_tollgate-fault-server"), args));
    ServerSpec { connect_timeout: SOON, call_timeout: SOON, ..spec }
}

/// The processes that a record names.
pub fn started(record: &Path) -> Vec<String> {
    lines(record).iter().filter_map(|line| line.strip_prefix("start ")).map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
pub fn is_alive(pid: &str) -> bool {
    // A zombie has ended: who reaps it is its new parent's matter.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
}

pub fn status(fleet: &Fleet, name: &str) -> ServerStatus {
    fleet.statuses().into_iter().find(|s| s.name == name).unwrap()
}

/// Waits until `server` is in `state`.
pub async fn until(fleet: &Fleet, server: &str, state: ServerState) -> ServerStatus {
    eventually(|| Some(status(fleet, server)).filter(|s| s.state == state)).await
}

/// Waits until `check` finds something.
pub async fn eventually<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < SOON, "it never came to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}
