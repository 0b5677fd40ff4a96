//! Whole questions over a fake host and a scripted model.

use std::time::Duration;

use tollgate_sdk::Limit;
use tollgate_sdk::model::{Completion, Finish, ModelError, Role, ToolUse, Usage};
use tollgate_sdk::prelude::*;
use tollgate_sdk::servers::Tool;
use tollgate_sdk::testing::{FakeHost, block_on};

use crate::{Answer, Input};

fn host() -> FakeHost {
    let tool = |server: &str, name: &str| Tool::new(server, name, json!({"type": "object"})).described("Gets it.");
    FakeHost::new()
        .tool(tool("crm", "search_customers"))
        .tool(tool("payments", "get_history"))
        .tool(tool("tickets", "list"))
        .answer("crm:search_customers", json!([{"id": "c-1"}]))
        .with("payments:get_history", |_| Ok(ToolResult::from_text("one payment failed")))
        .fail("tickets:list", CallError::Unavailable("connection refused".into()))
}

fn uses<const N: usize>(wanted: [(&str, &str); N]) -> Result<Completion, ModelError> {
    let one = |(nth, (name, arguments)): (usize, (&str, &str))| ToolUse::new(format!("u{nth}"), name, arguments);
    let mut answer = Completion::uses(wanted.into_iter().enumerate().map(one));
    answer.usage = Usage { input_tokens: 100, output_tokens: 10 };
    Ok(answer)
}

