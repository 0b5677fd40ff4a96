//! SIGHUP reads the configuration anew, without dropping calls.

use crate::support::*;
use serde_json::json;
use tollgate_test_guests as guests;

/// A run that makes one slow call, then others; the configuration changes during the slow one.
fn reloaded(before: serde_json::Value, after: &str, then: serde_json::Value) -> (Ended, String) {
    let place = Place::new();
    let config = place.write("servers.json", before.to_string());
    let slow = json!({"server": "slow", "tool": "trigger-long-running-operation", "args": {"duration": 3, "steps": 3}});
    let input = json!({"mode": "sequence", "calls": [slow, then]}).to_string();
    let journal = place.work().join("journal.jsonl");
    let args =
        ["--config", "servers.json", "-v", "run", guests::POLICY_CALLS, "--json", "--grant", "*:*", "--input", &input];
    let running = Running::start(place.tollgate(args.into_iter().chain(["--journal", journal.to_str().unwrap()])));
    eventually("the slow call is under way", || {
        std::fs::read_to_string(&journal).ok().filter(|text| text.contains("call_started"))
    });
    std::fs::write(config, after).unwrap();
    running.signal("-HUP");
    let ended = running.ended();
    let stderr = ended.stderr.clone();
    (ended, stderr)
}

fn everything() -> serde_json::Value {
    let program = root().join("tests/fleet/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    json!({"command": "node", "args": [program, "stdio"]})
}

#[test]
fn a_new_server_is_there_and_the_call_in_flight_goes_on() {
    let before = json!({"mcpServers": {"slow": everything()}});
    let after = json!({"mcpServers": {"slow": everything(), "new": evil_server("good", "")}});
    let then = json!({"server": "new", "tool": "echo", "args": {"text": "hi"}});
    let (ended, stderr) = reloaded(before, &after.to_string(), then);
    let output = ended.expect(0).json()["output"].clone();
    assert!(output[0]["ok"].is_object(), "{output:#}\n{stderr}");
    assert_eq!(output[1]["ok"]["content"][0]["text"], "hi", "{output:#}\n{stderr}");
}

#[test]
fn a_removed_server_finishes_its_call_and_is_unknown_after() {
    let before = json!({"mcpServers": {"slow": everything()}});
    let then = json!({"server": "slow", "tool": "get-sum", "args": {"a": 1, "b": 2}});
    let (ended, stderr) = reloaded(before, r#"{"mcpServers":{}}"#, then);
    let output = ended.expect(0).json()["output"].clone();
    assert!(output[0]["ok"].is_object(), "{output:#}\n{stderr}");
    assert_eq!(output[1]["error"]["kind"], "unknown-tool", "{output:#}\n{stderr}");
}

#[test]
fn a_broken_file_changes_nothing_and_says_why() {
    let before = json!({"mcpServers": {"slow": everything()}});
    let then = json!({"server": "slow", "tool": "get-sum", "args": {"a": 20, "b": 22}});
    let (ended, stderr) = reloaded(before, r#"{"mcpServers": {"#, then);
    let output = ended.expect(0).json()["output"].clone();
    assert!(output[1]["ok"].to_string().contains("42"), "{output:#}");
    assert!(stderr.contains("the configuration stays as it was") && stderr.contains("servers.json"), "{stderr}");
}
