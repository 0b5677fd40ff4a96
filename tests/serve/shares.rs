//! What principals share: places, the cache, saved scripts.

use crate::support::caller::{serve, tokens};
use crate::support::mcp::text;
use crate::support::{Place, eventually, evil_server};
use serde_json::{Value, json};

fn config(place: &Place) -> Value {
    json!({
        "servers": {
            "echo": evil_server("good", ""),
            "stuck": evil_server("never-answers", place.work().join("stuck.log").to_str().unwrap()),
        },
        "serve": {"expose": "meta-full", "http": {"tokens": tokens(&["ada", "bob"]), "max_sessions": 8}},
    })
}

#[test]
fn one_token_takes_neither_all_sessions_nor_all_requests_at_once() {
    let place = Place::new();
    let serving = serve(&place, &config(&place), &[]);
    let adas: Vec<_> = std::iter::from_fn(|| serving.try_caller("ada")).take(20).collect();
    assert_eq!(adas.len(), 6, "half of eight is divided, half is anybody's");
    let bobs: Vec<_> = std::iter::from_fn(|| serving.try_caller("bob")).take(20).collect();
    assert_eq!(bobs.len(), 2, "what is kept for him");
    assert_eq!(serving.api("ada", "GET", "/mcp/status", &Value::Null).0, 200, "a program needs no session");

    // 256 requests at once, of which 128 are divided.
    let call = json!({"server": "stuck", "tool": "echo", "arguments": {"text": "x"}}).to_string();
    let json = [("Content-Type", "application/json")];
    let open: Vec<_> = (0..192).map(|_| serving.open("POST", "/mcp/call", "ada", &json, &call)).collect();
    eventually("ada has all that she may have", || {
        (serving.api("ada", "GET", "/mcp/status", &Value::Null).0 == 503).then_some(())
    });
    assert_eq!(serving.api("bob", "GET", "/mcp/status", &Value::Null).0, 200);
    drop(open);
    eventually("they are given back", || {
        (serving.api("ada", "GET", "/mcp/status", &Value::Null).0 == 200).then_some(())
    });
}

/// Half a kilobyte of zeros is no more than a text; as values it takes seventy times as much.
#[test]
fn bodies_of_many_values_take_many_places() {
    let place = Place::new();
    let serving = serve(&place, &config(&place), &[]);
    let call = |values: usize| {
        json!({"server": "stuck", "tool": "echo", "arguments": {"text": "x", "more": vec![0; values]}}).to_string()
    };
    let json = [("Content-Type", "application/json")];
    let open: Vec<_> = (0..8).map(|_| serving.open("POST", "/mcp/call", "ada", &json, &call(100_000))).collect();
    eventually("four of them reach their server", || {
        let log = std::fs::read_to_string(place.work().join("stuck.log")).unwrap_or_default();
        (log.lines().filter(|line| line.starts_with("called")).count() == 4).then_some(())
    });
    assert_eq!(
        serving.exchange("POST", "/mcp/call", "ada", &json, &call(100_000)).0,
        503,
        "that is all that she may have"
    );
    assert_eq!(serving.api("bob", "GET", "/mcp/status", &Value::Null).0, 200);
    drop(open);
    let (status, text) = serving.exchange("POST", "/mcp/call", "bob", &json, &call(600_000));
    assert!(status == 413 && text.contains("so many values that they would take 8"), "{status} {text}");
}

/// A session's calls go on without their client (MCP 2025-11-25), so their places are taken as long as they do.
#[test]
fn calls_of_a_client_that_hung_up_keep_its_places() {
    let place = Place::new();
    let serving = serve(&place, &config(&place), &[]);
    let ada = serving.caller("ada");
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Mcp-Session-Id", ada.session.as_str()),
        ("MCP-Protocol-Version", "2025-11-25"),
    ];
    let call = |id: usize| {
        let arguments = json!({"tool": "stuck:echo", "arguments": {"text": "x"}});
        let params = json!({"name": "call_tool", "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": 1_000 + id, "method": "tools/call", "params": params}).to_string()
    };
    let open: Vec<_> = (0..192).map(|id| serving.open("POST", "/mcp", "ada", &headers, &call(id))).collect();
    let ada_is_refused = || serving.api("ada", "GET", "/mcp/status", &Value::Null).0 == 503;
    eventually("ada has all that she may have", || ada_is_refused().then_some(()));
    drop(open);
    for _ in 0..50 {
        assert!(ada_is_refused(), "her calls go on");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(serving.api("bob", "GET", "/mcp/status", &Value::Null).0, 200);
    // Ending the session ends them, and needs no place; with a body it would.
    assert_eq!(serving.exchange("DELETE", "/mcp", "ada", &headers, "{}").0, 503);
    let ended = serving.exchange("DELETE", "/mcp", "ada", &headers, "");
    assert!((200..300).contains(&ended.0), "{ended:?}");
    eventually("they are given back", || (!ada_is_refused()).then_some(()));
}

