//! Every exit code of the contract, through the binary.

use crate::support::{Ended, Place, evil_server};
use serde_json::json;
use tollgate_test_guests as guests;

fn with_servers(servers: serde_json::Value) -> Place {
    let place = Place::new();
    place.write("servers.json", json!({"mcpServers": servers}).to_string());
    place
}

fn run_calls(place: &Place, calls: serde_json::Value, more: &[&str]) -> Ended {
    let input = json!({"mode": "sequence", "calls": calls}).to_string();
    let mut args = vec!["--config", "servers.json", "run", guests::POLICY_CALLS, "--json", "--input", &input];
    args.extend(more);
    place.run(args)
}

#[test]
fn zero_for_a_result() {
    let ended = Place::new().run(["run", guests::POLICY_ECHO, "--json", "--input", r#"{"a":[1,"ü",null]}"#]).expect(0);
    let report = ended.json();
    assert_eq!(report["status"], "ok");
    assert_eq!(report["output"], json!({"a": [1, "ü", null]}));
}

#[test]
fn one_for_an_error_of_the_policy() {
    let ended = Place::new().run(["run", guests::EVIL_PANIC, "--json"]).expect(1);
    let report = ended.json();
    assert_eq!((&report["status"], &report["error"]["code"]), (&json!("error"), &json!("trap")));
    assert_eq!(report["output"], json!(null));
}

#[test]
fn one_for_an_error_of_a_tool() {
    let place = with_servers(json!({"evil": evil_server("odd-results", "")}));
    // The tool answers `isError`; then there is no such tool.
    for (tool, want) in [("evil:echo", "failed"), ("evil:nothing", "unknown-tool")] {
        let ended = place.run(["--config", "servers.json", "call", tool, r#"{"text":"failed"}"#, "--json"]).expect(1);
        assert_eq!(ended.json()["error"]["kind"], want, "{}", ended.stdout);
    }
}

#[test]
fn two_for_a_wrong_command_line_or_configuration() {
    let place = Place::new();
    place.write("broken.yaml", "servers:\n  crm:\n    commnd: x\n");
    for args in [
        vec!["run"],
        vec!["frobnicate"],
        vec!["run", "missing.wasm"],
        vec!["run", "no-such-policy"],
        vec!["run", guests::POLICY_ECHO, "--input", "{not json"],
        vec!["run", guests::POLICY_ECHO, "--input", "@missing.json"],
        vec!["run", guests::POLICY_ECHO, "--grant", "magic=yes"],
        vec!["run", guests::POLICY_ECHO, "--fuel", "lots"],
        vec!["run", guests::POLICY_ECHO, "--timeout", "30"],
        vec!["run", guests::ADAPTER_RELAY],
        vec!["run", guests::EVIL_IMPORT],
        vec!["run", guests::EVIL_WORLD],
        vec!["call", "no-colon"],
        vec!["call", "a:b"],
        vec!["tools"],
        vec!["--config", "missing.yaml", "tools"],
        vec!["--config", "broken.yaml", "run", guests::POLICY_ECHO],
        vec!["config", "check", "broken.yaml"],
        vec!["check", "broken.yaml"],
    ] {
        let ended = place.run(&args);
        assert_eq!(ended.code, 2, "{args:?}\nstdout: {}\nstderr: {}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("error:"), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{args:?}: {}", ended.stdout);
    }
}

#[test]
fn three_for_a_denial_that_the_policy_passes_on() {
    let place = with_servers(json!({"evil": evil_server("good", "")}));
    let args = ["--config", "servers.json", "run", guests::POLICY_ONE_CALL, "--json"];
    let report = place.run(args).expect(3).json();
    assert_eq!(report["status"], "denied", "{report:#}");
    assert_eq!(report["calls"][0]["outcome"], "denied");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains("--grant 'echo:echo'"), "{message}");
}

#[test]
fn four_for_a_limit() {
    let ended = Place::new().run(["run", guests::EVIL_LOOP, "--json", "--timeout", "200ms"]).expect(4);
    let report = ended.json();
    assert_eq!(report["status"], "limit");
    assert_eq!(report["error"]["limit"], json!({"name": "timeout", "value": 200}));
    let message = report["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("--timeout") && message.contains("limits.timeout") && message.contains("200ms"),
        "{message}"
    );
}

#[test]
fn five_for_a_server_that_is_not_there() {
    let place = with_servers(json!({"echo": {"command": "/nonexistent/server"}}));
    let args = ["--config", "servers.json", "run", guests::POLICY_ONE_CALL, "--json", "--grant", "echo:*"];
    let ended = place.run(args).expect(5);
    let report = ended.json();
    assert_eq!(report["status"], "unavailable", "{report:#}");
    assert!(ended.stderr.contains("server `echo` is not available"), "{}", ended.stderr);

    let ended = place.run(["--config", "servers.json", "call", "echo:echo", "--json"]).expect(5);
    assert_eq!(ended.json()["error"]["kind"], "unavailable");
}

#[test]
fn five_for_a_server_that_never_answers() {
    let mut server = evil_server("never-answers", "");
    server["timeout"] = json!(1);
    let place = with_servers(json!({"echo": server}));
    let ended = place.run(["--config", "servers.json", "call", "echo:echo", r#"{"text":"x"}"#, "--json"]).expect(5);
    assert_eq!(ended.json()["error"]["kind"], "timed-out", "{}", ended.stdout);
}

#[test]
fn a_server_that_fails_does_not_fail_what_does_not_need_it() {
    let place = with_servers(json!({
        "good": evil_server("good", ""),
        "bad": {"command": "/nonexistent/server"},
    }));
    let calls = json!([{"server": "good", "tool": "echo", "args": {"text": "hi"}}]);
    let ended = run_calls(&place, calls, &["--grant", "good:*"]).expect(0);
    assert_eq!(ended.json()["output"][0]["ok"]["content"][0]["text"], "hi");
    let ended = place.run(["--config", "servers.json", "tools"]).expect(0);
    assert!(ended.stderr.contains("`bad` is not available"), "{}", ended.stderr);
    assert!(ended.stdout.contains("good:echo"), "{}", ended.stdout);
}

#[test]
fn a_call_starts_the_server_that_it_names_and_no_other() {
    let place = Place::new();
    let started = place.work().join("started");
    let other = json!({"command": "sh", "args": ["-c", format!("touch {}; exec cat", started.display())]});
    let off = json!({"command": "sh", "disabled": true});
    let servers = json!({"mcpServers": {"good": evil_server("good", ""), "other": other, "off": off}});
    place.write("servers.json", servers.to_string());
    let call = |tool: &str| place.run(["--config", "servers.json", "call", tool, r#"{"text":"x"}"#]);
    assert_eq!(call("good:echo").expect(0).stdout, "x\n");
    assert!(!started.exists());
    let bad = json!({"mcpServers": {"bad": evil_server("dies-at-start", "")}});
    place.write("bad.json", bad.to_string());
    assert_eq!(place.run(["--config", "bad.json", "servers", "--json"]).expect(5).json()[0]["state"], "failed");
    assert!(call("off:echo").expect(5).stderr.contains("`off` is disabled"));
    assert!(call("god:echo").expect(1).stderr.contains("did you mean good:echo?"));
    let unknown = place.run(["--config", "servers.json", "call", "nobody:echo", "--json"]).expect(1).json();
    assert_eq!((&unknown["error"]["kind"], &unknown["error"]["server"]), (&json!("unknown-tool"), &json!("nobody")));
}
