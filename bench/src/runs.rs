//! Fresh runs, calls, calls at once.

use crate::server::{self, Direct};
use crate::{line, line_over, median};
use std::time::{Duration, Instant};
use tollgate::{ComponentSource, Grants, Host, LimitKind, PolicySpec, RunRequest, Status};
use tollgate_test_guests as guests;

const ROUNDS: usize = 2_000;

/// A host with the echo server and these policies, each granted everything.
pub(crate) async fn host(policies: &[(&str, &str)], max_runs: u32) -> Host {
    let mut builder = Host::builder().in_process_server("echo", server::start()).max_runs(max_runs);
    for (name, file) in policies {
        let grants = Grants::parse(["*:*"]).unwrap();
        builder = builder.policy(*name, PolicySpec { grants, ..PolicySpec::new(ComponentSource::File(file.into())) });
    }
    let host = builder.build().await.unwrap();
    host.settled().await;
    host
}

async fn timed(host: &Host, policy: &str, input: &str) -> Duration {
    let request =
        RunRequest::named(policy).input(input).limit(LimitKind::Calls, 1_000_000).limit(LimitKind::Timeout, 600_000);
    let start = Instant::now();
    let report = host.run(request).await.unwrap();
    let took = start.elapsed();
    assert_eq!(report.status, Status::Ok, "{:?}", report.error);
    took
}

/// A fresh run that makes no call, and one that makes one.
pub(crate) async fn fresh() {
    let host = host(
        &[
            ("none", guests::POLICY_NO_CALL),
            ("none-blocking", guests::POLICY_NO_CALL_BLOCKING),
            ("one", guests::POLICY_ONE_CALL),
            ("one-blocking", guests::POLICY_ONE_CALL_BLOCKING),
        ],
        1_000,
    )
    .await;
    let direct = Direct::connect().await;
    let mut times = vec![Vec::new(); 5];
    for round in 0..crate::times(ROUNDS) + 100 {
        let start = Instant::now();
        direct.call().await;
        let mut took = vec![start.elapsed()];
        for policy in ["none", "none-blocking", "one", "one-blocking"] {
            took.push(timed(&host, policy, "{}").await);
        }
        if round >= 100 {
            times.iter_mut().zip(took).for_each(|(all, one)| all.push(one));
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    let direct = medians[0];
    line("direct rmcp call, in process", direct, None, "");
    line("fresh run, no call (async)", medians[1], None, "≤ 60 µs");
    line("fresh run, no call (blocking)", medians[2], None, "≤ 60 µs");
    line_over("fresh run, one call (async)", medians[3], direct, "≤ 130 µs");
    line_over("fresh run, one call (blocking)", medians[4], direct, "≤ 130 µs");
    host.shutdown().await;
}

/// A call from a guest that is warm: many calls in one run, against as many direct ones.
pub(crate) async fn calls() {
    const CALLS: u32 = 500;
    let host =
        host(&[("async", guests::POLICY_WARM_CALLS), ("blocking", guests::POLICY_WARM_CALLS_BLOCKING)], 1_000).await;
    let direct = Direct::connect().await;
    let through_gate = "echo:echo".parse().unwrap();
    let mut times = vec![Vec::new(); 4];
    for round in 0..crate::times(40) + 2 {
        let start = Instant::now();
        for _ in 0..CALLS {
            direct.call().await;
        }
        let mut took = vec![start.elapsed() / CALLS];
        let start = Instant::now();
        for _ in 0..CALLS {
            host.call(&through_gate, r#"{"message":"hello"}"#).await.unwrap();
        }
        took.push(start.elapsed() / CALLS);
        for policy in ["async", "blocking"] {
            let empty = timed(&host, policy, r#"{"calls":0}"#).await;
            let full = timed(&host, policy, &format!(r#"{{"calls":{CALLS}}}"#)).await;
            took.push(full.saturating_sub(empty) / CALLS);
        }
        if round >= 2 {
            times.iter_mut().zip(took).for_each(|(all, one)| all.push(one));
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    let direct = medians[0];
    for (name, median, target) in [
        ("host.call", medians[1], ""),
        ("call from a warm guest (async)", medians[2], "≤ 35 µs"),
        ("call from a warm guest (blocking)", medians[3], "≤ 20 µs"),
    ] {
        line_over(name, median, direct, target);
    }
    host.shutdown().await;
}

/// A hundred calls of 100 ms each, at once.
pub(crate) async fn at_once() {
    let host = host(&[("calls", guests::POLICY_CALLS)], 1_000).await;
    let call = serde_json::json!({"server": "echo", "tool": "wait", "args": {"ms": 100}});
    let input = serde_json::json!({"mode": "at_once", "calls": vec![call; 100]}).to_string();
    let mut times = Vec::new();
    for _ in 0..crate::times(11) {
        times.push(timed(&host, "calls", &input).await);
    }
    line("100 calls of 100 ms at once", median(times), Some(Duration::from_millis(100)), "≤ 110 ms");
    host.shutdown().await;
}
