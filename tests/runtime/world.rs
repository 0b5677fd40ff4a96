//! The world that a guest sees through WASI is empty: nothing of the machine is in it.

use crate::runtime::support::{Tools, guest, output, runtime_at};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate_core::{Limits, ManualClock};
use tollgate_runtime::RunSetup;

/// What the probe saw, at a moment far from the epoch that stands still.
async fn probe(seed: u64) -> Value {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
    clock.advance(Duration::from_secs(1_000));
    let runtime = runtime_at(clock);
    let program = runtime.prepare(guest("policy_world_probe")).await.unwrap();
    let setup = RunSetup::new(Tools::new(), Limits::default(), seed);
    output(runtime.run_policy(&program, "null", setup, std::future::pending()).await)
}

#[tokio::test]
async fn nothing_of_the_machine_is_reachable() {
    let seen = probe(1).await;
    for empty in ["environment", "arguments", "preopens"] {
        assert_eq!(seen[empty], json!([]), "{empty}");
    }
    assert_eq!(seen["initial_cwd"], Value::Null);
    assert_eq!(seen["stdin"], r#"ok: """#);
    assert_eq!(seen["terminals"], json!([false, false, false]));
    for attempt in [
        "list_cwd",
        "list_root",
        "read_file",
        "write_file",
        "tcp_connect",
        "tcp_listen",
        "udp_bind",
        "look_up",
        "raw_tcp_bind",
        "raw_tcp_connect",
        "raw_udp_bind",
        "raw_look_up",
    ] {
        let gave = seen[attempt].as_str().unwrap();
        assert!(gave.starts_with("error: "), "{attempt}: {gave}");
    }
    for network in ["raw_tcp_connect", "raw_tcp_bind", "raw_udp_bind"] {
        let gave = seen[network].as_str().unwrap();
        assert!(gave.contains("access-denied"), "{network} was refused for another reason: {gave}");
    }
}

#[tokio::test]
async fn time_begins_with_the_run_and_is_coarse() {
    let seen = probe(1).await;
    assert_eq!(seen["wall_clock_ms"], 0);
    assert_eq!(seen["monotonic_ns"], 1_000_000, "one tick: some take zero for no clock");
    assert_eq!(seen["elapsed_ns"], 0);
    assert_eq!(seen["monotonic_resolution_ns"], 1_000_000);
}

#[tokio::test]
async fn chance_comes_from_the_seed_and_from_nowhere_else() {
    let (first, again, other) = (probe(1).await, probe(1).await, probe(2).await);
    assert_eq!(first, again, "equal seeds, equal worlds");
    for source in ["random", "insecure_random", "insecure_seed"] {
        assert_ne!(first[source], other[source], "{source}");
    }
    assert_ne!(first["random"], first["insecure_random"]);
}
