//! When a call is tried again, and when it no longer is.

use crate::support::*;
use std::time::Duration;
use tollgate_core::{CallError, EffectClass, Outcome, QueryKind, ToolResult};
use tollgate_route::{ErrorClass, RetryPolicy, RouteSpec, ToolRoute};

fn retrying(retry: RetryPolicy) -> RouteSpec {
    RouteSpec { retry, breaker: None, ..RouteSpec::default() }
}

fn times(world: &World) -> Vec<Duration> {
    world.edit("crm", |server| server.seen.iter().map(|seen| seen.at).collect())
}

#[test]
fn delays_grow_by_the_factor_up_to_the_highest() {
    let world = World::new();
    let policy = RetryPolicy { max_retries: 5, jitter: false, max_delay: secs(1), ..RetryPolicy::default() };
    world.add("crm", retrying(policy));
    world.always("crm", fails(slow()));
    let answer = world.call("crm", "find");
    assert_eq!((answer.attempts, answer.tries.len()), (6, 6));
    assert_eq!(error(answer), slow());
    assert_eq!(times(&world), [0, 200, 600, 1400, 2400, 3400].map(ms));
}

#[test]
fn jitter_waits_a_part_and_equal_seeds_wait_equally() {
    let run = || {
        let world = World::new();
        world.add("crm", retrying(RetryPolicy { max_retries: 8, ..RetryPolicy::default() }));
        world.always("crm", fails(slow()));
        world.call("crm", "find");
        times(&world)
    };
    let seen = run();
    let gaps: Vec<_> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps.len(), 8);
    for (at, gap) in gaps.iter().enumerate() {
        assert!(*gap <= ms(200 << at).min(secs(10)), "{gaps:?}");
    }
    assert!(gaps.windows(2).any(|pair| pair[1] < pair[0]), "{gaps:?}");
    assert_eq!(run(), seen);
}

#[test]
fn a_call_that_goes_well_at_last_tells_its_tries() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy::default()));
    world.next("crm", [fails(slow()).after(secs(3)), says("well")]);
    let answer = world.call("crm", "put");
    assert_eq!((text(&answer), answer.attempts), ("well", 2));
    let tries: Vec<_> = answer.tries.iter().map(|t| (t.outcome, t.elapsed_ms, t.message.is_some())).collect();
    assert_eq!(tries, [(Outcome::TimedOut, 3000, true), (Outcome::Ok, 0, false)]);
    assert!(world.call("crm", "put").tries.is_empty(), "one attempt of a server that was named is nothing to tell");
}

#[test]
fn only_what_may_be_repeated_is_repeated_once_it_was_sent() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy::default()));
    world.next("crm", [fails(lost())]);
    assert_eq!(error(world.call("crm", "pay")), lost());
    assert_eq!(world.seen("crm"), 1);
    world.next("crm", [unsent(away()), unsent(lost())]);
    let answer = world.call("crm", "pay");
    assert_eq!((text(&answer), answer.attempts), ("pay {}", 1), "what was not sent may always be");
    assert_eq!(world.seen("crm"), 4);
    world.always("crm", fails(lost()));
    let answer = world.call("crm", "find");
    assert_eq!(error(answer), CallError::Unavailable("the connection was lost".to_owned()), "a read has no outcome");
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept_and_one_too_long_ends_the_call() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy::default()));
    world.next("crm", [fails(CallError::RateLimited(Some(7_000)))]);
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    assert_eq!(times(&world), [secs(0), secs(7)]);
    world.next("crm", [fails(CallError::RateLimited(Some(10_001)))]);
    assert_eq!(error(world.call("crm", "find")), CallError::RateLimited(Some(10_001)));
    assert_eq!(world.now(), secs(7), "it ends at once");
    world.next("crm", [fails(CallError::RateLimited(Some(u64::MAX)))]);
    assert_eq!(error(world.call("crm", "find")), CallError::RateLimited(Some(u64::MAX)));
}

#[test]
fn only_the_listed_classes_are_tried_again() {
    let world = World::new();
    let failed = CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true });
    let policy = RetryPolicy { on: vec![ErrorClass::ToolError], ..RetryPolicy::default() };
    world.add("crm", retrying(policy));
    world.next("crm", [fails(slow())]);
    assert_eq!(error(world.call("crm", "find")), slow());
    world.next("crm", [fails(failed.clone())]);
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    world.next("crm", [fails(failed.clone())]);
    assert_eq!(error(world.call("crm", "pay")), failed, "it may have had its effect");
    world.route("crm", retrying(RetryPolicy::default()));
    world.next("crm", [fails(failed.clone())]);
    assert_eq!(error(world.call("crm", "find")), failed);
}

