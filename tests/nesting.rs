//! Runs behind runs: a policy calls an adapter that calls a tool.

use crate::support::*;
use serde_json::{Value, json};
use tollgate_test_guests as guests;

const ADAPTERS: [(&str, &str); 2] = [("async", guests::ADAPTER_RELAY), ("blocking", guests::ADAPTER_RELAY_BLOCKING)];
const POLICIES: [&str; 2] = [guests::POLICY_CALLS, guests::POLICY_CALLS_BLOCKING];

fn place(grants: &[&str]) -> Place {
    let place = Place::new();
    let mut servers = json!({"echo": evil_server("good", "")});
    for (name, component) in ADAPTERS {
        servers[name] = json!({"component": component, "grants": grants});
    }
    servers["spin"] = json!({"component": guests::ADAPTER_SPIN});
    place.write("servers.json", json!({"servers": servers}).to_string());
    place
}

fn run(place: &Place, policy: &str, calls: Value, more: &[&str]) -> Ended {
    let input = json!({"mode": "sequence", "calls": calls}).to_string();
    let mut args = vec!["--config", "servers.json", "run", policy, "--json", "--grant", "*:*", "--input", &input];
    args.extend(more);
    place.run(args)
}

/// A call of `relay` at each of `path` in turn, the last of which calls `echo:echo`.
fn relayed(path: &[&str]) -> Value {
    match path {
        [] => json!({"server": "echo", "tool": "echo", "args": {"text": "deep"}}),
        [first, rest @ ..] => json!({"server": first, "tool": "relay", "args": relayed(rest)}),
    }
}

#[test]
fn async_and_blocking_guests_nest_in_each_other() {
    let place = place(&["*:*"]);
    for policy in POLICIES {
        for path in [["async", "blocking"], ["blocking", "async"], ["async", "async"], ["blocking", "blocking"]] {
            let report = run(&place, policy, json!([relayed(&path)]), &[]).expect(0).json();
            assert!(report["output"][0]["ok"].to_string().contains("deep"), "{policy} {path:?}: {report:#}");
        }
    }
}

#[test]
fn the_depth_has_a_limit_that_names_itself() {
    let place = place(&["*:*"]);
    for policy in POLICIES {
        let path = ["async", "blocking", "async", "blocking"];
        let report = run(&place, policy, json!([relayed(&path[..2])]), &["--depth", "2"]).expect(0).json();
        let text = report["output"][0]["error"].to_string();
        assert!(text.contains("depth") && text.contains("--depth"), "{report:#}");
        // An adapter that calls itself for ever ends at the default.
        let report = run(&place, policy, json!([relayed(&path)]), &[]).expect(0).json();
        assert!(report["output"][0]["error"].to_string().contains("depth"), "{report:#}");
    }
}

#[test]
fn an_adapter_has_its_own_grants_and_not_its_callers() {
    let place = place(&[]);
    let report = run(&place, guests::POLICY_CALLS, json!([relayed(&["async"])]), &[]).expect(0).json();
    let error = &report["output"][0]["error"];
    assert_eq!(error["kind"], "failed", "the denial is the adapter's: {report:#}");
    assert!(error.to_string().contains("no grant for echo:echo"), "{report:#}");
}

#[test]
fn calls_behind_a_call_are_paid_by_the_caller() {
    let place = place(&["*:*"]);
    // Each relayed call costs two.
    let calls = json!([relayed(&["async"]), relayed(&["async"]), relayed(&["async"])]);
    let report = run(&place, guests::POLICY_CALLS, calls, &["--calls", "4"]).expect(0).json();
    let outputs = report["output"].as_array().unwrap();
    assert!(outputs[0]["ok"].is_object() && outputs[1]["ok"].is_object(), "{report:#}");
    assert_eq!(outputs[2]["error"]["kind"], "budget-exhausted", "{report:#}");
}

#[test]
fn fuel_behind_a_call_is_paid_by_the_caller() {
    let place = place(&[]);
    let spin = json!([{"server": "spin", "tool": "forever", "args": {}}]);
    let report = run(&place, guests::POLICY_CALLS, spin, &["--fuel", "50_000_000"]).expect(4).json();
    assert_eq!(report["error"]["limit"]["name"], "fuel", "{report:#}");
    assert_eq!(report["fuel_used"], 50_000_000);
}
