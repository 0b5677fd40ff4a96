//! Routing, failover, caches and what all servers have together, through the whole host.

use crate::support::{Place, eventually, evil_server, processes_with, shared_cache};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate::route::{CachePolicy, RouteSpec};
use tollgate::{Call, CallError, Grants, Host, HostBuilder, Outcome, RunRequest, ServerSpec, Status, Transport};
use tollgate_test_guests as guests;

fn builder() -> HostBuilder {
    Host::builder().cache_dir(shared_cache().join("tollgate/components"))
}

fn server(name: &str, mode: &str, arg: &str, priority: u16) -> ServerSpec {
    let evil = evil_server(mode, arg);
    let transport = Transport::stdio(evil["command"].as_str().unwrap(), [mode, arg]);
    let route = RouteSpec { priority, domains: vec!["notes".to_owned()], ..RouteSpec::default() };
    ServerSpec { route, ..ServerSpec::new(name, transport) }
}

fn call(server: &str, tool: &str) -> Call {
    Call::new(tollgate::ToolName { server: server.into(), tool: tool.into() }, r#"{"text":"hi"}"#)
}

#[tokio::test]
async fn a_call_of_a_domain_goes_to_the_first_server_that_is_there() {
    let host = builder()
        .server(server("best", "dies-at-start", "", 1))
        .server(server("good", "good", "", 2))
        .server(server("last", "good", "", 3))
        .build()
        .await
        .unwrap();
    host.settled().await;
    let input =
        json!({"mode": "sequence", "calls": [{"server": "domain:notes", "tool": "echo", "args": {"text": "hi"}}]});
    let request = RunRequest::file(guests::POLICY_CALLS).input(input.to_string());
    let report = host.run(request.grants(Grants::parse(["*:*"]).unwrap())).await.unwrap();
    assert_eq!((report.status, report.calls[0].outcome), (Status::Ok, Outcome::Ok), "{:?}", report.calls);
    let tried: Vec<_> = report.calls[0].tries.iter().map(|attempt| attempt.server.as_str()).collect();
    assert_eq!(tried, ["good"]);
    // Only what was granted is a candidate.
    let request = RunRequest::file(guests::POLICY_CALLS).input(input.to_string());
    let report = host.run(request.grants(Grants::parse(["last:*"]).unwrap())).await.unwrap();
    assert_eq!(report.calls[0].tries[0].server, "last");
    let request = RunRequest::file(guests::POLICY_CALLS).input(input.to_string());
    let report = host.run(request.grants(Grants::parse(["other:*"]).unwrap())).await.unwrap();
    assert_eq!(report.calls[0].outcome, Outcome::Denied);
    host.shutdown().await;
}

#[tokio::test]
async fn a_domain_that_no_server_has_is_told_with_those_that_there_are() {
    let host = builder().server(server("good", "good", "", 1)).build().await.unwrap();
    host.settled().await;
    let failure = host.call_as(tollgate::Behalf::default(), call("domain:note", "echo")).await.unwrap_err();
    let CallError::UnknownTool(near) = &failure.error else { panic!("{failure}") };
    assert!(near.iter().any(|name| name.contains("domain:notes")), "{near:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_read_that_is_kept_is_answered_from_memory_and_a_write_never() {
    let mut spec = server("good", "good", "", 1);
    spec.route.cache = CachePolicy { tools: Some(Duration::from_secs(60)), ..CachePolicy::default() };
    let host = builder().server(spec).build().await.unwrap();
    host.settled().await;
    for (tool, hits) in [("read", 2), ("echo", 2)] {
        for _ in 0..3 {
            host.call_as(tollgate::Behalf::default(), call("good", tool)).await.unwrap();
        }
        assert_eq!(host.cache_stats().stats.hits, hits, "{tool}");
    }
    assert_eq!(host.clear_cache(Some("good")), 1);
    host.call_as(tollgate::Behalf::default(), call("good", "read")).await.unwrap();
    assert_eq!(host.cache_stats().stats.hits, 2);
    host.shutdown().await;
}

#[tokio::test]
async fn a_policy_sees_the_servers_and_tools_and_resources_that_it_was_granted() {
    let place = Place::new();
    let fixture = tollgate_fixture_server::program().unwrap();
    let fixture = Transport::stdio(fixture.to_str().unwrap(), ["--stdio"]);
    let route = RouteSpec { priority: 7, domains: vec!["docs".to_owned()], ..RouteSpec::default() };
    let host = builder()
        .server(server("good", "good", "", 1))
        .server(server("gone", "dies-at-start", "", 2))
        .server(ServerSpec { route, ..ServerSpec::new("fixture", fixture) })
        .build()
        .await
        .unwrap();
    host.settled().await;
    let ask = async |input: Value, granted: &[&str]| -> Value {
        let request = RunRequest::file(guests::POLICY_ASKS).input(input.to_string());
        let report = host.run(request.grants(Grants::parse(granted).unwrap())).await.unwrap();
        assert_eq!(report.status, Status::Ok, "{:?}", report.error);
        report.output_as().unwrap()
    };
    let said = ask(json!({"servers": true, "tools": true}), &["good:read"]).await;
    assert_eq!(said["tools"], json!(["good:read"]));
    assert_eq!(said["servers"], json!([["good", "Health::Ready", 1, ["notes"], null]]));
    let said = ask(json!({"gather": {}}), &["resource=*:*"]).await;
    let found = &said["gather"]["ok"];
    assert_eq!(found["fixture"]["priority"], 7, "{said:#}");
    assert!(!found["fixture"]["resources"].as_object().unwrap().is_empty(), "{said:#}");
    assert!(found["gone"]["error"]["message"].as_str().unwrap().contains("gone"), "{said:#}");
    let said = ask(json!({"gather": {"fail_fast": true}}), &["resource=*:*"]).await;
    assert!(said["gather"]["error"].is_string(), "{said:#}");
    let said = ask(json!({"gather": {"domain": "docs"}}), &["resource=*:*"]).await;
    assert_eq!(said["gather"]["ok"].as_object().unwrap().len(), 1, "{said:#}");
    let said = ask(json!({"gather": {"domain": "nothing"}}), &["resource=*:*"]).await;
    assert!(said["gather"]["error"].to_string().contains("UnknownTool"), "{said:#}");
    let said = ask(json!({"gather": {}}), &["fixture:*"]).await;
    assert!(said["gather"]["error"].is_string(), "tools are no resources: {said:#}");
    host.shutdown().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_server_is_killed_the_next_one_answers() {
    let first = format!("first-of-{}", std::process::id());
    let host = builder().server(server("first", "good", &first, 1)).server(server("second", "good", "", 2));
    let host = host.build().await.unwrap();
    host.settled().await;
    let read = async || host.call_as(tollgate::Behalf::default(), call("domain:notes", "read")).await;
    read().await.unwrap();
    let server = processes_with(&first).pop().unwrap();
    let pid = server.split_whitespace().next().unwrap();
    assert!(std::process::Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    // A read is asked of the next server wherever it was lost, so nobody sees the death.
    for _ in 0..5 {
        read().await.unwrap();
    }
    eventually("it is started anew", || processes_with(&first).pop());
    host.shutdown().await;
    assert_eq!(processes_with(&first), [] as [String; 0]);
}

#[tokio::test]
async fn the_trace_of_a_caller_goes_on_to_the_server() {
    let host = builder().server(server("meta", "meta", "", 1)).build().await.unwrap();
    host.settled().await;
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let context = format!("00-{trace}-{parent}-01").parse().unwrap();
    let behalf = tollgate::Behalf { trace: Some(context), ..Default::default() };
    let answer = host.call_as(behalf, call("meta", "echo")).await.unwrap();
    let answer: Value = serde_json::from_str(&answer.json).unwrap();
    let told = &answer["structuredContent"];
    let parts: Vec<_> = told["traceparent"].as_str().unwrap().split('-').collect();
    assert_eq!((parts[1], parts[3]), (trace, "01"), "{answer}");
    assert_ne!(parts[2], parent, "the call is a span of its own");
    host.shutdown().await;
}
