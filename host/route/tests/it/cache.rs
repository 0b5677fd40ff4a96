//! What is answered from memory, and what is not.

use crate::support::*;
use tollgate_core::{CallError, Change, Health, Identity, ListKind, Principal, QueryKind, Tenant, ToolResult};
use tollgate_route::{CachePolicy, CacheSettings, RouteSpec, RouterSettings, ToolRoute};

fn keeping(secs_kept: u64) -> RouteSpec {
    let ttl = Some(secs(secs_kept));
    RouteSpec { cache: CachePolicy { tools: ttl, resources: ttl, prompts: ttl, lists: ttl }, ..plain() }
}

#[test]
fn a_read_is_made_once_until_its_time_is_over() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.next("crm", [says("one").after(secs(1)), says("two")]);
    let answer = world.call("crm", "find");
    assert_eq!((text(&answer), answer.cached, answer.attempts), ("one", false, 1));
    world.advance(ms(9_999));
    let answer = world.call("crm", "find");
    assert_eq!((text(&answer), answer.cached, answer.attempts, answer.tries.len()), ("one", true, 0, 0));
    world.advance(ms(1));
    assert_eq!(text(&world.call("crm", "find")), "two");
    let stats = world.router.cache_stats();
    assert_eq!((stats.hits, stats.misses, stats.expired, stats.entries), (1, 2, 1, 1));
    assert!((stats.hit_rate() - 1.0 / 3.0).abs() < 1e-9);
}

