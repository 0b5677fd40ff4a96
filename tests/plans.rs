//! The shipped planner through the whole host: a plan over real servers, gone on with after a failure and after a kill; a plan
//! that a model writes.

use crate::examples::office::{model, office, told};
use crate::support::{Ended, Place, Running, eventually, evil_server, fleet_config, repository};
use serde_json::{Value, json};
use tollgate_scripted_model::Turn;

/// The tutorial's workflow as data: bugs that are no tickets yet become tickets.
fn sync() -> Value {
    json!({"steps": [
        {"id": "issues", "tool": "github:list_issues",
         "arguments": {"owner": "o", "repo": "r", "labels": ["bug"], "per_page": 100}},
        {"id": "known", "tool": "jira:search_issues", "for_each": "steps.issues.result.issues",
         "arguments": {"jql": "project = API AND summary ~ \"\\\"#${item.number}\\\"\""}},
        {"id": "create", "tool": "jira:create_issue", "for_each": "steps.known.items[?length(result.issues)==`0`].item",
         "on_error": "continue",
         "arguments": {"project": "API", "type": "Bug", "summary": "#${item.number} ${item.title}"}},
        {"id": "tell", "tool": "slack:post_message", "condition": "steps.create.result",
         "arguments": {"channel": "#engineering", "text": "${length(steps.create.result)} bugs are in Jira now"}},
    ]})
}

fn planner(place: &Place, args: &[&str]) -> Ended {
    let mut all =
        vec!["--config", "servers.json", "run", "planner", "--json", "--grant", "*:*", "--grant", "state=plan/*"];
    all.extend(["--grant", "model"]);
    all.extend(args);
    place.run(all)
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect()
}

#[test]
fn a_plan_goes_on_where_it_failed_and_repeats_nothing() {
    let place = office(None);
    place.write("fail-create_issue", "400: the field `component` is required\n");
    place.write("input.json", json!({"id": "sync-001", "plan": sync()}).to_string());
    let first = planner(&place, &["--input", "@input.json"]).expect(1).json();
    assert_eq!(first["status"], "ok", "{first:#}");
    let output = &first["output"];
    assert_eq!(output["partial"], true, "{first:#}");
    assert_eq!(output["errors"][0]["step"], "create", "{first:#}");
    assert!(output["errors"][0]["message"].as_str().unwrap().contains("component"), "{first:#}");
    assert!(output["completed_steps"].as_array().unwrap().iter().all(|step| step["elapsed_ms"].is_u64()), "{first:#}");
    assert_eq!(told(&place, "tickets.json").len(), 1, "one of two was created");

    let second = planner(&place, &["--resume", "sync-001"]).expect(0).json();
    let output = &second["output"];
    assert_eq!((&output["partial"], ids(&output["completed_steps"]).len()), (&json!(false), 4), "{second:#}");
    let called: Vec<_> =
        second["calls"].as_array().unwrap().iter().map(|call| call["tool"].as_str().unwrap()).collect();
    assert_eq!(called, ["create_issue"], "only what was missing: {second:#}");
    let tickets = told(&place, "tickets.json");
    assert_eq!(tickets.len(), 2, "{tickets:?}");
    assert_eq!(told(&place, "messages.json").len(), 1, "what was told is not told again");

    let nothing = planner(&place, &["--resume", "nobody"]);
    assert_ne!(nothing.code, 0);
    assert!(
        nothing.json()["error"]["message"].as_str().unwrap().contains("there is no plan `nobody`"),
        "{}",
        nothing.stdout
    );
}

#[test]
fn all_that_is_wrong_with_a_plan_is_said_before_the_first_call() {
    let place = office(None);
    let plan = json!({"steps": [
        {"id": "a", "tool": "github:list_isues", "arguments": {"owner": "o", "repo": "r"}},
        {"id": "b", "tool": "jira:create_issue", "arguments": {"project": 7, "summary": "${steps.z.result}"}},
        {"id": "c", "tool": "slack:post_message", "depends_on": ["d"], "arguments": {"channel": "#a", "text": "x"}},
        {"id": "d", "tool": "slack:post_message", "depends_on": ["c"], "arguments": {"channel": "#a", "text": "x"}},
    ]});
    let report = planner(&place, &["--input", &json!({"plan": plan}).to_string()]).json();
    let error = report["error"].to_string();
    for fault in ["near it: github:list_issues", "required property", "no step `z`", "not of type", "c → d → c"] {
        assert!(error.contains(fault), "{fault} is missing: {report:#}");
    }
    assert_eq!(report["calls"], json!([]), "{report:#}");
    assert!(told(&place, "messages.json").is_empty());
}

