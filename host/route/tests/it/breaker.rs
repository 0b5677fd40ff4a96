//! When a server is left alone, and how it comes back.

use crate::support::*;
use tollgate_core::{CallError, Health, RpcError, ToolResult, Upstream as _};
use tollgate_route::{BreakerPolicy, BreakerStatus, RouteSpec};

fn breaking(failures: u32, probes: u32) -> RouteSpec {
    RouteSpec { breaker: Some(BreakerPolicy { failures, open_for: secs(30), probes }), ..plain() }
}

fn state(world: &World) -> BreakerStatus {
    world.router.statuses()[0].breaker
}

fn broken(world: &World, failures: usize) {
    world.next("crm", (0..failures).map(|_| fails(slow())));
    for _ in 0..failures {
        world.call("crm", "find");
    }
    assert!(matches!(state(world), BreakerStatus::Open { .. }));
}

#[test]
fn failures_in_a_row_open_it_and_it_says_so() {
    let world = World::new();
    world.add("crm", breaking(5, 1));
    broken(&world, 5);
    assert_eq!(state(&world), BreakerStatus::Open { for_ms: 30_000 });
    world.advance(ms(18_500));
    let answer = world.call("crm", "find");
    assert_eq!(answer.attempts, 0);
    let CallError::Unavailable(why) = error(answer) else { panic!() };
    assert_eq!(
        why,
        "`crm` is left alone for 12 s more: 5 calls failed in a row, the last: timed out: it did not answer"
    );
    assert_eq!(world.seen("crm"), 5);
    let info = &world.router.servers()[0];
    assert_eq!((info.health, info.error.as_deref()), (Health::Broken, Some(why.as_str())));
    world.health("crm", Health::Failed);
    assert_eq!(world.router.servers()[0].health, Health::Failed, "what the backend knows is worse");
}

#[test]
fn only_what_is_the_servers_fault_counts_and_anything_else_is_a_sign_of_life() {
    let world = World::new();
    world.add("crm", breaking(2, 1));
    let rejected = |code| CallError::Rejected(RpcError { code, message: String::new(), data: None });
    for fault in [slow(), lost(), rejected(-32603), CallError::InvalidResponse(String::new())] {
        for life in [
            Ok("well".to_owned()),
            Err(rejected(-32602)),
            Err(CallError::AuthRequired(String::new())),
            Err(CallError::RateLimited(None)),
            Err(CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true })),
        ] {
            world.next(
                "crm",
                [fails(fault.clone()), Step { result: life.clone(), ..says("") }, fails(fault.clone()), says("")],
            );
            for _ in 0..4 {
                world.call("crm", "find");
            }
            assert_eq!(state(&world), BreakerStatus::Closed, "{fault} {life:?}");
        }
    }
    // What did not come so far tells nothing.
    world.next(
        "crm",
        [fails(slow()), unsent(CallError::Overloaded), unsent(CallError::InvalidArguments(vec![])), fails(slow())],
    );
    for _ in 0..4 {
        world.call("crm", "find");
    }
    assert!(matches!(state(&world), BreakerStatus::Open { .. }));
}

#[test]
fn so_many_probes_go_through_and_all_must_succeed() {
    let world = World::new();
    world.add("crm", breaking(1, 2));
    broken(&world, 1);
    world.advance(secs(30));
    assert_eq!(state(&world), BreakerStatus::HalfOpen);
    assert_eq!(world.router.servers()[0].health, Health::Ready, "a probe is wanted");
    world.always("crm", says("back").after(secs(1)));
    let first = world.begin_call(ANN, "crm", "find", "1");
    let second = world.begin_call(ANN, "crm", "find", "2");
    world.settle();
    let CallError::Unavailable(why) = error(world.call("crm", "find")) else { panic!() };
    assert!(why.contains("`crm` was left alone and is being probed"), "{why}");
    assert_eq!(text(&world.finish(first)), "back");
    assert_eq!(text(&world.finish(second)), "back");
    assert_eq!(state(&world), BreakerStatus::Closed);
}

