//! How many calls a server gets at once and in a time.

use crate::support::*;
use std::time::Duration;
use tollgate_core::CallError;
use tollgate_route::{Rate, RouteSpec, WAIT_MAX};

fn times(world: &World) -> Vec<Duration> {
    world.edit("crm", |server| server.seen.iter().map(|seen| seen.at).collect())
}

#[test]
fn calls_over_the_limit_wait_in_the_order_of_coming() {
    let world = World::new();
    world.add("crm", RouteSpec { at_once: 2, queue: 3, ..plain() });
    world.always("crm", says("well").after(secs(1)));
    let calls: Vec<_> = (0..5).map(|n| world.begin_call(ANN, "crm", "find", &n.to_string())).collect();
    world.settle();
    let status = &world.router.statuses()[0];
    assert_eq!((status.in_flight, status.queued), (2, 3));
    let answer = world.call("crm", "find");
    assert_eq!((answer.attempts, error(answer)), (0, CallError::Overloaded));
    for call in calls {
        assert_eq!(text(&world.finish(call)), "well");
    }
    let seen = world
        .edit("crm", |server| (server.running_max, server.seen.iter().map(|s| s.what.clone()).collect::<Vec<_>>()));
    assert_eq!(seen.0, 2);
    assert_eq!(seen.1, ["find 0", "find 1", "find 2", "find 3", "find 4"]);
    assert_eq!(world.now(), secs(3));
}

#[test]
fn who_has_no_place_in_time_is_told_which_key_allows_more() {
    let world = World::new();
    world.add("crm", RouteSpec { at_once: 1, ..plain() });
    world.always("crm", says("well").after(secs(100)));
    let first = world.begin_call(ANN, "crm", "find", "{}");
    world.settle();
    let answer = world.call("crm", "find");
    assert_eq!(world.now(), WAIT_MAX);
    assert_eq!(answer.attempts, 0);
    let CallError::TimedOut(why) = error(answer) else { panic!() };
    assert!(why.contains("`crm`") && why.contains("`max_in_flight`"), "{why}");
    assert_eq!(text(&world.finish(first)), "well");
}

#[test]
fn a_place_that_is_given_up_goes_to_the_next() {
    let world = World::new();
    world.add("crm", RouteSpec { at_once: 1, ..plain() });
    world.always("crm", says("well").after(secs(10)));
    let mut calls: Vec<_> = (0..4).map(|n| world.begin_call(ANN, "crm", "find", &n.to_string())).collect();
    world.advance(secs(1));
    drop(calls.remove(2));
    drop(calls.remove(0));
    for call in calls {
        assert_eq!(text(&world.finish(call)), "well");
    }
    assert_eq!(times(&world), [secs(0), secs(1), secs(11)]);
}

#[test]
fn a_domain_goes_on_when_its_best_server_is_full() {
    let world = World::new();
    world.add("crm", RouteSpec { at_once: 1, queue: 0, ..of("shop", 1) });
    world.add("spare", of("shop", 2));
    world.always("crm", says("well").after(secs(10)));
    let first = world.begin_call(ANN, "domain:shop", "pay", "{}");
    world.settle();
    let answer = world.call("domain:shop", "pay");
    assert_eq!((text(&answer), answer.attempts), ("pay {}", 1));
    assert_eq!(answer.tries[0].outcome.as_str(), "overloaded");
    drop(first);
}

#[test]
fn a_rate_spaces_calls_out_after_a_burst() {
    let world = World::new();
    let rate = Rate { calls: 2, per: secs(1), burst: 3 };
    world.add("crm", RouteSpec { rate: Some(rate), ..plain() });
    let calls: Vec<_> = (0..6).map(|n| world.begin_call(ANN, "crm", "find", &n.to_string())).collect();
    for call in calls {
        world.finish(call);
    }
    assert_eq!(times(&world), [0, 0, 0, 500, 1000, 1500].map(ms));
    world.advance(secs(60));
    for _ in 0..4 {
        world.call("crm", "find");
    }
    let last = times(&world)[6..].to_vec();
    assert_eq!(last, [61_500, 61_500, 61_500, 62_000].map(ms), "a pause saves up no more than a burst");
    let order: Vec<_> = world.edit("crm", |server| server.seen.iter().take(6).map(|s| s.what.clone()).collect());
    assert_eq!(order, ["find 0", "find 1", "find 2", "find 3", "find 4", "find 5"]);
}

#[test]
fn who_waits_for_the_rate_and_gives_up_takes_nothing() {
    let world = World::new();
    let rate = Rate { calls: 1, per: secs(1), burst: 1 };
    world.add("crm", RouteSpec { rate: Some(rate), queue: 3, ..plain() });
    world.call("crm", "find");
    let mut calls: Vec<_> = (0..3).map(|n| world.begin_call(ANN, "crm", "find", &n.to_string())).collect();
    world.advance(ms(100));
    assert_eq!(error(world.call("crm", "find")), CallError::Overloaded);
    drop(calls.remove(0));
    for call in calls {
        world.finish(call);
    }
    assert_eq!(times(&world), [secs(0), secs(1), secs(2)]);
    assert_eq!(world.router.statuses()[0].queued, 0);
}

#[test]
fn who_would_wait_too_long_for_the_rate_is_told_which_key_allows_more() {
    let world = World::new();
    let rate = Rate { calls: 1, per: secs(3600), burst: 1 };
    world.add("crm", RouteSpec { rate: Some(rate), ..plain() });
    world.call("crm", "find");
    let CallError::TimedOut(why) = error(world.call("crm", "find")) else { panic!() };
    assert!(why.contains("`crm`") && why.contains("`rate_limit`"), "{why}");
    assert_eq!(world.now(), WAIT_MAX);
}

#[test]
fn settings_that_make_no_sense_still_let_calls_through() {
    let world = World::new();
    for rate in [
        Rate { calls: 0, per: Duration::ZERO, burst: 0 },
        Rate { calls: u32::MAX, per: Duration::MAX, burst: u32::MAX },
        Rate { calls: 1, per: Duration::MAX, burst: 1 },
    ] {
        world.add("crm", RouteSpec { at_once: 0, queue: 0, rate: Some(rate), ..plain() });
        assert_eq!(text(&world.call("crm", "find")), "find {}");
    }
    world.add("crm", RouteSpec { at_once: u32::MAX, queue: u32::MAX, ..plain() });
    assert_eq!(text(&world.call("crm", "find")), "find {}");
}
