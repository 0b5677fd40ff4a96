//! What servers ask of the agent's client.

use super::{place, serve};
use crate::support::mcp::{Lines, text};
use serde_json::{Value, json};

fn elicits() -> Value {
    json!({"elicitation": {}, "sampling": {}, "roots": {}})
}

fn answer(agent: &mut Lines, question: &Value, result: Value) {
    agent.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": result}));
}

#[test]
fn a_question_reaches_the_client_with_the_servers_name_and_its_answer_the_server() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], elicits());
    let call = json!({"name": "fixture__test_elicitation", "arguments": {"message": "Who are you?"}});
    let id = agent.begin("tools/call", call);
    let question = agent.asked("elicitation/create");
    let message = question["params"]["message"].as_str().unwrap();
    assert!(message.starts_with("fixture asks: ") && message.contains("Who are you?"), "{question:#}");
    answer(
        &mut agent,
        &question,
        json!({"action": "accept", "content": {"username": "ada", "email": "ada@example.com"}}),
    );
    let result = agent.answer(id);
    assert!(text(&result["result"]).contains("ada"), "{result:#}");
}

#[test]
fn a_question_of_a_server_that_a_policy_calls_reaches_the_client_too() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "policies"], elicits());
    let inner = json!({"server": "fixture", "tool": "test_sampling", "args": {"prompt": "2 + 2?"}});
    let call = json!({"name": "calls", "arguments": {"mode": "sequence", "calls": [inner]}});
    let id = agent.begin("tools/call", call);
    let question = agent.asked("sampling/createMessage");
    assert_eq!(question["params"]["_meta"]["io.tollgate/server"], "fixture", "{question:#}");
    let said = json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "four, surely"}});
    answer(&mut agent, &question, said);
    let result = agent.answer(id);
    assert!(result.to_string().contains("four, surely"), "{result:#}");
}

#[test]
fn a_client_that_cannot_be_asked_is_not_asked_and_the_call_says_so() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let call = json!({"name": "fixture__test_elicitation", "arguments": {"message": "Who are you?"}});
    let result = agent.request("tools/call", call);
    assert!(agent.unasked.iter().all(|m| m["method"] != "elicitation/create"), "{:#?}", agent.unasked);
    // The server sees what this client can, and says itself what it lacks.
    assert_eq!(result["error"]["code"], -32021, "{result:#}");
    assert!(result["error"].to_string().contains("elicitation"), "{result:#}");
}

#[test]
fn a_call_that_is_cancelled_while_it_waits_for_an_answer_ends() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], elicits());
    let call = json!({"name": "fixture__test_elicitation", "arguments": {"message": "Who are you?"}});
    let id = agent.begin("tools/call", call);
    agent.asked("elicitation/create");
    agent.notify("notifications/cancelled", json!({"requestId": id}));
    assert!(text(&agent.call("echo__echo", json!({"text": "still here"}))).contains("still here"));
}