#[test]
fn equal_arguments_are_equal_in_any_spelling() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.call_as(ANN, "crm", "find", r#"{"a":1,"b":[{"x":1,"y":2}]}"#);
    assert!(world.call_as(ANN, "crm", "find", r#" { "b" : [{"y":2,"x":1}], "a":1 } "#).cached);
    assert!(!world.call_as(ANN, "crm", "find", r#"{"a":2,"b":[{"x":1,"y":2}]}"#).cached);
    world.call_as(ANN, "crm", "find", r#"{"_meta":{"baggage":"one"}}"#);
    let other = world.call_as(ANN, "crm", "find", r#"{"_meta":{"baggage":"two"}}"#);
    assert!(!other.cached, "a parameter may have any name");
    for unspellable in [r#"{"a":1,"a":2}"#, "not json"] {
        assert!(!world.call_as(ANN, "crm", "find", unspellable).cached);
        assert!(!world.call_as(ANN, "crm", "find", unspellable).cached);
    }
}

#[test]
fn only_reads_are_kept_and_only_where_the_configuration_says_so() {
    let world = World::new();
    world.add("crm", keeping(10));
    for tool in ["put", "pay"] {
        world.call("crm", tool);
        assert!(!world.call("crm", tool).cached, "{tool}");
    }
    world.add("other", plain());
    world.always("other", says("x").fresh(secs(99), true));
    world.call("other", "find");
    assert!(!world.call("other", "find").cached, "a server alone does not make a tool's answers lasting");
    let own = |cache| (String::from("find"), ToolRoute { cache: Some(cache), ..ToolRoute::default() });
    world.add("never", RouteSpec { tools: vec![own(None)], ..keeping(10) });
    world.add("zero", RouteSpec { tools: vec![own(Some(secs(0)))], ..keeping(10) });
    world.add("own", RouteSpec { tools: vec![own(Some(secs(3)))], ..plain() });
    for (server, cached) in [("never", false), ("zero", false), ("own", true)] {
        world.call(server, "find");
        assert_eq!(world.call(server, "find").cached, cached, "{server}");
    }
}

#[test]
fn equal_calls_with_an_effect_are_each_made_whatever_the_server_says_of_its_resources() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.always("crm", says("done").after(secs(1)).fresh(secs(100), true));
    world.read("crm", "a:1");
    for tool in ["pay", "put"] {
        let before = world.seen("crm");
        let calls: Vec<_> = (0..3).map(|_| world.begin_call(ANN, "crm", tool, "{}")).collect();
        for call in calls {
            let answer = world.finish(call);
            assert_eq!((answer.cached, answer.attempts), (false, 1));
        }
        assert_eq!(world.seen("crm") - before, 3);
    }
    world.route("crm", plain());
    world.read("crm", "a:1");
    assert!(world.read("crm", "a:1").cached);
    world.call("crm", "find");
    assert!(!world.call("crm", "find").cached, "nothing is configured for its tools");
}

#[test]
fn errors_and_failures_of_tools_are_never_kept() {
    let world = World::new();
    world.add("crm", keeping(10));
    let failed = CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true });
    for failure in [failed, slow(), CallError::InvalidResponse(String::new())] {
        world.next("crm", [fails(failure.clone())]);
        assert_eq!(error(world.call("crm", "find")), failure);
    }
    assert_eq!(world.router.cache_stats().entries, 0);
    assert!(!world.call("crm", "find").cached);
}

#[test]
fn tenants_share_nothing_and_principals_only_what_the_server_lets_them() {
    let world = World::new();
    world.add("crm", keeping(10));
    let other = Who { tenant: "u", ..ANN };
    world.read("crm", "a:1");
    assert!(world.read("crm", "a:1").cached);
    for who in [BOB, other] {
        assert!(!world.query_as(who, "crm", QueryKind::ReadResource, "a:1").cached);
    }
    world.next("crm", [says("all").fresh(secs(10), true)]);
    world.read("crm", "a:2");
    let read = |who| world.query_as(who, "crm", QueryKind::ReadResource, "a:2").cached;
    assert_eq!((read(ANN), read(BOB), read(other)), (true, true, false));
}

#[test]
fn what_the_server_says_goes_before_the_configuration() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.next("crm", [says("x").fresh(secs(0), false)]);
    world.read("crm", "a:1");
    assert!(!world.read("crm", "a:1").cached, "zero is not at all");
    world.add("plain", plain());
    world.next("plain", [says("x").fresh(secs(100), false)]);
    world.read("plain", "a:1");
    world.advance(secs(99));
    assert!(world.read("plain", "a:1").cached, "it is kept though nothing is configured");
    world.advance(secs(1));
    assert!(!world.read("plain", "a:1").cached);
    let never = Some(secs(0));
    world.add(
        "never",
        RouteSpec { cache: CachePolicy { tools: never, resources: never, prompts: never, lists: never }, ..plain() },
    );
    world.always("never", says("x").fresh(secs(100), true));
    for _ in 0..2 {
        assert!(!world.read("never", "a:1").cached, "a configuration of zero goes before what the server says");
        world.list_of("never", ListKind::Prompts).unwrap();
    }
    assert_eq!(world.seen("never"), 4);
    for kind in [QueryKind::CompletePrompt, QueryKind::CompleteResource, QueryKind::Subscribe, QueryKind::Unsubscribe] {
        world.always("crm", says("x").fresh(secs(100), true));
        world.query_as(ANN, "crm", kind, "a:1");
        assert!(!world.query_as(ANN, "crm", kind, "a:1").cached, "{kind}");
    }
    assert!(!world.query_as(ANN, "crm", QueryKind::GetPrompt, "a:1").cached);
    assert!(world.query_as(ANN, "crm", QueryKind::GetPrompt, "a:1").cached);
}

#[test]
fn equal_requests_under_way_are_made_once() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.always("crm", says("well").after(secs(1)));
    let calls: Vec<_> = (0..5).map(|_| world.begin_call(ANN, "crm", "find", "{}")).collect();
    let other = world.begin_call(BOB, "crm", "find", "{}");
    world.advance(ms(500));
    assert_eq!(world.seen("crm"), 2, "one for each principal");
    let answers: Vec<_> = calls.into_iter().map(|call| world.finish(call)).collect();
    assert!(answers.iter().all(|answer| text(answer) == "well"));
    assert_eq!(answers.iter().filter(|answer| answer.cached && answer.attempts == 0).count(), 4);
    world.finish(other);
    let stats = world.router.cache_stats();
    assert_eq!((stats.hits, stats.shared, stats.misses), (0, 4, 2));
}

#[test]
fn what_somebody_was_asked_for_is_nobody_elses() {
    let world = World::new();
    world.add("crm", keeping(10));
    let chosen = |what| says(what).after(secs(1)).fresh(secs(10), true).personal();
    world.next("crm", [chosen("red"), chosen("blue"), chosen("green")]);
    let calls: Vec<_> = (0..2).map(|_| world.begin_call(ANN, "crm", "find", "{}")).collect();
    let answers: Vec<_> = calls.into_iter().map(|call| world.finish(call)).collect();
    assert_eq!((text(&answers[0]), text(&answers[1])), ("red", "blue"), "who followed was asked, too");
    assert_eq!(text(&world.call("crm", "find")), "green");
    assert_eq!(world.router.cache_stats().entries, 0);
    world.next("crm", [chosen("one"), chosen("two")]);
    for want in ["one", "two"] {
        assert_eq!(text(&world.query_as(ANN, "crm", QueryKind::GetPrompt, "p")), want);
    }
}

#[test]
fn when_the_leader_is_dropped_one_of_the_others_leads() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.always("crm", says("well").after(secs(1)));
    let mut calls: Vec<_> = (0..4).map(|_| world.begin_call(ANN, "crm", "find", "{}")).collect();
    world.advance(ms(500));
    drop(calls.remove(0));
    world.settle();
    assert_eq!((world.seen("crm"), world.edit("crm", |server| server.dropped)), (2, 1));
    for call in calls {
        assert_eq!(text(&world.finish(call)), "well");
    }
    assert_eq!(world.seen("crm"), 2);
}

