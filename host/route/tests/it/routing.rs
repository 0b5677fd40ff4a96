//! Which servers a call goes to, and where it goes on.

use crate::support::*;
use tollgate_core::{CallError, EffectClass, Health, Outcome, RpcError, ToolResult, Upstream as _};
use tollgate_route::{ErrorClass, RouteSpec, ToolRoute};

fn servers(world: &World, name: &str, tool: &str) -> Vec<String> {
    world.resolve(name, tool).unwrap().iter().map(|tool| tool.server.clone()).collect()
}

#[test]
fn the_servers_of_a_domain_come_by_health_then_priority_then_name() {
    let world = World::new();
    for (name, priority, health) in [
        ("late", 1, Health::Connecting),
        ("idle", 1, Health::Idle),
        ("down", 1, Health::Failed),
        ("b", 10, Health::Ready),
        ("a", 10, Health::Ready),
        ("first", 9, Health::Ready),
    ] {
        world.add(name, of("shop", priority));
        world.health(name, health);
    }
    world.add("other", of("else", 1));
    assert_eq!(servers(&world, "domain:shop", "find"), ["first", "a", "b", "idle", "late", "down"]);
    assert_eq!(servers(&world, "first", "find"), ["first"]);
}

#[test]
fn nobody_waits_for_a_connecting_server_when_a_ready_one_has_the_tool() {
    let world = World::new();
    world.add("late", of("shop", 1));
    world.health("late", Health::Connecting);
    world.resolves("late", secs(20), None);
    world.add("here", of("shop", 2));
    assert_eq!(servers(&world, "domain:shop", "find"), ["here"]);
    assert_eq!(world.now(), secs(0));
    world.has_tools("here", vec![tool("here", "other", EffectClass::Read)]);
    assert_eq!(servers(&world, "domain:shop", "find"), ["late"], "the one that is ready does not have it");
    assert_eq!(world.now(), secs(20));
    assert_eq!(servers(&world, "domain:shop", "other"), ["here"]);
    assert_eq!(world.now(), secs(20));
}

#[test]
fn a_server_that_starts_is_waited_for_where_its_priority_is_better() {
    let world = World::new();
    world.add("b", of("shop", 2));
    for (name, priority, tool_is_there, want, waited) in [
        ("better", 1, true, &["better", "b"][..], 5),
        ("better", 1, false, &["b"], 5),
        ("equal", 2, true, &["b"], 0),
        ("worse", 3, true, &["b"], 0),
    ] {
        world.add(name, of("shop", priority));
        world.health(name, Health::Connecting);
        world.edit(name, |server| server.is_starting = true);
        world.resolves(name, secs(5), (!tool_is_there).then(|| CallError::UnknownTool(vec![])));
        let before = world.now();
        assert_eq!(servers(&world, "domain:shop", "find"), want, "{name}");
        assert_eq!(world.now() - before, secs(waited), "{name}");
        world.route(name, of("else", 1));
    }
}

#[test]
fn of_several_that_connect_the_first_that_has_the_tool_is_enough() {
    let world = World::new();
    for (name, after, health) in
        [("slow", 20, Health::Connecting), ("quick", 3, Health::Idle), ("gone", 0, Health::Failed)]
    {
        world.add(name, of("shop", 1));
        world.health(name, health);
        world.resolves(name, secs(after), None);
    }
    assert_eq!(servers(&world, "domain:shop", "find"), ["quick", "gone"]);
    assert_eq!(world.now(), secs(3));
}

#[test]
fn a_domain_that_no_server_has_is_unknown_with_near_names() {
    let world = World::new();
    world.add("crm", of("products", 1));
    assert_eq!(
        world.resolve("domain:product", "find").unwrap_err(),
        CallError::UnknownTool(vec!["domain:products:*".to_owned()])
    );
    let nothing_near = world.resolve("domain:zzz", "find").unwrap_err();
    assert_eq!(nothing_near, CallError::UnknownTool(vec!["domain:products:*".to_owned()]));
    assert_eq!(nothing_near.to_string(), "no server has this domain; there is domain:products:*");
    assert_eq!(
        world.resolve("domain:products", "fnd").unwrap_err(),
        CallError::UnknownTool(vec!["domain:products:fnds".to_owned()])
    );
}

