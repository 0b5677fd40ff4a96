//! Runs behind runs: a policy whose call is answered by an adapter, whose call is answered by another.

use crate::runtime::support::{Tools, error, output, program, runtime, setup};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;
use tollgate_core::budget::Paid;
use tollgate_core::{BoxFuture, Call, CallError, CallFailure, Caller, LimitKind, Limits, LogLevel, Means, ToolResult};
use tollgate_runtime::{Program, RunError, RunSetup};

/// Answers the calls of the server `adapter` by a run of an adapter, and all others by tools.
struct Adapters {
    relay: Arc<Program>,
    spin: Arc<Program>,
    tools: Arc<Tools>,
    /// Nested runs take themselves for their caller.
    this: std::sync::Weak<Adapters>,
}

impl Adapters {
    async fn new(relay: &str) -> Arc<Self> {
        let (relay, spin) = (program(relay).await, program("adapter_spin").await);
        Arc::new_cyclic(|this| Self { relay, spin, tools: Tools::new(), this: this.clone() })
    }
}

impl Caller for Adapters {
    fn call(&self, call: Call, means: Means) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)> {
        if call.server != "adapter" {
            return self.tools.call(call, means);
        }
        let program = if call.tool == "relay" { self.relay.clone() } else { self.spin.clone() };
        let caller = self.this.upgrade().unwrap();
        Box::pin(async move {
            let setup = RunSetup::new(caller, Limits { fuel: means.fuel, ..Limits::default() }, 1);
            // In a task of its own: a store's run must not be polled from within another store's. The set
            // aborts it when this future is dropped.
            let mut task = JoinSet::new();
            let Call { server, tool, args, .. } = call.clone();
            task.spawn(
                async move { runtime().call_adapter(&program, &tool, &args, setup, std::future::pending()).await },
            );
            let end = task.join_next().await.unwrap().unwrap();
            let result = match end.result {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(why)) => Err(CallError::InvalidResponse(format!("{why:?}"))),
                Err(RunError::Limit(reached)) => Err(CallError::BudgetExhausted(reached)),
                Err(why) => Err(CallError::InvalidResponse(why.to_string())),
            };
            let elapsed = std::time::Duration::ZERO;
            let failure = |error| CallFailure { server, tool: call.tool, attempts: 1, elapsed, error };
            (result.map_err(failure), end.fuel_used)
        })
    }

    fn log(&self, _: Paid, _: LogLevel, _: String) {}

    fn progress(&self, _: Paid, _: f64, _: Option<f64>, _: Option<String>) {}
}

fn relayed(times: usize, call: Value) -> Value {
    (0..times).fold(call, |call, _| json!({"server": "adapter", "tool": "relay", "args": call}))
}

const POLICIES: [&str; 2] = ["policy_calls", "policy_calls_blocking"];
const RELAYS: [&str; 2] = ["adapter_relay", "adapter_relay_blocking"];

#[tokio::test]
async fn an_answer_comes_back_through_every_run_between() {
    for (policy, relay) in POLICIES.into_iter().flat_map(|policy| RELAYS.map(|relay| (policy, relay))) {
        let caller = Adapters::new(relay).await;
        let call = relayed(3, json!({"server": "echo", "tool": "echo", "args": {"a": 1}}));
        let input = json!({"calls": [call, call, call], "mode": "at_once"}).to_string();
        let program = program(policy).await;
        let setup = setup(&caller, Limits::default());
        let answers = output(runtime().run_policy(&program, &input, setup, std::future::pending()).await);
        for n in 0..3 {
            assert_eq!(answers[n]["ok"]["content"][0]["text"], r#"{"a":1}"#, "{policy} over {relay}");
        }
    }
}

#[tokio::test]
async fn what_ends_the_outer_run_ends_those_behind_it() {
    for (policy, relay) in POLICIES.into_iter().flat_map(|policy| RELAYS.map(|relay| (policy, relay))) {
        let caller = Adapters::new(relay).await;
        let call = relayed(2, json!({"server": "slow", "tool": "never", "args": {}}));
        let input = json!({"calls": [call, call], "mode": "at_once"}).to_string();
        let program = program(policy).await;
        let cancelled = caller.tools.until_in_flight(2);
        let setup = setup(&caller, Limits::default());
        let end = runtime().run_policy(&program, &input, setup, cancelled).await;
        assert!(matches!(end.result, Err(RunError::Cancelled)), "{policy} over {relay}: {end:?}");
        // The tasks of the runs behind it are aborted now, and gone a moment later.
        caller.tools.until_in_flight(0).await;
        assert_eq!(caller.tools.given_up(), 2, "{policy} over {relay}");
    }
}

#[tokio::test]
async fn the_caller_pays_the_fuel_of_the_adapter() {
    const FUEL: u64 = 5_000_000;
    for policy in POLICIES {
        let caller = Adapters::new("adapter_relay").await;
        let program = program(policy).await;
        let burn = json!({"server": "adapter", "tool": "burn", "args": {"fuel": FUEL}});
        let input = json!({"calls": [burn, burn], "mode": "sequence"}).to_string();
        let run =
            async |limits| runtime().run_policy(&program, &input, setup(&caller, limits), std::future::pending()).await;
        let end = run(Limits::default()).await;
        assert!(end.fuel_used > 2 * FUEL, "{policy}: {end:?}");
        assert!(end.result.is_ok(), "{policy}: {end:?}");

        // With fuel for the first call and not for the second, the run ends at the limit.
        let limits = Limits { fuel: end.fuel_used * 3 / 4, ..Limits::default() };
        let end = run(limits.clone()).await;
        assert_eq!(end.fuel_used, limits.fuel, "{policy}");
        let error = error(end);
        assert!(matches!(&error, RunError::Limit(l) if l.kind == LimitKind::Fuel), "{policy}: {error:?}");
    }
}