#[test]
fn a_leaders_error_is_everybodys_unless_it_is_its_own() {
    let world = World::new();
    let mut route = keeping(10);
    (route.retry.max_retries, route.retry.jitter) = (1, false);
    world.add("crm", route);
    world.next("crm", [fails(slow()).after(secs(1)), fails(slow()).after(secs(1))]);
    let calls: Vec<_> = (0..3).map(|_| world.begin_call(ANN, "crm", "find", "{}")).collect();
    let attempts: Vec<_> = calls.into_iter().map(|call| world.finish(call)).map(|a| (a.attempts, error(a))).collect();
    assert_eq!(attempts, [(2, slow()), (0, slow()), (0, slow())], "the leader tries again for all");
    assert_eq!(world.seen("crm"), 2);
    world.next("crm", [fails(CallError::Cancelled).after(secs(1)), says("well").after(secs(1))]);
    let calls: Vec<_> = (0..3).map(|_| world.begin_call(ANN, "crm", "find", "{}")).collect();
    let answers: Vec<_> = calls.into_iter().map(|call| world.finish(call)).collect();
    assert_eq!(answers[0].result, Err(CallError::Cancelled));
    assert_eq!((text(&answers[1]), text(&answers[2])), ("well", "well"));
    assert_eq!(world.seen("crm"), 4);
}

#[test]
fn who_follows_goes_on_to_the_next_server_as_the_leader_does() {
    let world = World::new();
    for (name, priority) in [("a", 1), ("b", 2)] {
        world.add(name, RouteSpec { priority, domains: vec!["shop".to_owned()], ..keeping(10) });
    }
    world.always("a", fails(slow()).after(secs(5)));
    world.always("b", says("well").after(secs(5)));
    let calls: Vec<_> = (0..10).map(|_| world.begin_call(ANN, "domain:shop", "find", "{}")).collect();
    for call in calls {
        assert_eq!(text(&world.finish(call)), "well");
    }
    assert_eq!((world.now(), world.seen("a"), world.seen("b")), (secs(10), 1, 1));
    let answer = world.call("domain:shop", "find");
    assert_eq!((answer.cached, answer.attempts, answer.tries.len()), (true, 1, 1), "the best server is asked first");
}

#[test]
fn two_that_ask_the_same_servers_in_turn_do_not_wait_for_each_other() {
    let world = World::new();
    for name in ["a", "b"] {
        let mut route = RouteSpec { domains: vec!["shop".to_owned()], ..keeping(10) };
        (route.retry.max_retries, route.retry.jitter) = (1, false);
        world.add(name, route);
        world.next(name, [fails(slow()).after(secs(1)), fails(slow()).after(secs(1))]);
        world.always(name, says("well").after(secs(1)));
    }
    let first = world.begin_call(ANN, "domain:shop", "find", "{}");
    world.settle();
    world.health("a", Health::Connecting);
    let second = world.begin_call(ANN, "domain:shop", "find", "{}");
    world.settle();
    // From here on neither follows the other to its first server.
    world.router.invalidate(None);
    for call in [first, second] {
        assert_eq!(text(&world.finish(call)), "well");
    }
    assert_eq!((world.seen("a"), world.seen("b")), (3, 3), "who leads to one server follows to none");
}

