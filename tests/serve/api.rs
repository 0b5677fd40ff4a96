//! The HTTP API beside MCP, and the commands that ask it.

use super::http::{Served, serve};
use super::place;
use crate::support::{Place, eventually};
use serde_json::{Value, json};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

fn get(served: &Served, path: &str) -> (u16, Value) {
    told(served.exchange("GET", path, &[], ""))
}

fn post(served: &Served, path: &str, body: &Value) -> (u16, Value) {
    told(served.exchange("POST", path, JSON, &body.to_string()))
}

fn told((status, answer): (u16, String)) -> (u16, Value) {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
}

fn served(place: &Place) -> Served {
    let served = serve(place, &[]);
    eventually("the servers are ready", || (get(&served, "/mcp/status").1["initialized"] == true).then_some(()));
    served
}

#[test]
fn it_tells_how_the_host_its_servers_and_its_cache_are() {
    let place = place();
    let served = served(&place);
    let (status, said) = get(&served, "/mcp/status");
    assert_eq!(status, 200);
    let echo = said["servers"].as_array().unwrap().iter().find(|server| server["name"] == "echo").unwrap();
    assert_eq!((&echo["connected"], &echo["health"], &echo["error"]), (&json!(true), &json!("ready"), &Value::Null));
    for key in ["hits", "misses", "evictions", "total_requests", "hit_rate", "cached_items"] {
        assert!(said["cache_stats"].get(key).is_some(), "{key} is missing: {said:#}");
    }
    assert_eq!(get(&served, "/mcp/servers").1.as_array().unwrap().len(), 3);
    let (_, tools) = get(&served, "/mcp/tools?server=echo&category=read");
    let names: Vec<_> = tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["read"]);
    assert_eq!(get(&served, "/mcp/tools?sorver=echo").0, 400);
    let (status, found) = get(&served, "/mcp/resources");
    assert_eq!(status, 200, "{found:#}");
    assert!(!found["fixture"]["resources"].as_object().unwrap().is_empty(), "{found:#}");
    let (status, unknown) = get(&served, "/mcp/resources/nothing");
    assert_eq!((status, &unknown["error"]["kind"]), (404, &json!("unknown-tool")), "{unknown:#}");
}

#[test]
fn a_host_is_not_ready_without_its_required_servers() {
    let place = place();
    let config = place.work().join("tollgate.json");
    let mut with: Value = serde_json::from_str(&std::fs::read_to_string(&config).unwrap()).unwrap();
    with["servers"]["gone"] = json!({"command": "/nonexistent", "required": true});
    std::fs::write(&config, with.to_string()).unwrap();
    let served = served(&place);
    let (status, said) = get(&served, "/readyz");
    assert_eq!(status, 503, "{said}");
    assert!(said.as_str().unwrap().contains("; 1 required ones are not there"), "{said}");
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let headers = [JSON[0], ("Accept", "application/json, text/event-stream")];
    let (_, answer) = served.exchange("POST", "/mcp", &headers, &hello.to_string());
    assert!(answer.contains("a required server is not there: `gone`: "), "{answer}");
    let told = place.run(["--config", "tollgate.json", "servers", "--json"]).expect(5).json();
    let gone = told.as_array().unwrap().iter().find(|server| server["name"] == "gone").unwrap();
    assert_eq!(gone["required"], true, "{told:#}");
    // Required and there: as if nothing was said.
    with["servers"].as_object_mut().unwrap().remove("gone");
    with["servers"]["echo"]["required"] = json!(true);
    std::fs::write(&config, with.to_string()).unwrap();
    let served = self::served(&place);
    assert_eq!(get(&served, "/readyz").0, 200);
    assert_eq!(served.exchange("POST", "/mcp", &headers, &hello.to_string()).0, 200);
}

#[test]
fn resources_that_no_server_gives_are_an_error() {
    let place = Place::new();
    let config = json!({"servers": {"gone": {"command": "/nonexistent"}, "too": {"command": "/nonexistent"}}});
    place.write("tollgate.json", config.to_string());
    let served = serve(&place, &[]);
    let (status, said) = get(&served, "/mcp/resources");
    assert_eq!((status, &said["error"]["kind"]), (503, &json!("unavailable")), "{said:#}");
    let why = said["error"]["message"].as_str().unwrap();
    assert!(why.starts_with("no server answered: `gone`: ") && why.contains("`too`: "), "{why}");
    // The first that fails is named.
    let (status, said) = get(&served, "/mcp/resources?fail_fast=true");
    assert_eq!(status, 503, "{said:#}");
    assert!(["gone", "too"].contains(&said["error"]["server"].as_str().unwrap()), "{said:#}");
}

