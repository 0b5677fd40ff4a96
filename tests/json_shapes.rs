//! The JSON documents of the contract have the keys of the contract.

use crate::support::{Place, evil_server};
use serde_json::{Value, json};
use tollgate_test_guests as guests;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn place() -> Place {
    let place = Place::new();
    let servers = json!({"good": evil_server("good", ""), "bad": {"command": "/nonexistent/server"}});
    place.write("servers.json", json!({"mcpServers": servers}).to_string());
    place
}

#[test]
fn a_run() {
    let input = json!({"mode": "sequence", "calls": [{"server": "good", "tool": "echo", "args": {"text": "hi"}}]});
    let (input, place) = (input.to_string(), place());
    let report = place
        .run(["--config", "servers.json", "run", guests::POLICY_CALLS, "--json", "--grant", "*:*", "--input", &input])
        .expect(0)
        .json();
    for key in ["run", "status", "output", "error", "stdout", "fuel_used", "calls", "elapsed_ms"] {
        assert!(keys(&report).contains(&key), "{key} is missing: {report}");
    }
    let call = &report["calls"][0];
    assert_eq!((&call["server"], &call["tool"], &call["outcome"]), (&json!("good"), &json!("echo"), &json!("ok")));
    assert!(call["elapsed_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(call["bytes_in"], json!(r#"{"text":"hi"}"#.len()));
    assert!(call["bytes_out"].as_u64().unwrap() > 0);
    assert!(report["fuel_used"].as_u64().unwrap() > 0);
}

#[test]
fn a_call() {
    let place = place();
    let result = place.run(["--config", "servers.json", "call", "good:echo", r#"{"text":"hi"}"#, "--json"]).expect(0);
    assert_eq!(result.json()["content"][0], json!({"type": "text", "text": "hi"}));

    let failure = place.run(["--config", "servers.json", "call", "good:ecko", "--json"]).expect(1).json();
    assert_eq!(keys(&failure["error"]), ["kind", "message", "server", "tool", "attempts", "elapsed_ms"]);
    assert_eq!(failure["error"]["kind"], "unknown-tool");
    assert!(failure["error"]["message"].as_str().unwrap().contains("good:echo"), "{failure}");
}

#[test]
fn tools() {
    let tools = place().run(["--config", "servers.json", "tools", "--json"]).expect(0).json();
    let tool = tools.as_array().unwrap().iter().find(|t| t["name"] == "echo").unwrap();
    assert_eq!(keys(tool), ["server", "name", "title", "description", "input_schema", "output_schema", "annotations"]);
    assert_eq!(tool["server"], "good");
    assert!(tool["input_schema"].is_object());
}

#[test]
fn servers() {
    let servers = place().run(["--config", "servers.json", "servers", "--json"]).expect(0).json();
    let named = |name: &str| servers.as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone();
    let (good, bad) = (named("good"), named("bad"));
    for server in [&good, &bad] {
        let want = ["name", "state", "transport", "protocol", "version", "tools", "error", "connect_ms"];
        assert_eq!(keys(server), want);
    }
    assert_eq!((&good["state"], &good["transport"], &good["error"]), (&json!("ready"), &json!("stdio"), &json!(null)));
    assert_eq!(bad["state"], "failed");
    assert!(bad["error"].as_str().unwrap().contains("/nonexistent/server"), "{bad}");
}

#[test]
fn a_check() {
    let checked = Place::new().run(["check", guests::POLICY_ONE_CALL, "--json"]).expect(0).json();
    for key in ["digest", "imports", "exports", "grants"] {
        assert!(keys(&checked).contains(&key), "{key} is missing: {checked}");
    }
    assert_eq!(checked["world"], "policy");
    assert!(checked["imports"].as_array().unwrap().iter().any(|i| i == "tollgate:tools/tools@0.1.0"), "{checked}");
    let digest = checked["digest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:") && digest.len() == 7 + 64, "{digest}");
}

#[test]
fn nothing_but_the_document_is_on_stdout() {
    let ended =
        Place::new().run(["run", guests::EVIL_LOG, "--json", "--input", r#"{"to":"stdout","bytes":100,"times":100}"#]);
    ended.json();
}

#[test]
fn what_keeps_a_command_from_its_work_is_a_document_too() {
    let place = place();
    for args in [
        vec!["tools", "--json"],
        vec!["servers", "--json"],
        vec!["check", "missing.wasm", "--json"],
        vec!["call", "good:echo", "{not json", "--json"],
        vec!["--config", "missing.json", "call", "good:echo", "--json"],
    ] {
        let document = place.run(&args).expect(2).json();
        assert_eq!(keys(&document["error"]), ["kind", "message"], "{args:?}");
        assert_eq!(document["error"]["kind"], "usage", "{args:?}");
    }
    let report = place.run(["run", "missing.wasm", "--json"]).expect(2).json();
    assert_eq!((&report["status"], &report["error"]["code"]), (&json!("error"), &json!("usage")));
    let whole = place.run(["run", guests::POLICY_ECHO, "--json"]).expect(0).json();
    assert_eq!(keys(&report), keys(&whole), "it has the keys of every report");
}