/// A call that may have had its effect when the host was killed is not made again, unless somebody says so.
#[test]
fn a_plan_whose_host_was_killed_says_which_step_may_have_had_its_effect() {
    let place = Place::new();
    let repo = place.work().join("repo");
    repository(&repo);
    let log = place.work().join("stuck.log");
    let servers = json!({
        "filesystem": fleet_config(&repo)["mcpServers"]["filesystem"],
        "stuck": evil_server("never-answers", log.to_str().unwrap()),
    });
    place.write("servers.json", json!({"servers": servers}).to_string());
    let plan = |text: &str| {
        json!({"id": "night", "plan": {"mode": "sequential", "steps": [
            {"id": "note", "tool": "filesystem:write_file",
             "arguments": {"path": repo.join("a.txt"), "content": "a"}},
            {"id": "long", "tool": "stuck:echo", "arguments": {"text": text}},
            {"id": "read", "tool": "filesystem:read_text_file", "arguments": {"path": repo.join("a.txt")}},
        ]}})
    };
    place.write("input.json", plan("a").to_string());
    let mut command = place.tollgate(["--config", "servers.json", "run", "planner", "--input", "@input.json"]);
    command.args(["--grant", "*:*", "--grant", "state=plan/*"]);
    let host = Running::start(command);
    let called = || std::fs::read_to_string(&log).unwrap_or_default().matches("called").count();
    eventually("the call that has no answer", || (called() > 0).then_some(()));
    host.signal("-KILL");
    host.ended();

    let again = planner(&place, &["--resume", "night"]).json();
    let output = &again["output"];
    assert_eq!(output["errors"][0]["kind"], "outcome-unknown", "{again:#}");
    assert_eq!(output["errors"][0]["step"], "long", "{again:#}");
    assert!(output["errors"][0]["message"].as_str().unwrap().contains("retry"), "it says what to do: {again:#}");
    assert_eq!((&again["calls"], called()), (&json!([]), 1), "{again:#}");
    assert_eq!(ids(&output["skipped_steps"]), ["read"], "{again:#}");
    // With other arguments it would be another plan.
    let changed = planner(&place, &["--resume", "night", "--input", &plan("b").to_string()]).json();
    assert!(changed["error"]["message"].as_str().unwrap().contains("not the one that was begun"), "{changed:#}");
    drop(place);
    eventually("servers of a host that was killed end", || {
        crate::support::processes_with(&repo.display().to_string()).is_empty().then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_writes_the_plan_of_a_goal_and_mends_it_once() {
    let plan = |tool: &str| json!({"steps": [{"id": "tell", "tool": tool, "arguments": {"channel": "#engineering", "text": "${input.news}"}}]});
    let scripted =
        model([Turn::text(plan("slack:post").to_string()), Turn::text(plan("slack:post_message").to_string())]).await;
    let place = office(Some(&scripted.url()));
    let goal = json!({"goal": "Tell the engineers the news.", "input": {"news": "it works"}}).to_string();
    let report = planner(&place, &["--input", &goal]).json();
    assert_eq!((&report["status"], &report["output"]["partial"]), (&json!("ok"), &json!(false)), "{report:#}");
    assert_eq!(report["output"]["plan"], plan("slack:post_message"), "{report:#}");
    assert_eq!(told(&place, "messages.json"), [json!({"channel": "#engineering", "text": "it works"})]);
    let asked = scripted.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].body.to_string().contains("slack:post_message"), "it is told of the tools");
    assert!(asked[1].body.to_string().contains("slack:post"), "it is told what is wrong");

    // One that cannot mend its plan.
    scripted.then([Turn::text(plan("a:b").to_string()), Turn::text(plan("a:c").to_string())]);
    let report = planner(&place, &["--input", &goal]).json();
    assert_eq!(report["status"], "error", "{report:#}");
    assert!(report["error"].to_string().contains("a:c"), "{report:#}");
    assert_eq!(told(&place, "messages.json").len(), 1, "nothing was called");
}
