//! What is told of servers.

use crate::support::*;
use tollgate_core::{CallError, Health};
use tollgate_route::{BreakerStatus, ErrorClass, LatencyStatus};

#[test]
fn a_status_counts_what_happened() {
    let world = World::new();
    world.add("crm", plain());
    world.add("idle", plain());
    world.next("crm", (1..=98).map(|n| says("").after(ms(n))));
    world.next("crm", [fails(slow()).after(ms(99)), fails(CallError::AuthRequired(String::new())).after(ms(100))]);
    for _ in 0..100 {
        world.call("crm", "find");
    }
    let [crm, idle] = &world.router.statuses()[..] else { panic!() };
    assert_eq!((crm.server.as_str(), crm.health, crm.breaker), ("crm", Health::Ready, BreakerStatus::Closed));
    assert_eq!((crm.attempts, crm.in_flight, crm.queued, crm.retries), (100, 0, 0, 0));
    assert_eq!(
        crm.failures.iter().map(|(c, n)| (*c, *n)).collect::<Vec<_>>(),
        [(ErrorClass::Timeout, 1), (ErrorClass::Auth, 1)]
    );
    assert_eq!(crm.latency, LatencyStatus { p50_us: 50_000, p90_us: 90_000, p99_us: 99_000, max_us: 100_000 });
    assert_eq!((idle.attempts, idle.latency), (0, LatencyStatus::default()));
    let json = serde_json::to_value(crm).unwrap();
    assert_eq!(json["failures"], serde_json::json!({"timeout": 1, "auth": 1}));
    assert_eq!(json["breaker"], serde_json::json!({"state": "closed"}));
}

#[test]
fn latencies_are_of_the_last_attempts() {
    let world = World::new();
    world.add("crm", plain());
    world.next("crm", [says("").after(secs(9999))]);
    world.call("crm", "find");
    assert_eq!(world.router.statuses()[0].latency.max_us, u64::from(u32::MAX), "no time is too long");
    for _ in 0..1024 {
        world.call("crm", "find");
    }
    assert_eq!(world.router.statuses()[0].latency.max_us, 0);
}