#[test]
fn it_calls_and_runs_and_says_what_is_wrong() {
    let place = place();
    let served = served(&place);
    let call = |body: Value| post(&served, "/mcp/call", &body);
    let (status, result) = call(json!({"server": "echo", "tool": "echo", "arguments": {"text": "hi"}}));
    assert_eq!(status, 200, "{result:#}");
    assert!(result["content"].to_string().contains("hi"), "{result:#}");
    for (body, want, kind) in [
        (json!({"server": "echo", "tool": "ecko"}), 404, "unknown-tool"),
        (json!({"server": "echo", "tool": "echo", "arguments": {"text": 5}}), 422, "invalid-arguments"),
        (json!({"server": "echo"}), 400, "invalid-arguments"),
        (json!({"server": "echo", "tool": "echo", "args": {}}), 400, "invalid-arguments"),
        (json!({"server": "echo", "tool": "echo", "arguments": []}), 400, "invalid-arguments"),
    ] {
        let (status, said) = call(body.clone());
        assert_eq!((status, &said["error"]["kind"]), (want, &json!(kind)), "{body}: {said:#}");
    }
    let plain = served.exchange("POST", "/mcp/call", &[("Content-Type", "text/plain")], "{}");
    assert_eq!(plain.0, 415, "a page can send this without being asked whether it may");
    for (method, path, want, part) in [
        ("GET", "/mcp/call", 405, "is not for GET"),
        ("GET", "/mcp/nosuch", 404, "there is nothing at /mcp/nosuch"),
        ("GET", "/mcp/tools?category=bogus", 400, "the query does not fit"),
        ("DELETE", "/mcp/cache?server=nosuch", 404, "there is no server `nosuch`"),
    ] {
        let (status, said) = told(served.exchange(method, path, &[], ""));
        assert!(status == want && said["error"]["message"].as_str().unwrap().contains(part), "{path}: {said:#}");
    }
    let (status, report) = post(&served, "/mcp/run", &json!({"policy": "echoes", "input": {"a": 1}}));
    assert_eq!((status, &report["status"]), (200, &json!("ok")), "{report:#}");
    let (status, said) = post(&served, "/mcp/run", &json!({"policy": "nope"}));
    assert_eq!(status, 404);
    assert!(said["error"]["message"].as_str().unwrap().contains("echoes"), "{said:#}");
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    let (status, _) = served.exchange("POST", "/mcp/call", JSON, &format!("{{\"server\":{deep}}}"));
    assert_eq!(status, 400);
    assert_eq!(served.exchange("POST", "/mcp/call", JSON, &" ".repeat((4 << 20) + 1)).0, 413);
    assert_eq!(served.exchange("POST", "/mcp/call", &[("Host", "evil.example")], "{}").0, 403);
}

#[test]
fn numbers_for_prometheus_count_what_was_done_and_no_name_that_was_made_up() {
    let place = place();
    let served = served(&place);
    post(&served, "/mcp/call", &json!({"server": "echo", "tool": "echo", "arguments": {"text": "hi"}}));
    post(&served, "/mcp/call", &json!({"server": "made-up-name", "tool": "x"}));
    post(&served, "/mcp/run", &json!({"policy": "echoes"}));
    let (status, text) = served.exchange("GET", "/metrics", &[], "");
    assert_eq!(status, 200);
    for line in [
        "tollgate_calls_total{server=\"echo\",outcome=\"ok\"} 1",
        "tollgate_runs_total{status=\"ok\"} 1",
        "tollgate_server_state{server=\"echo\",state=\"ready\"} 1",
        "tollgate_runs_active 0",
        "# EOF",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
    assert!(!text.contains("made-up-name"), "{text}");
}

#[test]
fn its_document_becomes_tools_of_the_host_itself() {
    let place = place();
    let served = served(&place);
    let (_, document) = get(&served, "/mcp/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    place.write("api.json", document.to_string());
    let base = served.url.trim_end_matches("/mcp");
    let config = json!({"servers": {"self": {"openapi": {"document": "api.json", "server": base}}}});
    place.write("self.json", config.to_string());
    let answer = place.run(["--config", "self.json", "call", "self:get_status", "--json"]).expect(0).json();
    assert!(answer.to_string().contains("initialized"), "{answer:#}");
    let args = json!({"server": "echo", "tool": "echo", "arguments": {"text": "through itself"}}).to_string();
    let answer = place.run(["--config", "self.json", "call", "self:call_tool", &args, "--json"]);
    assert!(answer.expect(0).stdout.contains("through itself"));
}

#[test]
fn commands_ask_a_host_that_is_running() {
    let place = place();
    let served = served(&place);
    post(&served, "/mcp/call", &json!({"server": "echo", "tool": "echo", "arguments": {"text": "hi"}}));
    let url = served.url.as_str();
    let status = place.run(["status", "--to", url]).expect(0);
    assert!(status.stdout.contains("echo") && status.stdout.contains("ready"), "{}", status.stdout);
    let json = place.run(["status", "--to", url, "--json"]).expect(0).json();
    assert_eq!(json["servers"].as_array().unwrap().len(), 3);
    assert!(place.run(["cache", "stats", "--to", url]).expect(0).stdout.contains("answered from memory"));
    assert_eq!(place.run(["cache", "clear", "--to", url, "--json"]).expect(0).json(), json!({"removed": 0}));
    let nobody = place.run(["status", "--to", "http://127.0.0.1:1"]).expect(5);
    assert!(nobody.stderr.contains("nothing answers there"), "{}", nobody.stderr);
    assert!(Place::new().run(["status"]).expect(2).stderr.contains("--to"));
    assert!(place.run(["status", "--to", "ftp://x"]).expect(2).stderr.contains("http://127.0.0.1:8080"));
    let secret = place.write("token", "abcdefghijklmnop");
    let far = place.run(["status", "--to", "http://example.com", "--token-file", secret.to_str().unwrap()]).expect(2);
    assert!(far.stderr.contains("https"), "{}", far.stderr);
}