#[test]
fn a_call_below_another_does_not_wait_for_the_one_that_it_stands_below() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.next("crm", [says("above").after(secs(1)), says("below")]);
    let above = world.begin_call(ANN, "crm", "find", "{}");
    world.settle();
    let below = world.begin_call(Who { depth: 2, ..ANN }, "crm", "find", "{}");
    world.settle();
    assert_eq!(text(&world.finish(below)), "below");
    assert_eq!(world.now(), secs(0));
    world.finish(above);
}

#[test]
fn what_was_asked_before_something_was_dropped_is_not_kept() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.next("crm", [says("old").after(secs(1)), says("new")]);
    let early = world.begin_call(ANN, "crm", "find", "{}");
    world.settle();
    world.router.invalidate(Some("crm"));
    assert_eq!(text(&world.call("crm", "find")), "new", "nobody follows it either");
    assert_eq!(text(&world.finish(early)), "old");
    assert_eq!(text(&world.call("crm", "find")), "new");
}

#[test]
fn one_server_that_changes_all_the_time_takes_the_cache_from_no_other() {
    let world = World::new();
    for name in ["crm", "restless"] {
        world.add(name, keeping(10));
        world.always(name, says("well").after(secs(1)));
    }
    let begin = |server| world.begin_call(ANN, server, "find", "{}");
    let mut calls = vec![begin("crm"), begin("restless")];
    world.settle();
    world.router.changed(&Change::Resources { server: "restless".to_owned() });
    calls.push(begin("crm"));
    for call in calls {
        assert_eq!(text(&world.finish(call)), "well");
    }
    assert_eq!(world.seen("crm"), 1, "who comes later follows");
    assert!(world.call("crm", "find").cached);
    assert!(!world.call("restless", "find").cached, "its answer may be older than the change");
}

#[test]
fn one_server_or_all_are_dropped_and_the_outdated_are_cleaned_up() {
    let world = World::new();
    for (name, ttl) in [("a", 10), ("b", 20)] {
        world.add(name, keeping(ttl));
    }
    let fill = || {
        for name in ["a", "b"] {
            world.call(name, "find");
            world.read(name, "a:1");
        }
    };
    fill();
    assert_eq!(world.router.cache_stats().entries, 4);
    assert!(world.router.cache_stats().bytes > 0);
    assert_eq!(world.router.invalidate(Some("a")), 2);
    assert!(world.call("b", "find").cached);
    fill();
    world.advance(secs(10));
    assert_eq!((world.router.cleanup(), world.router.cleanup()), (2, 0));
    assert_eq!(world.router.invalidate(None), 2);
    let stats = world.router.cache_stats();
    assert_eq!((stats.entries, stats.bytes, stats.expired), (0, 0, 2));
}

#[test]
fn a_server_that_is_another_now_answers_for_itself() {
    let world = World::new();
    world.add("crm", keeping(10));
    world.call("crm", "find");
    world.add("crm", keeping(10));
    assert!(!world.call("crm", "find").cached);
    world.remove("crm");
    world.router.statuses();
    assert_eq!(world.router.cache_stats().entries, 0);
    world.add("crm", keeping(10));
    world.next("crm", [says("of the old").after(secs(1))]);
    let early = world.begin_call(ANN, "crm", "find", "{}");
    world.settle();
    world.add("crm", keeping(10));
    assert_eq!(text(&world.call("crm", "find")), "find {}");
    assert_eq!(world.router.cache_stats().entries, 1);
    drop(early);
}

#[test]
fn changes_drop_what_they_make_old() {
    let world = World::new();
    world.add("crm", keeping(1000));
    let fill = || {
        world.call("crm", "find");
        world.read("crm", "a:1");
        world.read("crm", "b:1");
        world.query_as(ANN, "crm", QueryKind::GetPrompt, "p");
        for kind in [ListKind::Resources, ListKind::ResourceTemplates, ListKind::Prompts] {
            world.list_of("crm", kind).unwrap();
        }
        world.router.cache_stats().entries
    };
    let of = |server: &str, uri: &str| Change::Resource { server: server.to_owned(), uri: uri.to_owned() };
    for (change, left) in [
        (Change::Tools, 7),
        (Change::Prompts { server: "crm".to_owned() }, 5),
        (Change::Prompts { server: "other".to_owned() }, 7),
        (Change::Resources { server: "crm".to_owned() }, 3),
        (Change::Resources { server: "other".to_owned() }, 7),
        (of("crm", "a:1"), 6),
        (of("crm", "a:1/part"), 6),
        (of("other", "a:1"), 7),
        (of("crm", "c:1"), 7),
    ] {
        assert_eq!(fill(), 7);
        world.router.changed(&change);
        assert_eq!(world.router.cache_stats().entries, left, "{change:?}");
    }
}

