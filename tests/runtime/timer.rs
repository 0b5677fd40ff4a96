//! Waiting on the host's timer goes by the host's clock.

use crate::runtime::support::{Tools, guest, output, runtime_at, setup};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate_core::{LimitKind, Limits, ManualClock};
use tollgate_runtime::RunError;

/// Runs a policy while the clock goes on a millisecond at a time.
async fn run_on_the_clock(name: &str, naps: &Value, limits: Limits) -> (crate::runtime::support::PolicyEnd, Duration) {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let runtime = runtime_at(clock.clone());
    let program = runtime.prepare(guest(name)).await.unwrap();
    let tools = Tools::new();
    let input = naps.to_string();
    let run = runtime.run_policy(&program, &input, setup(&tools, limits), std::future::pending());
    let mut passed = Duration::ZERO;
    let ticking = async {
        loop {
            tokio::task::yield_now().await;
            passed += Duration::from_millis(1);
            clock.advance(Duration::from_millis(1));
        }
    };
    let end = tokio::select! {
        biased;
        end = run => end,
        () = ticking => unreachable!("the clock never stops"),
    };
    (end, passed)
}

fn woken(end: crate::runtime::support::PolicyEnd) -> Vec<u64> {
    serde_json::from_value(output(end)).unwrap()
}

#[tokio::test]
async fn sleeps_that_begin_together_pass_together() {
    let naps = [5_000, 1_000, 3_000];
    let (end, _) = run_on_the_clock("policy_sleep", &json!(naps), Limits::default()).await;
    let woken = woken(end);
    for (woken, nap) in woken.iter().zip(naps) {
        assert!((nap..nap + 900).contains(woken), "asked for {nap} ms, slept for {woken}");
    }
}

#[tokio::test]
async fn without_async_one_sleep_follows_the_other() {
    let (end, passed) =
        run_on_the_clock("policy_sleep_blocking", &json!([5_000, 1_000, 3_000]), Limits::default()).await;
    let woken = woken(end);
    assert!(woken[0] >= 5_000 && woken[1] >= 6_000 && woken[2] >= 9_000, "{woken:?}");
    assert!(passed >= Duration::from_secs(9));
}

#[tokio::test]
async fn the_wall_time_limit_goes_by_the_same_clock() {
    for name in ["policy_sleep", "policy_sleep_blocking"] {
        let limits = Limits { timeout_ms: 2_000, ..Limits::default() };
        let (end, passed) = run_on_the_clock(name, &json!([3_000]), limits).await;
        assert!(matches!(&end.result, Err(RunError::Limit(l)) if l.kind == LimitKind::Timeout), "{name}: {end:?}");
        assert!((2_000..3_000).contains(&passed.as_millis()), "{name}: {passed:?}");
    }
}