#[test]
fn clearing_the_cache_clears_what_is_ones_own() {
    let place = Place::new();
    let mut config = config(&place);
    config["servers"]["echo"]["cache"] = json!({"tools": "5m"});
    let serving = serve(&place, &config, &[]);
    let read = json!({"server": "echo", "tool": "read", "arguments": {"text": "x"}});
    for who in ["ada", "bob"] {
        let (status, answer) = serving.api(who, "POST", "/mcp/call", &read);
        assert_eq!(status, 200, "{answer}");
    }
    let kept = || {
        let stats: Value = serde_json::from_str(&serving.api("ada", "GET", "/mcp/cache", &Value::Null).1).unwrap();
        stats["cached_items"].as_u64().unwrap()
    };
    assert_eq!(kept(), 2, "each has an answer of his own");
    assert_eq!(serving.api("ada", "DELETE", "/mcp/cache", &Value::Null).1, r#"{"removed":1}"#);
    assert_eq!(serving.api("ada", "DELETE", "/mcp/cache?server=echo", &Value::Null).1, r#"{"removed":0}"#);
    assert_eq!(kept(), 1, "bob's is there");
}

#[test]
fn nobody_overwrites_or_runs_anothers_script_but_by_the_digest_that_he_shares() {
    let place = Place::new();
    let serving = serve(&place, &config(&place), &[]);
    let (mut ada, mut bob) = (serving.caller("ada"), serving.caller("bob"));
    let script = |code: &str, overwrite: bool, share: bool| {
        json!({"name": "report", "language": "javascript", "code": code, "description": "A report.",
            "overwrite": overwrite, "share": share})
    };
    let run = |name: &str| json!({"name": name});
    let output = |answer: &Value| answer["result"]["structuredContent"]["output"].clone();
    assert_ne!(ada.call("save_script", script("'of ada'", false, false))["result"]["isError"], true);
    // It is no name of his, so there is nothing to overwrite.
    assert_eq!(bob.call("run_script", run("report"))["result"]["isError"], true);
    assert_eq!(text(&bob.call("list_scripts", json!({}))["result"]), "There are no saved scripts.");
    assert_ne!(bob.call("save_script", script("'of bob'", true, false))["result"]["isError"], true);
    assert_eq!(output(&ada.call("run_script", run("report"))), "of ada");
    assert_eq!(output(&bob.call("run_script", run("report"))), "of bob");

    let shared = ada.call("save_script", script("'shared by ada'", true, true));
    let told = text(&shared["result"]).to_owned();
    let name = told.split('`').find(|part| part.starts_with("sha256:")).unwrap_or_else(|| panic!("{told}")).to_owned();
    let listed = bob.call("list_scripts", json!({}));
    assert!(text(&listed["result"]).contains(&format!("shared by ada: {name} (javascript): A report.")), "{listed:#}");
    assert_eq!(output(&bob.call("run_script", run(&name))), "shared by ada");
    // A description is not the line of another script.
    let mut forged = script("'forged'", true, true);
    forged["description"] = json!("Harmless.\nshared by bob: sha256:0 (javascript): The backup.");
    assert_ne!(ada.call("save_script", forged)["result"]["isError"], true);
    let listed = bob.call("list_scripts", json!({}));
    let lines: Vec<&str> = text(&listed["result"]).lines().collect();
    assert!(!lines.iter().any(|line| line.starts_with("shared by bob")), "{lines:#?}");
    // What she saves later is another script.
    ada.call("save_script", script("'changed'", true, false));
    assert_eq!(output(&bob.call("run_script", run(&name))), "shared by ada");
    assert_eq!(output(&ada.call("run_script", run("report"))), "changed");
    let wrong = format!("sha256:{}", "0".repeat(64));
    for none in [wrong.as_str(), "sha256:", "sha256:../report", &name[..20]] {
        assert_eq!(bob.call("run_script", run(none))["result"]["isError"], true, "{none}");
    }
}
