//! The workflows that people wrote for other orchestrators: bugs that become tickets, the daily standup, the search for a bug's
//! cause, a report that a model judges. Over servers with the tools that they name, and a model that answers from a script.

use super::{plugin, run_in};
use crate::support::{Place, fleet_config, root};
use serde_json::{Value, json};
use tollgate_scripted_model::{Script, Scripted, Turn};

/// The servers of an office, and the real filesystem server over `repo`. What they are told stays in the place.
pub(crate) fn office(model: Option<&str>) -> Place {
    let place = Place::new();
    let repo = place.work().join("repo");
    std::fs::create_dir_all(repo.join("src")).unwrap();
    std::fs::write(repo.join("src/handler.py"), "def total(order):\n    return order.total\n").unwrap();
    let python = root().join("tests/clients/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask fleet`", python.display());
    let program = root().join("tests/examples/office_server.py");
    let mut servers = json!({"filesystem": fleet_config(&repo)["mcpServers"]["filesystem"]});
    for name in ["github", "jira", "postgres", "slack"] {
        servers[name] = json!({"command": python, "args": [program, name, place.work()]});
    }
    let mut config = json!({"servers": servers});
    if let Some(url) = model {
        config["model"] = json!({"provider": "openai", "url": format!("{url}/v1"), "model": "scripted"});
    }
    place.write("servers.json", config.to_string());
    place
}

/// What servers were told.
pub(crate) fn told(place: &Place, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(place.work().join(file)).unwrap_or_else(|_| "[]".to_owned());
    serde_json::from_str(&text).unwrap()
}

pub(crate) async fn model(turns: impl IntoIterator<Item = Turn>) -> Scripted {
    Scripted::start(Script::new(turns)).await.unwrap()
}

#[test]
fn bugs_of_github_become_tickets_of_jira_and_none_twice() {
    let place = office(None);
    place.write("fail-create_issue", "400: the field `component` is required\n");
    let sync = |dry_run: bool| {
        run_in(&place, "github_jira_sync", json!({"repository": "o/r", "project": "API", "dry_run": dry_run}))
    };
    let numbers =
        |list: &Value| -> Vec<u64> { list.as_array().unwrap().iter().map(|i| i["number"].as_u64().unwrap()).collect() };

    let dry = sync(true);
    assert_eq!(numbers(&dry["output"]["created"]), [11, 12], "{dry:#}");
    assert_eq!(told(&place, "tickets.json"), [] as [Value; 0], "a dry run creates nothing");

    // One is refused, the other is created all the same.
    let first = sync(false)["output"].clone();
    assert_eq!((numbers(&first["known"]), &first["partial"]), (vec![7], &json!(true)), "{first:#}");
    assert_eq!((numbers(&first["created"]).len(), first["errors"].as_array().unwrap().len()), (1, 1), "{first:#}");
    assert!(first["errors"][0].as_str().unwrap().contains("component"), "{first:#}");

    let second = sync(false)["output"].clone();
    assert_eq!((numbers(&second["known"]).len(), numbers(&second["created"]).len()), (2, 1), "{second:#}");
    assert_eq!(second["partial"], false, "{second:#}");
    let third = sync(false)["output"].clone();
    assert_eq!(numbers(&third["known"]), [7, 11, 12], "{third:#}");
    assert_eq!(told(&place, "tickets.json").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standup_report_is_written_by_a_model_and_posted() {
    let scripted = model([Turn::text("All is well.")]).await;
    let place = office(Some(&scripted.url()));
    let report = run_in(&place, "standup_report", json!({"repository": "o/r", "since": "2026-11-19T00:00:00Z"}));
    assert_eq!(report["status"], "ok", "{report:#}");
    let output = &report["output"];
    assert_eq!(
        (&output["report"], &output["written_by"], &output["posted"]),
        (&json!("All is well."), &json!("model"), &json!(true))
    );
    assert_eq!(output["missing"], json!([]), "{report:#}");
    assert_eq!(told(&place, "messages.json"), [json!({"channel": "#engineering", "text": "All is well."})]);
    let asked = scripted.requests()[0].body.to_string();
    for known in ["Simplify the handler", "Lost session", "7.1"] {
        assert!(asked.contains(known), "the model is told of {known}: {asked}");
    }
    assert!(!asked.contains("7.0"), "what was deployed before is not asked for: {asked}");
    // The model is down, and so is a server.
    drop(scripted);
    place.write("fail-list_commits", "503: maintenance\n503: maintenance\n503: maintenance\n503: maintenance\n");
    let report = run_in(&place, "standup_report", json!({"repository": "o/r", "since": "2026-11-19T00:00:00Z"}));
    let output = &report["output"];
    assert_eq!((&output["written_by"], &output["posted"]), (&json!("list"), &json!(true)), "{report:#}");
    assert!(output["missing"].to_string().contains("503: maintenance"), "{report:#}");
    assert!(told(&place, "messages.json")[1]["text"].to_string().contains("Wrong total"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bug_is_investigated_from_log_commits_code_and_known_issues() {
    let findings = json!({
        "root_cause": "The check for no order is gone.", "commit": "abc123", "confidence": "high",
        "evidence": ["the log names handler.py"], "next_steps": ["revert abc123"],
    });
    let scripted = model([Turn::text(findings.to_string())]).await;
    let place = office(Some(&scripted.url()));
    let input = json!({
        "symptom": "500 errors", "repository": "o/r", "since": "2026-11-19T00:00:00Z", "root": place.work().join("repo"),
    });
    let report = run_in(&place, "bug_investigation", input);
    assert_eq!(report["status"], "ok", "{report:#}");
    assert_eq!(
        (&report["output"]["commit"], &report["output"]["missing"]),
        (&json!("abc123"), &json!([])),
        "{report:#}"
    );
    let asked = scripted.requests()[0].body.to_string();
    for known in ["TypeError in src/handler.py", "if order is None", "return order.total", "Crash on start"] {
        assert!(asked.contains(known), "the model is told of {known}: {asked}");
    }
    let told = told(&place, "messages.json");
    assert!(told[0]["text"].as_str().unwrap().contains("The check for no order is gone."), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_judges_a_report_until_it_is_satisfied() {
    let says = |satisfied: bool, weeks: Value| {
        Turn::text(json!({"satisfied": satisfied, "weeks": weeks, "reason": "because"}).to_string())
    };
    let scripted = model([says(false, json!(8)), says(false, json!(12)), says(true, Value::Null)]).await;
    let place = Place::new();
    let config = json!({
        "servers": {"analytics": {"component": plugin("adapter_analytics")}},
        "model": {"provider": "anthropic", "url": scripted.url(), "model": "scripted", "max_tokens": 1000},
    });
    place.write("servers.json", config.to_string());
    let report = run_in(&place, "iterative_refinement", json!({"purpose": "the trend of a quarter"}));
    let output = &report["output"];
    assert_eq!((&output["weeks"], &output["rounds"]), (&json!(12), &json!(3)), "{report:#}");
    assert_eq!(scripted.requests().len(), 3);
    assert!(scripted.requests()[2].body.to_string().contains("the trend of a quarter"));
}
