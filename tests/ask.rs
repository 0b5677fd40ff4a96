//! `tollgate ask`: the shipped agent over real servers and a model that speaks the real interfaces, and all that goes wrong
//! with one.

use crate::examples::office::{model, office, told};
use crate::support::{Ended, Place};
use serde_json::{Value, json};
use tollgate_scripted_model::{Fault, Finish, Scripted, Turn, Use};

fn ask(place: &Place, args: &[&str]) -> Ended {
    let mut all = vec!["--config", "servers.json", "ask", "Which bugs are open?", "--json", "--grant", "*:*"];
    all.extend(args);
    place.run(all)
}

fn issues() -> Use {
    Use::new("github__list_issues", json!({"owner": "o", "repo": "r", "labels": ["bug"]}))
}

/// What the last question to the model said of tools.
fn told_of_tools(model: &Scripted) -> String {
    let messages = model.requests().last().unwrap().body["messages"].clone();
    let messages = messages.as_array().unwrap().iter().filter(|message| message["role"] == "tool");
    messages.map(|message| message["content"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_with_the_tools_of_several_servers_at_once() {
    let query = Use::new("postgres__run_query", json!({"sql": "SELECT service FROM deployments"}));
    let scripted = model([Turn::uses([issues(), query]), Turn::text("Three.")]).await;
    let place = office(Some(&scripted.url()));
    let ended = place.run(["--config", "servers.json", "ask", "Which bugs are open?", "--grant", "*:*"]).expect(0);
    assert_eq!(ended.stdout, "Three.\n");
    let told = told_of_tools(&scripted);
    assert!(told.contains("Lost session") && told.contains("api"), "{told}");
    let first = scripted.requests()[0].body.clone();
    let names: Vec<_> =
        first["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].clone()).collect();
    assert!(names.contains(&json!("filesystem__read_file")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_gets_wrong_is_told_to_it_and_ends_nothing() {
    let wrong = [
        Use::new("github__list_issues", json!("{\"owner\": \"o\", ")),
        Use::new("github__list_isues", json!({})),
        Use::new("github__get_issue", json!({"owner": "o", "repo": "r", "issue_number": "seven"})),
        Use::new("postgres__run_query", json!({"sql": "SELEC"})),
        issues(),
    ];
    let scripted = model([Turn::uses(wrong), Turn::text("Three.")]).await;
    let place = office(Some(&scripted.url()));
    let report = ask(&place, &[]).json();
    assert_eq!((&report["status"], &report["output"]["answer"]), (&json!("ok"), &json!("Three.")), "{report:#}");
    let uses = report["output"]["turns"][1]["tool_uses"].as_array().unwrap().clone();
    let outcomes: Vec<_> = uses.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["mistake", "mistake", "invalid-arguments", "failed", "ok"], "{report:#}");
    let told = told_of_tools(&scripted);
    for said in ["JSON", "github__list_issues", "issue_number", "syntax error", "Lost session"] {
        assert!(told.contains(said), "{said} is not said: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_answers_is_stopped_by_turns_and_by_tokens() {
    let endless = || Turn { repeat: true, ..Turn::uses([issues()]) };
    let scripted = model([endless()]).await;
    let place = office(Some(&scripted.url()));
    let report = ask(&place, &["--max-turns", "3"]).json();
    assert_eq!((&report["status"], &report["error"]["code"]), (&json!("error"), &json!("max-turns")), "{report:#}");
    assert_eq!(scripted.requests().len(), 3);
    assert!(report["error"]["data"]["turns"].as_array().is_some_and(|turns| turns.len() >= 6), "{report:#}");
    let ended = ask(&place, &["--model-tokens", "2000"]);
    let report = ended.json();
    assert_ne!(ended.code, 0);
    assert!(report.to_string().contains("model-tokens"), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_busy_or_breaks_off_is_asked_again() {
    let busy = Turn::fault(Fault::Status { status: 429, retry_after: Some("1".to_owned()) });
    let turns = [busy, Turn::uses([issues()]), Turn::fault(Fault::Truncated), Turn::text("Three.")];
    let scripted = model(turns).await;
    let place = office(Some(&scripted.url()));
    let report = ask(&place, &[]).json();
    assert_eq!((&report["status"], &report["output"]["answer"]), (&json!("ok"), &json!("Three.")), "{report:#}");
    assert_eq!(scripted.requests().len(), 4);

    for (fault, said) in [
        (Turn::status(401), "401"),
        (Turn::fault(Fault::Garbage), "cannot be used"),
        (Turn { finish: Some(Finish::Refusal), ..Turn::text("I may not.") }, "refusal"),
    ] {
        let scripted = model([Turn { repeat: true, ..fault }]).await;
        let report = ask(&office(Some(&scripted.url())), &[]).json();
        assert!(report.to_string().contains(said), "{said}: {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_or_not_approved_is_not_called() {
    let post = || Use::new("slack__post_message", json!({"channel": "#all", "text": "hello"}));
    let scripted = model([Turn::uses([post()]), Turn::text("No."), Turn::uses([post()]), Turn::text("No.")]).await;
    let place = office(Some(&scripted.url()));
    let ask = |args: &[&str]| {
        let mut all = vec!["--config", "servers.json", "ask", "Say hello.", "--json"];
        all.extend(args);
        place.run(all).json()
    };
    let report = ask(&["--grant", "github:*"]);
    assert_eq!(report["output"]["turns"][1]["tool_uses"][0]["outcome"], "mistake", "it is no tool to it: {report:#}");
    let report = ask(&["--grant", "*:*", "--approve", "slack:*"]);
    assert_eq!(report["output"]["turns"][1]["tool_uses"][0]["outcome"], "denied", "{report:#}");
    assert_eq!(told(&place, "messages.json"), [] as [Value; 0]);
}

#[test]
fn without_a_model_it_says_how_to_name_one() {
    let place = office(None);
    let ended = place.run(["--config", "servers.json", "ask", "Which bugs are open?", "--grant", "*:*"]);
    assert_ne!(ended.code, 0);
    assert!(ended.stderr.contains("`model`"), "{}", ended.stderr);
}
