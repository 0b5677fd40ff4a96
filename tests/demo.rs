//! `tollgate demo` needs nothing and answers the question.

use crate::support::Place;

#[test]
fn the_demo_answers_from_five_servers_at_once() {
    // A call takes less than a millisecond: on a busy machine, one may end before the next has begun.
    const TRIES: usize = 10;
    assert!((0..TRIES).any(|_| demo_is_at_once()), "the calls were one after the other {TRIES} times");
}

/// Checks the demo's report. Whether its second call that needs the customer began before the first had ended.
fn demo_is_at_once() -> bool {
    let ended = Place::new().run(["demo", "--json"]).expect(0);
    let report = ended.json();
    assert_eq!(report["status"], "ok", "{report:#}");
    let calls = report["calls"].as_array().unwrap();
    let servers: std::collections::BTreeSet<_> = calls.iter().map(|c| c["server"].as_str().unwrap()).collect();
    assert_eq!(servers.into_iter().collect::<Vec<_>>(), ["analytics", "calendar", "crm", "payments", "tickets"]);
    assert!(calls.iter().all(|c| c["outcome"] == "ok"), "{report:#}");
    let summary = report["output"]["summary"].as_str().unwrap();
    for fact in ["John Smith", "Acme", "renewal"] {
        assert!(summary.contains(fact), "{fact} is not in: {summary}");
    }

    let mut rest: Vec<_> = calls.iter().filter(|c| c["server"] != "crm").collect();
    let started = |c: &serde_json::Value| c["started_ms"].as_f64().unwrap();
    rest.sort_by(|a, b| started(a).total_cmp(&started(b)));
    started(rest[1]) < started(rest[0]) + rest[0]["elapsed_ms"].as_f64().unwrap()
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