#[test]
fn a_domain_whose_servers_are_all_down_names_why_each_is() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.add(name, of("shop", 1));
    }
    world.resolves("a", secs(0), Some(CallError::Unavailable("`a`: no such host".to_owned())));
    world.resolves("b", secs(0), Some(CallError::AuthRequired("log in".to_owned())));
    world.has_tools("c", vec![]);
    let CallError::Unavailable(why) = world.resolve("domain:shop", "find").unwrap_err() else { panic!() };
    for part in ["`shop`", "`find`", "`a`: no such host", "`b`: the server wants authorisation: log in", "`c` does not"]
    {
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn the_configuration_says_the_effect_class_before_annotations_do() {
    let world = World::new();
    let read = ToolRoute { effect: Some(EffectClass::Read), ..ToolRoute::default() };
    world.add("crm", RouteSpec { tools: vec![("pa*".to_owned(), read)], domains: vec!["shop".to_owned()], ..plain() });
    for server in ["crm", "domain:shop"] {
        assert_eq!(world.resolve(server, "pay").unwrap().first().effect, EffectClass::Read);
        assert_eq!(world.resolve(server, "put").unwrap().first().effect, EffectClass::Idempotent);
    }
    let (one, two) = (world.resolve("crm", "pay").unwrap(), world.resolve("crm", "pay").unwrap());
    assert!(std::sync::Arc::ptr_eq(one.first(), two.first()), "it is copied once");
    let tools = world.finish(world.begin({
        let router = world.router.clone();
        async move { router.tools().await }
    }));
    assert!(tools.iter().any(|tool| tool.name == "pay" && tool.effect == EffectClass::Read));
}

#[test]
fn a_call_of_a_domain_goes_on_to_the_next_server() {
    let world = World::new();
    world.add("a", of("shop", 1));
    world.add("b", of("shop", 2));
    for failure in [
        unsent(away()),
        unsent(CallError::AuthRequired("log in".to_owned())),
        unsent(CallError::Overloaded),
        unsent(CallError::UnknownTool(vec![])),
        unsent(lost()),
    ] {
        world.next("a", [failure.clone()]);
        let answer = world.call("domain:shop", "pay");
        assert_eq!(text(&answer), "pay {}", "{failure:?}");
        assert_eq!(answer.attempts, 1, "one was sent");
        let tries: Vec<_> = answer.tries.iter().map(|t| (t.server.as_str(), t.outcome)).collect();
        assert_eq!(tries, [("a", failure.result.unwrap_err().outcome()), ("b", Outcome::Ok)]);
    }
    assert_eq!(world.now(), secs(0), "nothing is waited for while there is another server");
}

#[test]
fn a_call_with_an_effect_goes_nowhere_else_once_it_was_sent() {
    let world = World::new();
    world.add("a", of("shop", 1));
    world.add("b", of("shop", 2));
    let broken = CallError::Rejected(RpcError { code: -32603, message: "oh".to_owned(), data: None });
    for (failure, want) in [
        (lost(), lost()),
        (away(), CallError::OutcomeUnknown("it is not there".to_owned())),
        (slow(), slow()),
        (CallError::RateLimited(None), CallError::RateLimited(None)),
        (broken.clone(), broken.clone()),
    ] {
        world.next("a", [fails(failure.clone())]);
        let answer = world.call("domain:shop", "pay");
        assert_eq!((answer.attempts, answer.tries.len()), (1, 1));
        assert_eq!(error(answer), want);
        for repeatable in ["find", "put"] {
            world.next("a", [fails(failure.clone())]);
            let answer = world.call("domain:shop", repeatable);
            assert_eq!(text(&answer), format!("{repeatable} {{}}"), "{failure:?}");
            assert_eq!(answer.attempts, 2);
        }
    }
}

#[test]
fn that_a_call_may_be_repeated_is_the_word_of_its_own_server_only() {
    let world = World::new();
    for (name, priority) in [("a", 1), ("b", 2), ("c", 3)] {
        world.add(name, of("shop", priority));
    }
    world.has_tools("b", vec![tool("b", "put", EffectClass::Unknown), tool("b", "find", EffectClass::Unknown)]);
    world.next("a", [fails(slow())]);
    assert_eq!(text(&world.call("domain:shop", "put")), "put {}");
    assert_eq!((world.seen("b"), world.seen("c")), (0, 1), "it may have been done, and `b` would do it again");
    world.next("a", [fails(slow())]);
    world.call("domain:shop", "find");
    assert_eq!(world.seen("b"), 1, "a read has done nothing yet");
    world.next("a", [fails(slow())]);
    world.next("c", [unsent(away())]);
    assert_eq!(error(world.call("domain:shop", "put")), away());
}

#[test]
fn what_is_the_requests_fault_is_told_at_once() {
    let world = World::new();
    world.add("a", of("shop", 1));
    world.add("b", of("shop", 2));
    let refused = CallError::Rejected(RpcError { code: -32602, message: "no".to_owned(), data: None });
    for failure in
        [fails(refused), unsent(CallError::InvalidArguments(vec![])), fails(CallError::TooLarge("9".to_owned()))]
    {
        world.next("a", [failure.clone()]);
        assert_eq!(error(world.call("domain:shop", "find")), failure.result.unwrap_err());
    }
    assert_eq!(world.seen("b"), 0);
}

#[test]
fn when_all_servers_are_away_each_tells_why() {
    let world = World::new();
    for name in ["a", "b"] {
        world.add(name, of("shop", 1));
        world.always(name, unsent(CallError::Unavailable(format!("`{name}` is down"))));
    }
    let answer = world.call("domain:shop", "pay");
    assert_eq!((answer.attempts, answer.tries.len()), (0, 2));
    assert_eq!(error(answer), CallError::Unavailable("`a` is down; `b` is down".to_owned()));
}

#[test]
fn every_server_has_its_turn_before_one_has_its_second() {
    let world = World::new();
    for name in ["a", "b"] {
        let mut route = of("shop", 1);
        (route.retry.max_retries, route.retry.jitter) = (1, false);
        world.add(name, route);
        world.always(name, fails(slow()));
    }
    let answer = world.call("domain:shop", "find");
    let order: Vec<_> = answer.tries.iter().map(|t| t.server.as_str()).collect();
    assert_eq!(order, ["a", "b", "a", "b"]);
    assert_eq!(answer.attempts, 4);
    assert_eq!(world.now(), ms(200));
}

#[test]
fn a_server_that_went_away_is_told_and_forgotten() {
    let world = World::new();
    world.add("a", plain());
    let candidates = world.resolve("a", "find").unwrap();
    world.remove("a");
    let router = world.router.clone();
    let call = tollgate_core::Call { server: "a".into(), tool: "find".into(), args: String::new(), meta: None };
    let answer = world.finish(world.begin(async move { router.call(&candidates, call, context(ANN)).await }));
    let CallError::Unavailable(why) = error(answer) else { panic!() };
    assert!(why.contains("no server `a`"), "{why}");
    assert_eq!(world.call("a", "find").attempts, 0);
}

#[test]
fn the_class_of_an_error_follows_mcp_and_json_rpc() {
    let rpc = |code| CallError::Rejected(RpcError { code, message: String::new(), data: None });
    for (code, want) in [
        (-32603, ErrorClass::ServerError),
        (-32000, ErrorClass::ServerError),
        (-32050, ErrorClass::ServerError),
        (-32099, ErrorClass::ServerError),
        (-32001, ErrorClass::ClientError),
        (-32002, ErrorClass::ClientError),
        (-32020, ErrorClass::ClientError),
        (-32021, ErrorClass::ClientError),
        (-32022, ErrorClass::ClientError),
        (-32042, ErrorClass::ClientError),
        (-32600, ErrorClass::ClientError),
        (-32601, ErrorClass::ClientError),
        (-32602, ErrorClass::ClientError),
        (-32700, ErrorClass::ClientError),
        (-32100, ErrorClass::ClientError),
        (i64::MIN, ErrorClass::ClientError),
        (429, ErrorClass::ClientError),
    ] {
        assert_eq!(ErrorClass::of(&rpc(code)), want, "{code}");
    }
    for (error, want) in [
        (CallError::RateLimited(None), ErrorClass::RateLimit),
        (slow(), ErrorClass::Timeout),
        (CallError::InvalidResponse(String::new()), ErrorClass::ServerError),
        (away(), ErrorClass::Connection),
        (lost(), ErrorClass::Connection),
        (CallError::AuthRequired(String::new()), ErrorClass::Auth),
    ] {
        assert_eq!(ErrorClass::of(&error), want, "{error}");
    }
    for (error, status, want) in [
        (away(), 503, ErrorClass::ServerError),
        (lost(), 502, ErrorClass::ServerError),
        (CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true }), 500, ErrorClass::ServerError),
        (CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true }), 404, ErrorClass::ClientError),
        (CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true }), 408, ErrorClass::Timeout),
        (CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true }), 403, ErrorClass::Auth),
        (CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true }), 302, ErrorClass::ToolError),
        (CallError::RateLimited(None), 500, ErrorClass::RateLimit),
    ] {
        assert_eq!(ErrorClass::with_status(&error, Some(status)), want, "{error} {status}");
    }
}
