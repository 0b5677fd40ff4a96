//! The shipped policies, over the five demo servers: each pattern of the guide does what it says.

pub(crate) mod office;

use crate::support::{Place, fleet_config, repository};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A component of the plugins, where the build script of the binary keeps it: cargo's own folder has those of the
/// workspace of guests that was built last.
pub(crate) fn plugin(name: &str) -> PathBuf {
    let path = Path::new(env!("OUT_DIR")).join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing", path.display());
    path
}

fn run(policy: &str, input: Value) -> Value {
    let place = Place::new();
    let mut servers = json!({});
    for name in ["crm", "tickets", "payments", "calendar", "analytics"] {
        servers[name] = json!({"component": plugin(&format!("adapter_{name}"))});
    }
    place.write("servers.json", json!({"servers": servers}).to_string());
    run_in(&place, policy, input)
}

/// Runs a policy over the servers of `servers.json`.
fn run_in(place: &Place, policy: &str, input: Value) -> Value {
    let file = plugin(&format!("policy_{policy}"));
    let input = input.to_string();
    // Exactly what it asks for.
    let checked = place.run(["check", "--json", file.to_str().unwrap()]).expect(0).json();
    let mut args = vec!["--config", "servers.json", "run", file.to_str().unwrap(), "--json", "--input", &input];
    for grant in checked["grants"].as_array().unwrap() {
        args.extend(["--grant", grant.as_str().unwrap()]);
    }
    place.run(args).json()
}

#[test]
fn hello() {
    let report = run("hello", json!({"name": "Ada"}));
    assert_eq!(report["output"], "Hello, Ada!", "{report:#}");
    let size = std::fs::metadata(plugin("policy_hello")).unwrap().len();
    assert!(size < 200_000, "a hello policy is {size} bytes");
    let source = std::fs::read_to_string(crate::support::root().join("plugins/policies/hello/src/lib.rs")).unwrap();
    assert!(source.lines().count() < 15);
}

#[test]
fn customer_360_names_what_is_missing() {
    let report = run("customer_360", json!({"email": "john.smith@acme.com"}));
    assert_eq!(report["status"], "ok", "{report:#}");
    assert_eq!(report["output"]["missing"], json!([]), "{report:#}");
    assert!(!report["output"]["open_tickets"].as_array().unwrap().is_empty(), "{report:#}");
}

/// The tools that a run called, in the order in which they answered.
fn called(report: &Value) -> Vec<String> {
    let calls = report["calls"].as_array().unwrap().iter();
    calls.map(|c| format!("{}:{}", c["server"].as_str().unwrap(), c["tool"].as_str().unwrap())).collect()
}

#[test]
fn pipeline_opens_a_ticket_only_when_a_payment_failed() {
    let report = run("pipeline", json!({"email": "john.smith@acme.com"}));
    assert_eq!(report["status"], "ok", "{report:#}");
    assert_eq!(report["output"]["failed_payments"], 3, "{report:#}");
    assert!(report["output"]["ticket"].is_string(), "{report:#}");
    let steps = ["crm:search_customers", "payments:get_payment_history", "tickets:create_ticket"];
    assert_eq!(called(&report), steps, "one after the other");

    let nobody = run("pipeline", json!({"email": "nobody@example.com"}));
    assert_eq!(nobody["status"], "error", "{nobody:#}");
    assert!(nobody["error"]["message"].as_str().unwrap().contains("nobody@example.com"), "{nobody:#}");
}

#[test]
fn fan_out_asks_everybody_at_once_and_ranks_the_answers() {
    let report = run("fan_out", json!({"query": "e"}));
    assert_eq!(report["status"], "ok", "{report:#}");
    let ranking = report["output"]["ranking"].as_array().unwrap();
    let missing = report["output"]["missing"].as_array().unwrap();
    let asked = called(&report).iter().filter(|tool| *tool == "analytics:get_trend").count();
    assert!(ranking.len() > 1, "{report:#}");
    assert_eq!(ranking.len() + missing.len(), asked, "everybody is accounted for: {report:#}");
    let changes: Vec<f64> = ranking.iter().map(|r| r["change_percent"].as_f64().unwrap()).collect();
    assert!(changes.is_sorted(), "{changes:?}");
}

#[test]
fn conditional_routing_goes_where_the_status_says() {
    for (email, status, tool) in [
        ("john.smith@acme.com", "past_due", Some("tickets:create_ticket")),
        ("amina@lakeside-clinic.example", "trialing", Some("calendar:create_meeting")),
        ("maria.garcia@globex.example", "active", None),
    ] {
        let report = run("conditional_routing", json!({"email": email}));
        assert_eq!(report["output"]["status"], status, "{report:#}");
        let made = called(&report).into_iter().nth(2);
        assert_eq!(made.as_deref(), tool, "{report:#}");
        assert_eq!(report["output"]["record"].is_null(), tool.is_none(), "{report:#}");
    }
}

#[test]
fn iterative_refinement_asks_again_until_the_report_is_short() {
    let report = run("iterative_refinement", json!({"max_rows": 20}));
    assert_eq!(report["status"], "ok", "{report:#}");
    let rounds = report["output"]["rounds"].as_u64().unwrap();
    assert!(rounds > 1, "{report:#}");
    assert_eq!(rounds, report["calls"].as_array().unwrap().len() as u64, "{report:#}");
    assert!(report["output"]["rows"].as_array().unwrap().len() <= 20, "{report:#}");
}

#[test]
fn error_recovery_tries_the_next_slot_and_gives_up_on_none() {
    let taken = "2026-11-24T15:00:00Z";
    let report = run("error_recovery", json!({"title": "Renewal", "slots": [taken, "2026-11-24T16:00:00Z"]}));
    assert_eq!(report["status"], "ok", "{report:#}");
    assert_eq!(report["output"]["refused"].as_array().unwrap().len(), 1, "{report:#}");
    let outcomes: Vec<_> = report["calls"].as_array().unwrap().iter().map(|c| c["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "ok"], "{report:#}");

    let none = run("error_recovery", json!({"title": "Renewal", "slots": [taken]}));
    assert_eq!((&none["status"], &none["error"]["code"]), (&json!("error"), &json!("no-slot")), "{none:#}");
}

/// The whole promise on real servers: a file as other clients have it, three of its servers, one policy.
#[test]
fn standup_uses_git_filesystem_and_time_of_an_unchanged_file_of_another_client() {
    let place = Place::new();
    let repo = place.work().join("repo");
    repository(&repo);
    place.write("servers.json", fleet_config(&repo).to_string());
    let input = json!({"repository": repo, "notes": "notes.txt", "timezone": "Europe/Berlin"});
    let report = run_in(&place, "standup", input);
    assert_eq!(report["status"], "ok", "{report:#}");
    let text = report["output"].as_str().unwrap();
    for want in ["First notes", "remember the milk", "Standup of 20"] {
        assert!(text.contains(want), "{want} is missing: {text}");
    }
}