fn ask(more: Value) -> Result<Answer> {
    let mut input = json!({"question": "What about John?"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let input: Input = serde_json::from_value(input).unwrap();
    block_on(crate::hub_agent(input))
}

fn outcomes(answer: &Answer) -> Vec<String> {
    let uses = answer.transcript.turns.iter().flat_map(|turn| &turn.tool_uses);
    uses.map(|wanted| wanted.outcome.clone()).collect()
}

#[test]
fn tools_of_one_turn_are_called_at_once_and_their_results_told() {
    let host = host()
        .completes(uses([("crm__search_customers", r#"{"query": "john"}"#)]))
        .completes(uses([("payments__get_history", r#"{"id": "c-1"}"#), ("tickets__list", "")]))
        .says("John's payment failed.")
        .install();
    let answer = ask(json!({})).unwrap();
    assert_eq!((answer.answer.as_str(), answer.finish.as_str()), ("John's payment failed.", "stop"));
    assert_eq!(host.most_in_flight(), 2);
    assert_eq!(host.calls()[0], ("crm:search_customers".to_owned(), json!({"query": "john"})));
    assert_eq!(outcomes(&answer), ["ok", "ok", "unavailable"]);
    assert_eq!((answer.transcript.usage.total(), answer.transcript.calls), (220, 3));
    let roles: Vec<_> = answer.transcript.turns.iter().map(|turn| turn.role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant", "tool", "tool", "assistant"]);
    assert_eq!(answer.transcript.turns[3].tool_uses[0].tool.as_deref(), Some("payments:get_history"));

    // The model saw all of it, and which of it failed.
    let last = host.requests().pop().unwrap();
    let told: Vec<_> = last.messages.iter().filter(|message| message.role == Role::Tool).collect();
    assert_eq!(told[1].content, "one payment failed");
    assert_eq!(told[2].tool_use_id.as_deref(), Some("u1"));
    assert!(told[2].is_error && told[2].content.contains("connection refused") && !told[1].is_error);
    assert!(last.messages[0].content.contains("- payments (1 tools)"));
    assert_eq!(last.tools[0].name, "crm__search_customers");
    assert_eq!(last.tools[0].description, "[crm] Gets it.");
    assert_eq!(host.progress(), ["crm:search_customers", "payments:get_history, tickets:list"]);
}

#[test]
fn one_after_the_other_if_asked() {
    let host = host().completes(uses([("payments__get_history", "{}"); 3])).says("ok").install();
    ask(json!({"parallel": false})).unwrap();
    assert_eq!((host.most_in_flight(), host.calls().len()), (1, 3));
}

#[test]
fn what_the_model_does_wrong_is_told_to_it() {
    let host = host()
        .completes(uses([
            ("crm__search_customers", "{\"query\": "),
            ("crm__search_customers", "[1]"),
            ("crm__search", "{}"),
            ("rm_rf", "{}"),
        ]))
        .says("Sorry.")
        .install();
    let answer = ask(json!({})).unwrap();
    assert_eq!(outcomes(&answer), ["mistake"; 4]);
    assert!(host.calls().is_empty());
    let told: Vec<_> = answer.transcript.turns[2..6].iter().map(|turn| turn.content.as_str()).collect();
    assert!(told[0].contains("not JSON") && told[1].contains("not a JSON object"), "{told:?}");
    assert!(told[2].contains("there are crm__search_customers"), "{told:?}");
    assert_eq!(told[3], r#"there is no tool "rm_rf""#);
}

#[test]
fn a_models_endless_wish_for_tools_ends_with_the_transcript() {
    let host = host().model(|_| uses([("payments__get_history", "{}")])).install();
    let error = ask(json!({"max_turns": 4})).unwrap_err();
    assert!(error.to_string().contains("asked 4 times and still wanted tools"), "{error}");
    let shown = format!("{error:?}");
    assert!(shown.contains("max-turns") && shown.contains("one payment failed"), "{shown}");
    assert_eq!((host.requests().len(), host.calls().len()), (4, 4));
}

#[test]
fn a_used_up_token_budget_ends_it_too() {
    let host = host().model(|_| uses([("payments__get_history", "{}")])).install();
    let error = ask(json!({"max_tokens": 200})).unwrap_err();
    assert!(error.to_string().contains("used 220 tokens"), "{error}");
    assert_eq!(host.requests().len(), 2);
}

#[test]
fn an_answer_that_is_cut_or_refused_is_an_answer() {
    for (finish, word) in [(Finish::Length, "length"), (Finish::Refusal, "refusal")] {
        let mut cut = uses([("crm__search_customers", "{\"qu")]).unwrap();
        cut.finish = finish;
        cut.message.content = "I would".into();
        let host = host().completes(Ok(cut)).install();
        let answer = ask(json!({})).unwrap();
        assert_eq!((answer.answer.as_str(), answer.finish.as_str()), ("I would", word));
        assert!(host.calls().is_empty(), "cut arguments are not used");
        assert_eq!(outcomes(&answer), ["not called"]);
    }
}

#[test]
fn a_model_that_fails_is_an_error_with_the_transcript() {
    let slow = || Err(ModelError::RateLimited(Some(Duration::from_secs(9))));
    let _host = host().completes(uses([("payments__get_history", "{}")])).completes(slow()).install();
    let error = ask(json!({})).unwrap_err();
    assert_eq!(error.to_string(), "the model's provider asks to wait 9000 ms");
    let shown = format!("{error:?}");
    assert!(shown.contains("\"model\"") && shown.contains("one payment failed"), "{shown}");
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_once_more() {
    let broken = || Err(ModelError::InvalidResponse("the stream ended".into()));
    let _host = host().completes(broken()).says("ok").install();
    assert_eq!(ask(json!({})).unwrap().answer, "ok");
    let _host = host().completes(broken()).completes(broken()).says("too late").install();
    assert!(ask(json!({})).unwrap_err().to_string().contains("the stream ended"));
}

#[test]
fn patterns_narrow_the_tools() {
    let host = host().completes(uses([("payments__get_history", "{}")])).says("ok").install();
    let answer = ask(json!({"tools": ["crm:*", "*:list"], "system": "You are terse.", "model": "small"})).unwrap();
    assert_eq!(outcomes(&answer), ["mistake"]);
    let request = host.requests().swap_remove(0);
    let names: Vec<_> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["crm__search_customers", "tickets__list"]);
    assert_eq!(request.model_name(), Some("small"));
    assert!(request.messages[0].content.starts_with("You are terse."));
}

fn many() -> FakeHost {
    let tool = |n: usize| Tool::new("big", format!("tool_{n}"), json!({"type": "object"})).described("Does a thing.");
    (0..60).map(tool).fold(host(), FakeHost::tool)
}

#[test]
fn many_tools_are_found_by_search() {
    let host = many()
        .completes(uses([("search_tools", r#"{"query": "payment histories or history"}"#)]))
        .completes(uses([("call_tool", r#"{"tool": "payments:get_history", "arguments": {"id": "c-1"}}"#)]))
        .completes(uses([("call_tool", r#"{"tool": "payments:get_history", "arguments": "{\"id\": 2}"}"#)]))
        .says("ok")
        .install();
    let answer = ask(json!({})).unwrap();
    assert_eq!(outcomes(&answer), ["ok"; 3]);
    let first = &host.requests()[0];
    assert_eq!(first.tools.len(), 2);
    assert!(first.messages[0].content.contains("- big (60 tools)"));
    let found: Value = serde_json::from_str(&answer.transcript.turns[2].content).unwrap();
    assert_eq!(found[0]["tool"], "payments:get_history");
    let called: Vec<_> = host.calls().into_iter().map(|(_, args)| args).collect();
    assert_eq!(called, [json!({"id": "c-1"}), json!({"id": 2})]);
    assert_eq!(answer.transcript.calls, 2);
}

#[test]
fn mistakes_of_a_search_are_told() {
    let _host = many()
        .completes(uses([
            ("search_tools", r#"{"query": "weather"}"#),
            ("search_tools", "{}"),
            ("call_tool", r#"{"arguments": {}}"#),
            ("call_tool", r#"{"tool": "no:such", "arguments": {}}"#),
            ("call_tool", r#"{"tool": "tickets:list", "arguments": 7}"#),
        ]))
        .says("ok")
        .install();
    let answer = ask(json!({})).unwrap();
    assert_eq!(outcomes(&answer), ["ok", "mistake", "mistake", "mistake", "mistake"]);
    assert!(answer.transcript.turns[2].content.contains("try other words"));
}

#[test]
fn a_turn_with_too_many_tools_has_the_rest_put_off() {
    let host = host().completes(uses([("payments__get_history", "{}"); 40])).says("ok").install();
    let answer = ask(json!({})).unwrap();
    assert_eq!((host.calls().len(), answer.transcript.calls), (32, 32));
    assert_eq!(outcomes(&answer).iter().filter(|outcome| *outcome == "mistake").count(), 8);
}

#[test]
fn a_used_up_budget_of_calls_is_told_and_the_model_answers_with_what_it_has() {
    let limit = Limit { name: "calls".into(), value: 9, message: "raise --calls".into() };
    let host = host().fail("crm:search_customers", CallError::BudgetExhausted(Box::new(limit)));
    let _host = host.completes(uses([("crm__search_customers", "{}")])).says("I could not look.").install();
    let answer = ask(json!({})).unwrap();
    assert_eq!(outcomes(&answer), ["budget-exhausted"]);
    assert_eq!(answer.answer, "I could not look.");
}

#[test]
fn a_conversation_that_gets_too_long_forgets_its_oldest_results() {
    let host = host()
        .with("payments:get_history", |_| Ok(ToolResult::from_text("x".repeat(30_000))))
        .completes(uses([("payments__get_history", "{}"); 32]))
        .completes(uses([("payments__get_history", "{}")]))
        .says("ok")
        .install();
    ask(json!({})).unwrap();
    let last = host.requests().pop().unwrap();
    let size: usize = last.messages.iter().map(|message| message.content.len()).sum();
    assert!(size <= 600_000, "{size}");
    let told: Vec<_> = last.messages.iter().filter(|message| message.role == Role::Tool).collect();
    assert!(told[0].content.contains("no longer shown") && told[32].content.starts_with('x'));
}

#[test]
fn without_tools_the_model_answers_by_itself() {
    let _host = FakeHost::new().says("42").install();
    assert_eq!(ask(json!({})).unwrap().answer, "42");
}

#[test]
fn a_question_that_is_none_reaches_no_model() {
    let host = host().install();
    for input in [json!({"question": " "}), json!({"max_turns": 0}), json!({"max_turns": 101})] {
        assert!(ask(input).unwrap_err().to_string().contains("`max_turns` from 1 to 100"));
    }
    assert!(host.requests().is_empty());
}