#[test]
fn entries_and_bytes_are_bounded_and_what_is_asked_for_again_stays() {
    for entries in [1, 2, 3, 50, 200] {
        let cache = CacheSettings { entries, bytes: 1 << 20 };
        let world = World::with(RouterSettings { cache });
        world.add("crm", keeping(1000));
        for n in 0..3 * entries {
            world.call_as(ANN, "crm", "find", &n.to_string());
            world.call_as(ANN, "crm", "find", "\"often\"");
        }
        let stats = world.router.cache_stats();
        assert!(stats.entries <= entries as u64 && stats.entries > 0, "{entries}: {stats:?}");
        assert!(stats.evictions > 0);
        if entries > 10 {
            assert_eq!(stats.entries, entries as u64);
            assert!(world.call_as(ANN, "crm", "find", "\"often\"").cached);
        }
    }
    let world = World::with(RouterSettings { cache: CacheSettings { entries: 10_000, bytes: 100_000 } });
    world.add("crm", keeping(1000));
    for n in 0..500 {
        world.next("crm", [says(&"x".repeat(n * 50))]);
        world.call_as(ANN, "crm", "find", &n.to_string());
        assert!(world.router.cache_stats().bytes <= 100_000);
    }
    let stats = world.router.cache_stats();
    assert!(stats.bytes > 50_000 && stats.entries > 3, "{stats:?}");
}

#[test]
fn what_is_too_large_and_where_nothing_is_to_be_kept_is_not() {
    let world = World::with(RouterSettings { cache: CacheSettings { entries: 100, bytes: 80_000 } });
    world.add("crm", keeping(1000));
    for (bytes, cached) in [(9_000, true), (10_001, false)] {
        world.next("crm", [says(&"x".repeat(bytes))]);
        let args = bytes.to_string();
        world.call_as(ANN, "crm", "find", &args);
        assert_eq!(world.call_as(ANN, "crm", "find", &args).cached, cached, "{bytes}");
    }
    for cache in [CacheSettings { entries: 0, bytes: 1 << 20 }, CacheSettings { entries: 100, bytes: 0 }] {
        let world = World::with(RouterSettings { cache });
        world.add("crm", keeping(1000));
        world.call("crm", "find");
        assert!(!world.call("crm", "find").cached);
        assert_eq!(world.router.cache_stats().entries, 0);
    }
    let world = World::with(RouterSettings { cache: CacheSettings { entries: usize::MAX, bytes: u64::MAX } });
    world.add("crm", keeping(u64::MAX));
    world.call("crm", "find");
    assert!(world.call("crm", "find").cached, "no limit is too high");
}

#[test]
fn somebody_forgets_what_is_his_own_and_what_others_ask_for_is_kept() {
    let world = World::new();
    for name in ["a", "b"] {
        world.add(name, keeping(10));
    }
    let fill = || {
        for who in [ANN, BOB] {
            world.call_as(who, "a", "find", "{}");
            world.call_as(who, "b", "find", "{}");
        }
    };
    let identity = |who: Who| Identity { principal: Principal::new(who.principal), tenant: Tenant::new(who.tenant) };
    fill();
    assert_eq!(world.router.cache_stats().entries, 4);
    assert_eq!(world.router.forget(&identity(ANN), Some("a"), false), 1);
    assert_eq!(world.router.forget(&identity(ANN), None, false), 1);
    assert_eq!(world.router.forget(&identity(ANN), None, false), 0);
    assert!(world.call_as(BOB, "a", "find", "{}").cached && !world.call_as(ANN, "a", "find", "{}").cached);
    // An answer for all of the tenant is nobody's own.
    world.always("a", says("x").fresh(secs(99), true));
    world.read("a", "a:1");
    let entries = world.router.cache_stats().entries;
    world.router.forget(&identity(ANN), None, false);
    world.router.forget(&identity(BOB), None, false);
    assert!(world.router.cache_stats().entries < entries && world.router.cache_stats().entries > 0);
}
