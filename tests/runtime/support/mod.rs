//! What all tests share: guests, the way out of a run, short forms for running.

mod tools;

pub use tools::{Tools, failures};

use serde_json::Value;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tollgate_core::{Caller, Clock, Limits, ToolResult};
use tollgate_runtime::{PolicyError, Program, RunEnd, RunError, RunSetup, Runtime, RuntimeConfig, ToolError};

/// How soon a run must have ended after its limit: long for a loaded machine, short beside "never".
pub const SOON: Duration = Duration::from_secs(5);

/// The bytes of a guest of `tests/guests`, by the name of its crate or of its file in `wat/`.
pub fn guest(name: &str) -> Vec<u8> {
    let file = std::path::Path::new(tollgate_test_guests::FOLDER).join(name).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("no test guest is named `{name}`: {error}"))
}

/// The runtime that tests share which need no other.
pub fn runtime() -> Arc<Runtime> {
    static SHARED: OnceLock<Arc<Runtime>> = OnceLock::new();
    SHARED.get_or_init(|| new_runtime(RuntimeConfig { max_runs: 100, ..RuntimeConfig::default() })).clone()
}

/// A runtime of a test's own.
pub fn new_runtime(config: RuntimeConfig) -> Arc<Runtime> {
    Arc::new(Runtime::new(config))
}

/// A runtime that goes by this clock.
pub fn runtime_at(clock: Arc<dyn Clock>) -> Arc<Runtime> {
    new_runtime(RuntimeConfig { max_runs: 4, clock, ..RuntimeConfig::default() })
}

/// A guest, ready to run on the shared runtime.
pub async fn program(name: &str) -> Arc<Program> {
    runtime().prepare(guest(name)).await.unwrap()
}

/// What a run is given.
pub fn setup(caller: &Arc<impl Caller>, limits: Limits) -> RunSetup {
    RunSetup::new(caller.clone(), limits, 7)
}

/// How a policy's run ended.
pub type PolicyEnd = RunEnd<Result<String, PolicyError>>;
/// How an adapter's call ended.
pub type AdapterEnd = RunEnd<Result<ToolResult, ToolError>>;

/// Runs a policy on the shared runtime.
pub async fn run(name: &str, input: &Value, tools: &Arc<Tools>, limits: Limits) -> PolicyEnd {
    let program = program(name).await;
    runtime().run_policy(&program, &input.to_string(), setup(tools, limits), std::future::pending()).await
}

/// Calls an adapter on the shared runtime.
pub async fn call(name: &str, tool: &str, args: &Value, tools: &Arc<Tools>, limits: Limits) -> AdapterEnd {
    let program = program(name).await;
    runtime().call_adapter(&program, tool, &args.to_string(), setup(tools, limits), std::future::pending()).await
}

/// The output of a run that must have been a good one.
pub fn output(end: PolicyEnd) -> Value {
    match end.result {
        Ok(Ok(json)) => serde_json::from_str(&json).unwrap(),
        other => panic!("no output: {other:?}; stderr: {}", end.stderr),
    }
}

/// The error of a run that must have failed.
pub fn error<T: std::fmt::Debug>(end: RunEnd<T>) -> RunError {
    end.result.expect_err("the run gave a result")
}
