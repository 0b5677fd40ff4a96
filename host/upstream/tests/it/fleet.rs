//! The fleet as a whole: names, reload, removal.

use crate::support::*;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{Answer, BoxFuture, Call, CallContext, CallError, EffectClass, Query, QueryKind, Tool, ToolResult};
use tollgate_route::{Backend, RouteSpec, ToolRoute};
use tollgate_upstream::{AddError, AuthSpec, Fleet, ServerSpec, ServerState, ToolProvider, Transport};

#[tokio::test]
async fn an_unknown_name_suggests_near_ones() {
    let fleet = Fleet::default();
    fleet.add_server(evil("files", "good", "")).unwrap();
    fleet.add_server(evil("other", "good", "")).unwrap();
    fleet.wait_ready(&["files", "other"]).await;
    for (name, want) in [("files:ecko", "files:echo"), ("fles:echo", "files:echo"), ("files:READ", "files:read")] {
        let CallError::UnknownTool(near) = fails(&fleet, name, json!({})).await else { panic!() };
        assert_eq!(near.first().map(String::as_str), Some(want), "{near:?}");
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn an_unknown_server_suggests_near_ones() {
    let fleet = Fleet::default();
    fleet.add_server(evil("files", "good", "")).unwrap();
    fleet.add_server(evil("other", "good", "")).unwrap();
    fleet.wait_ready(&["files", "other"]).await;
    for (name, want) in [("fles:quux", "files:*"), ("Files:quux", "files:*"), ("othr:ecko", "other:echo")] {
        let error = fails(&fleet, name, json!({})).await;
        assert!(error.to_string().contains(want), "{name}: {error}");
    }
    let CallError::UnknownTool(near) = fails(&fleet, "files:quux", json!({})).await else { panic!() };
    assert!(near.is_empty(), "the server is there: {near:?}");
    let query = |server: &str| {
        let params = r#"{"uri": "file:///a"}"#.to_owned();
        Query { server: server.to_owned(), kind: QueryKind::ReadResource, name: "file:///a".to_owned(), params }
    };
    for (server, want) in [
        ("fles", "there is no server `fles`; did you mean `files`?"),
        ("quux", "there is no server `quux`; `tollgate servers` lists what there is"),
    ] {
        let error = fleet.attempt_query(&query(server), &context()).await.result.unwrap_err();
        assert_eq!(error, CallError::Unavailable(want.to_owned()));
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_configured_keeps_its_transports_word() {
    let fleet = Fleet::default();
    let why = "tollgate.yaml:4: servers.crm.headers.Authorization: the environment variable `TOKEN` is not set";
    let transport = Transport::Misconfigured { name: "http", why: why.to_owned() };
    let spec = ServerSpec { auth: AuthSpec::OAuth(Box::default()), ..ServerSpec::new("crm", transport) };
    fleet.add_server(spec.clone()).unwrap();
    let status = until(&fleet, "crm", ServerState::Failed).await;
    assert_eq!((status.transport, status.error.as_deref()), ("http", Some(why)));
    let error = fails(&fleet, "crm:get", json!({})).await;
    assert!(matches!(&error, CallError::Unavailable(text) if text.contains("`TOKEN` is not set")), "{error:?}");
    assert!(fleet.apply([spec]).unwrap().changed.is_empty(), "what is as wrong as before is left alone");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_reload_restarts_only_what_changed() {
    let fleet = Fleet::default();
    fleet.apply([evil("a", "good", ""), evil("b", "good", ""), evil("c", "good", "")]).unwrap();
    fleet.wait_ready(&["a", "b", "c"]).await;
    let changed = ServerSpec { deny: vec!["read".into()], ..evil("b", "good", "") };
    let applied = fleet.apply([evil("a", "good", ""), changed, evil("d", "good", "")]).unwrap();
    assert_eq!(
        (applied.added, applied.changed, applied.removed),
        (vec!["d".into()], vec!["b".into()], vec!["c".into()])
    );
    assert_eq!(status(&fleet, "a").state, ServerState::Ready, "it was left alone");
    for name in ["a:echo", "b:echo", "d:echo"] {
        echoes(&fleet, name).await;
    }
    assert!(matches!(fails(&fleet, "b:read", json!({})).await, CallError::UnknownTool(_)));
    assert!(matches!(fails(&fleet, "c:echo", json!({})).await, CallError::UnknownTool(_)));
    assert_eq!(fleet.apply([evil("x", "good", ""), evil("x", "good", "")]), Err(AddError::Duplicate("x".into())));
    assert!(matches!(fleet.add_server(evil("no good", "good", "")), Err(AddError::Name(_))));
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_status_has_the_keys_of_the_contract() {
    let fleet = Fleet::default();
    fleet.add_server(evil("a", "good", "")).unwrap();
    echoes(&fleet, "a:echo").await;
    let json = serde_json::to_value(fleet.statuses()).unwrap();
    let keys: Vec<&String> = json[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "state", "transport", "protocol", "version", "tools", "error", "connect_ms"]);
    assert_eq!((&json[0]["state"], &json[0]["protocol"]), (&json!("ready"), &json!("2025-06-18")));
    assert_eq!((&json[0]["version"], &json[0]["tools"]), (&json!("6.6.6"), &json!(2)));
    fleet.shutdown().await;
}

/// Answers after a moment.
struct Slow;

impl ToolProvider for Slow {
    fn tools<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<Tool>, String>> {
        let tool = Tool {
            server: server.to_owned(),
            name: "wait".into(),
            title: None,
            description: String::new(),
            input_schema: json!({"type": "object", "required": ["ms"]}),
            output_schema: None,
            annotations: None,
            other: serde_json::Map::new(),
            effect: EffectClass::Unknown,
        };
        Box::pin(async move { Ok(vec![tool]) })
    }

    fn call<'a>(&'a self, _tool: &'a Tool, call: Call, context: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let args: serde_json::Value = serde_json::from_str(&call.args).unwrap();
            if args["asks"] == true {
                context.run.budget.asked(Duration::ZERO);
                context.run.budget.answered(Duration::from_secs(1));
            }
            tokio::time::sleep(Duration::from_millis(args["ms"].as_u64().unwrap())).await;
            let result = ToolResult { json: r#"{"content":[]}"#.into(), is_error: false };
            Answer { fuel_used: 7, ..Answer::once(Ok(result)) }
        })
    }
}

#[tokio::test]
async fn a_provider_is_a_server_like_any_other() {
    let fleet = Fleet::default();
    let spec = ServerSpec::new("slow", Transport::provider(Arc::new(Slow)));
    fleet.add_server(ServerSpec { call_timeout: Duration::from_millis(300), ..spec }).unwrap();
    let answer = call(&fleet, "slow:wait", json!({"ms": 1})).await;
    assert!(answer.result.is_ok() && answer.fuel_used == 7, "{answer:?}");
    assert!(matches!(fails(&fleet, "slow:wait", json!({})).await, CallError::InvalidArguments(_)));
    assert!(matches!(fails(&fleet, "slow:wait", json!({"ms": 9_000})).await, CallError::TimedOut(_)));
    assert_eq!(status(&fleet, "slow").transport, "component");
    // What a person was asked for meanwhile is not kept for others.
    let tool = fleet.resolve("slow", "wait").await.unwrap();
    for asks in [false, true] {
        let call = Call::new("slow:wait".parse().unwrap(), json!({"ms": 1, "asks": asks}).to_string());
        assert_eq!(fleet.attempt(&tool, &call, &context()).await.personal, asks);
    }
    let query = Query { server: "slow".into(), kind: QueryKind::ReadResource, name: "a:1".into(), params: "{}".into() };
    let none = fleet.attempt_query(&query, &context()).await.result.unwrap_err();
    assert!(matches!(&none, CallError::Rejected(error) if error.code == -32601), "{none}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn calls_in_flight_at_a_removed_server_finish() {
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("slow", Transport::provider(Arc::new(Slow)))).unwrap();
    fleet.wait_ready(&["slow"]).await;
    let tool = fleet.resolve("slow", "wait").await.unwrap();
    let call = Call { server: "slow".into(), tool: "wait".into(), args: r#"{"ms": 2000}"#.into(), meta: None };
    let context = context();
    let mut answer = fleet.attempt(&tool, &call, &context);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut answer).await.is_err());
    assert!(fleet.remove_server("slow"));
    assert!(!fleet.remove_server("slow"));
    assert!(matches!(fails(&fleet, "slow:wait", json!({"ms": 1})).await, CallError::UnknownTool(_)));
    assert!(answer.await.result.is_ok());
    fleet.shutdown().await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_calls() {
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("slow", Transport::provider(Arc::new(Slow)))).unwrap();
    let tool = fleet.resolve("slow", "wait").await.unwrap();
    let call = Call { server: "slow".into(), tool: "wait".into(), args: r#"{"ms": 20000}"#.into(), meta: None };
    let context = context();
    let mut answer = fleet.attempt(&tool, &call, &context);
    assert!(tokio::time::timeout(Duration::from_millis(20), &mut answer).await.is_err());
    fleet.remove_server("slow");
    tokio::time::timeout(Duration::from_secs(5), fleet.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_the_configuration_says_of_a_tool_goes_before_what_its_server_says() {
    let fleet = Fleet::default();
    let quick = ToolRoute {
        effect: Some(EffectClass::Idempotent),
        timeout: Some(Duration::from_millis(50)),
        ..ToolRoute::default()
    };
    let route = RouteSpec { tools: vec![("w*".to_owned(), quick)], ..RouteSpec::default() };
    let spec = ServerSpec::new("slow", Transport::provider(Arc::new(Slow)));
    fleet.add_server(ServerSpec { route, ..spec }).unwrap();
    assert_eq!(fleet.resolve("slow", "wait").await.unwrap().effect, EffectClass::Idempotent);
    let answer = call(&fleet, "slow:wait", json!({"ms": 9_000})).await;
    let Err(CallError::TimedOut(why)) = &answer.result else { panic!("{answer:?}") };
    assert!(why.contains("within 50 ms") && answer.sent, "{why}");
    fleet.shutdown().await;
}
