//! Lists, and what an attempt carries of its trace.

use crate::spans;
use crate::support::*;
use std::sync::Arc;
use tollgate_core::{Call, CallError, ListKind, QueryKind};
use tollgate_core::{Clock, Entropy, SeededEntropy, Upstream};
use tollgate_route::{Backend, CachePolicy, RetryPolicy, RouteSpec, Router, RouterSettings};

#[test]
fn a_list_is_kept_for_all_and_tried_again() {
    let world = World::new();
    let cache = CachePolicy { lists: Some(secs(10)), ..CachePolicy::default() };
    world.add("crm", RouteSpec { cache, retry: RetryPolicy::default(), ..plain() });
    world.next("crm", [fails(lost())]);
    let list = world.list_of("crm", ListKind::Resources).unwrap();
    assert_eq!(list[0].item["uri"], "resources/list");
    assert_eq!(world.list_of("crm", ListKind::Resources).unwrap(), list);
    assert_eq!(world.seen("crm"), 2);
    world.list_of("crm", ListKind::Prompts).unwrap();
    assert_eq!(world.seen("crm"), 3);
    world.next("crm", [fails(CallError::InvalidArguments(vec![]))]);
    assert!(world.list_of("crm", ListKind::ResourceTemplates).is_err());
    assert!(world.list_of("nobody", ListKind::Prompts).is_err());
}

fn meta(world: &World, at: usize) -> serde_json::Value {
    let meta = world.edit("crm", |server| server.seen[at].meta.clone()).unwrap();
    serde_json::from_str(&meta).unwrap()
}

#[test]
fn each_attempt_carries_a_span_of_its_own_of_the_runs_trace() {
    let world = World::new();
    world.add("crm", RouteSpec { retry: RetryPolicy::default(), ..plain() });
    world.next("crm", [fails(slow()), says(""), says(""), fails(slow())]);
    world.call("crm", "find");
    world.call("crm", "find");
    world.query_as(ANN, "crm", QueryKind::ReadResource, "a:b");
    let spans: Vec<String> = [
        meta(&world, 0),
        meta(&world, 1),
        meta(&world, 2),
        meta(&world, 3)["_meta"].clone(),
        meta(&world, 4)["_meta"].clone(),
    ]
    .iter()
    .map(|meta| meta["traceparent"].as_str().unwrap().to_owned())
    .collect();
    for (at, span) in spans.iter().enumerate() {
        assert!(span.starts_with("00-00000000000000000000000000000abc-") && span.ends_with("-01"), "{span}");
        assert!(!spans[..at].contains(span), "{spans:?}");
    }
    assert_eq!(meta(&world, 4)["uri"], "a:b");
}

#[test]
fn the_callers_own_meta_stays() {
    let world = World::new();
    world.add("crm", RouteSpec { retry: RetryPolicy::default(), ..plain() });
    let send = |meta: &str| {
        let router = world.router.clone();
        let meta = Some(meta.to_owned());
        let call = Call { server: "crm".into(), tool: "find".into(), args: String::new(), meta };
        let candidates = world.resolve("crm", "find").unwrap();
        world.finish(world.begin(async move { router.call(&candidates, call, context(ANN)).await }))
    };
    world.next("crm", [fails(slow())]);
    send(r#"{"a":1}"#);
    assert_eq!((&meta(&world, 0)["a"], &meta(&world, 1)["a"]), (&1.into(), &1.into()));
    assert_ne!(meta(&world, 0)["traceparent"], meta(&world, 1)["traceparent"]);
    send(r#"{"traceparent":"mine"}"#);
    assert_eq!(meta(&world, 2), serde_json::json!({"traceparent": "mine"}));
}

#[test]
fn each_attempt_is_a_span() {
    let world = World::new();
    world.add("crm", RouteSpec { retry: RetryPolicy::default(), ..plain() });
    world.next("crm", [fails(slow())]);
    let spans = spans::of(|| drop(world.call("crm", "find")));
    assert_eq!(spans, ["tollgate::route attempt server=crm number=1", "tollgate::route attempt server=crm number=2"]);
}

#[test]
fn any_backend_will_do() {
    let world = World::new();
    world.add("crm", plain());
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (world.clock.clone(), Arc::new(SeededEntropy::new(1)));
    let backend: Arc<dyn Backend> = world.backing.clone();
    let router: Arc<dyn Upstream> = Arc::new(Router::new(backend, clock, entropy, RouterSettings::default()));
    assert_eq!(router.servers().len(), 1);
}
