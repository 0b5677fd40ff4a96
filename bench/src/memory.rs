//! Runs that are suspended in a call.

use crate::runs::host;
use std::time::{Duration, Instant};
use tollgate::{LimitKind, RunRequest, Status};
use tollgate_test_guests as guests;

const RUNS: usize = 5_000;

/// Suspends many runs at once, and looks at what the process holds.
pub(crate) async fn suspended() {
    let host = host(&[("calls", guests::POLICY_CALLS)], RUNS as u32 + 10).await;
    let input =
        |ms: u64| format!(r#"{{"mode":"sequence","calls":[{{"server":"echo","tool":"wait","args":{{"ms":{ms}}}}}]}}"#);
    let request = |ms| RunRequest::named("calls").input(input(ms)).limit(LimitKind::Timeout, 120_000);
    host.run(request(1)).await.unwrap();

    let before = resident_bytes(std::process::id());
    let start = Instant::now();
    let runs: Vec<_> = (0..crate::times(RUNS))
        .map(|_| {
            let (host, request) = (host.clone(), request(8_000));
            tokio::spawn(async move { host.run(request).await.unwrap() })
        })
        .collect();
    // By now all have made their call, and none has its answer.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let each = resident_bytes(std::process::id()).saturating_sub(before) / crate::times(RUNS) as u64;
    let mut ended_well = 0;
    for run in runs {
        let report = run.await.unwrap();
        ended_well += usize::from(report.status == Status::Ok);
    }
    println!(
        "{:<48} {:>12} {:>12} {:>8}  ≤ 120 kB; {ended_well} of {} ended well, in {:.1} s",
        "memory of a suspended run",
        format!("{:.1} kB", each as f64 / 1e3),
        "-",
        "-",
        crate::times(RUNS),
        start.elapsed().as_secs_f64(),
    );
    host.shutdown().await;
}

/// What a process has for itself (proc(5), `smaps_rollup`): what instances share of their images counts once.
pub(crate) fn private_bytes(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("this measurement needs Linux");
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("Private_")).map(kib).sum::<u64>() * 1024
}

/// The resident set of a process (proc(5), `statm`, in pages).
pub(crate) fn resident_bytes(process: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("this measurement needs Linux");
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