#[test]
fn a_tool_has_a_policy_of_its_own() {
    let world = World::new();
    let never =
        ToolRoute { retry: Some(RetryPolicy { max_retries: 0, ..RetryPolicy::default() }), ..ToolRoute::default() };
    let safe = ToolRoute { effect: Some(EffectClass::Idempotent), ..ToolRoute::default() };
    let tools = vec![("find".to_owned(), never), ("p?y".to_owned(), safe)];
    world.add("crm", RouteSpec { tools, ..retrying(RetryPolicy::default()) });
    world.next("crm", [fails(slow())]);
    assert_eq!(error(world.call("crm", "find")), slow());
    world.next("crm", [fails(slow())]);
    assert_eq!(text(&world.call("crm", "pay")), "pay {}");
}

#[test]
fn a_host_that_is_full_is_not_asked_again() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy { on: ErrorClass::ALL.to_vec(), ..RetryPolicy::default() }));
    for own in [CallError::Overloaded, CallError::Cancelled, CallError::Denied("no".to_owned())] {
        world.next("crm", [unsent(own.clone())]);
        assert_eq!(error(world.call("crm", "find")), own);
    }
    assert_eq!(world.seen("crm"), 3);
}

#[test]
fn a_storm_of_retries_dies_out() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy { max_retries: 3, ..RetryPolicy::default() }));
    world.always("crm", fails(slow()));
    for _ in 0..100 {
        world.call("crm", "find");
    }
    let retries = world.seen("crm") - 100;
    assert!((25..=30).contains(&retries), "ten, and one for each five calls: {retries}");
    let status = &world.router.statuses()[0];
    assert!(status.retry_budget < 1.0);
    assert_eq!((status.attempts, status.retries), (100 + retries as u64, retries as u64));
    world.always("crm", says("well"));
    for _ in 0..50 {
        world.call("crm", "find");
    }
    assert!(world.router.statuses()[0].retry_budget >= 10.0, "good times fill it again");
}

#[test]
fn a_repeated_attempt_waits_for_a_connection_that_was_lost() {
    let world = World::new();
    let policy = RetryPolicy { jitter: false, ..RetryPolicy::default() };
    world.add("crm", retrying(policy));
    world.ready("crm", [Some(ms(1500))]);
    world.next("crm", [fails(lost())]);
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    assert_eq!(times(&world), [ms(0), ms(1700)]);
    world.ready("crm", [None, None]);
    world.next("crm", [fails(lost())]);
    let answer = world.call("crm", "find");
    assert_eq!((answer.attempts, answer.tries.len()), (1, 0), "a server that does not come back is not called");
    assert_eq!(error(answer), away());
    assert_eq!(world.edit("crm", |server| server.waited_ready), 3);
    world.next("crm", [fails(slow())]);
    world.call("crm", "find");
    assert_eq!(world.edit("crm", |server| server.waited_ready), 3, "only for a connection");
}

#[test]
fn queries_are_tried_again_as_reads_are() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy::default()));
    for kind in [QueryKind::ReadResource, QueryKind::GetPrompt, QueryKind::CompletePrompt, QueryKind::Subscribe] {
        world.next("crm", [fails(lost())]);
        let answer = world.query_as(ANN, "crm", kind, "a:b");
        assert_eq!((text(&answer), answer.attempts), (format!("{kind} a:b").as_str(), 2));
    }
    let answer = world.query_as(ANN, "nobody", QueryKind::ReadResource, "a:b");
    assert!(error(answer).to_string().contains("near names"));
}

#[test]
fn fuel_of_all_attempts_is_charged() {
    let world = World::new();
    world.add("crm", retrying(RetryPolicy::default()));
    let burns = |fuel_used, step: Step| Step { fuel_used, ..step };
    world.next("crm", [burns(300, fails(slow())), burns(500, says("well"))]);
    let answer = world.call("crm", "find");
    assert_eq!(answer.fuel_used, 800);
}

#[test]
fn a_cancelled_call_leaves_nothing_behind() {
    let world = World::new();
    world.add(
        "crm",
        RouteSpec { at_once: 1, queue: 1, ..retrying(RetryPolicy { jitter: false, ..RetryPolicy::default() }) },
    );
    world.always("crm", fails(slow()).after(secs(1)));
    let sending = world.begin_call(ANN, "crm", "find", "{}");
    world.advance(ms(500));
    let queued = world.begin_call(ANN, "crm", "find", "{}");
    world.settle();
    assert_eq!((world.router.statuses()[0].in_flight, world.router.statuses()[0].queued), (1, 1));
    drop(queued);
    world.settle();
    assert_eq!(world.router.statuses()[0].queued, 0);
    drop(sending);
    world.settle();
    assert_eq!(world.router.statuses()[0].in_flight, 0);
    assert_eq!(world.edit("crm", |server| (server.running, server.dropped)), (0, 1));
    let waiting = world.begin_call(ANN, "crm", "find", "{}");
    world.advance(ms(1100));
    drop(waiting);
    world.always("crm", says("well"));
    world.advance(secs(60));
    assert_eq!(world.seen("crm"), 2, "no attempt comes after it");
    assert_eq!(text(&world.call("crm", "find")), "well");
}