#[test]
fn a_probe_that_fails_opens_it_again_for_the_whole_time() {
    let world = World::new();
    world.add("crm", breaking(3, 2));
    broken(&world, 3);
    world.advance(secs(31));
    world.next("crm", [says("back"), fails(slow())]);
    assert_eq!(text(&world.call("crm", "find")), "back");
    assert_eq!(state(&world), BreakerStatus::HalfOpen);
    world.call("crm", "find");
    assert_eq!(state(&world), BreakerStatus::Open { for_ms: 30_000 });
    assert!(error(world.call("crm", "find")).to_string().contains("4 calls failed in a row"));
}

#[test]
fn a_probe_that_is_cancelled_gives_its_place_back() {
    let world = World::new();
    world.add("crm", breaking(1, 1));
    broken(&world, 1);
    world.advance(secs(30));
    world.next("crm", [says("never").after(secs(999))]);
    let probe = world.begin_call(ANN, "crm", "find", "{}");
    world.settle();
    assert_eq!(world.call("crm", "find").attempts, 0);
    drop(probe);
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    assert_eq!(state(&world), BreakerStatus::Closed);
}

#[test]
fn what_began_before_it_changed_has_no_say() {
    let world = World::new();
    world.add("crm", breaking(1, 1));
    world.next("crm", [says("late").after(secs(40)), fails(slow()).after(secs(50))]);
    let early = world.begin_call(ANN, "crm", "find", "1");
    let worse = world.begin_call(ANN, "crm", "find", "2");
    world.settle();
    broken(&world, 1);
    world.advance(secs(41));
    assert_eq!(text(&world.finish(early)), "late");
    assert_eq!(state(&world), BreakerStatus::HalfOpen, "an old success closes nothing");
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    world.finish(worse);
    assert_eq!(state(&world), BreakerStatus::Closed, "an old failure opens nothing");
}

#[test]
fn a_call_of_a_domain_passes_by_a_server_that_is_left_alone_and_comes_back_for_the_probe() {
    let world = World::new();
    let domains = vec!["shop".to_owned()];
    world.add("crm", RouteSpec { priority: 1, domains: domains.clone(), ..breaking(1, 1) });
    world.add("spare", RouteSpec { priority: 2, domains, ..plain() });
    let candidates = world.resolve("domain:shop", "pay").unwrap();
    assert_eq!(candidates.first().server, "crm");
    broken(&world, 1);
    assert_eq!(world.resolve("domain:shop", "pay").unwrap().first().server, "spare");
    let router = world.router.clone();
    let call =
        tollgate_core::Call { server: "domain:shop".into(), tool: "pay".into(), args: String::new(), meta: None };
    let answer = world.finish(world.begin(async move { router.call(&candidates, call, context(ANN)).await }));
    assert_eq!(text(&answer), "pay ");
    let tries: Vec<_> = answer.tries.iter().map(|t| (t.server.as_str(), t.outcome.as_str())).collect();
    assert_eq!((answer.attempts, tries), (1, vec![("crm", "unavailable"), ("spare", "ok")]));
    world.advance(secs(30));
    let answer = world.call("domain:shop", "find");
    assert_eq!(answer.tries[0].server, "crm");
    assert_eq!(state(&world), BreakerStatus::Closed);
}

#[test]
fn retries_end_when_their_server_is_left_alone_and_tell_what_it_did() {
    let world = World::new();
    let mut route = breaking(2, 1);
    route.retry.max_retries = 5;
    world.add("crm", route);
    world.always("crm", fails(slow()));
    let answer = world.call("crm", "find");
    assert_eq!(answer.attempts, 2);
    assert_eq!(error(answer), slow());
}

#[test]
fn new_settings_begin_anew() {
    let world = World::new();
    world.add("crm", breaking(1, 1));
    broken(&world, 1);
    world.route("crm", breaking(1, 1));
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    assert_eq!(world.router.statuses()[0].attempts, 1);
}
