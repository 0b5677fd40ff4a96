//! `tollgate demo` needs nothing and answers the question.

use crate::support::Place;

#[test]
fn the_demo_answers_from_five_servers_at_once() {
    let ended = Place::new().run(["demo", "--json"]).expect(0);
    let report = ended.json();
    assert_eq!(report["status"], "ok", "{report:#}");
    let calls = report["calls"].as_array().unwrap();
    let servers: std::collections::BTreeSet<_> = calls.iter().map(|c| c["server"].as_str().unwrap()).collect();
    assert_eq!(servers.into_iter().collect::<Vec<_>>(), ["analytics", "calendar", "crm", "payments", "tickets"]);
    assert!(calls.iter().all(|c| c["outcome"] == "ok"), "{report:#}");

    // The four that need the customer begin before any of them ends: they run at once.
    let rest: Vec<_> = calls.iter().filter(|c| c["server"] != "crm").collect();
    let started = |c: &serde_json::Value| c["started_ms"].as_f64().unwrap();
    let ended_at = |c: &serde_json::Value| started(c) + c["elapsed_ms"].as_f64().unwrap();
    let last_start = rest.iter().map(|c| started(c)).fold(0.0, f64::max);
    let first_end = rest.iter().map(|c| ended_at(c)).fold(f64::MAX, f64::min);
    assert!(last_start < first_end, "{report:#}");

    let summary = report["output"]["summary"].as_str().unwrap();
    for fact in ["John Smith", "Acme", "renewal"] {
        assert!(summary.contains(fact), "{fact} is not in: {summary}");
    }
}

#[test]
fn the_demo_shows_a_timeline_and_the_answer() {
    let ended = Place::new().run(["demo"]).expect(0);
    for text in ["servers", "question", "calls", "crm:search_customers", "payments:get_payment_history", "━", "answer"]
    {
        assert!(ended.stdout.contains(text), "{text} is not in:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn an_unknown_customer_is_the_policys_error() {
    let ended = Place::new().run(["demo", "--json", "--email", "nobody@example.com"]).expect(1);
    let report = ended.json();
    assert_eq!(report["status"], "error");
    assert!(report["error"]["message"].as_str().unwrap().contains("nobody@example.com"), "{report:#}");
}
