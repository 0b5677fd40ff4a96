//! The global `tollgate`, over a stand-in for the host.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fake;

use std::rc::Rc;

use fake::FakeHost;
use serde_json::{Value, json};
use tollgate_javascript::bindings::model::{Completion, Finish, Message, ModelError, Role, ToolChoice, ToolUse, Usage};
use tollgate_javascript::bindings::{AskError, Limit, Reply};
use tollgate_javascript::engine::Engine;
use tollgate_javascript::run::run;

fn host(grants: &[&str]) -> Rc<FakeHost> {
    Rc::new(FakeHost::new(grants.iter().map(|&grant| grant.to_owned()).collect()))
}

/// The script's value, or the message of what ended it.
fn value(host: &Rc<FakeHost>, code: &str) -> Result<Value, String> {
    let engine = Engine::new(host.clone()).unwrap();
    let ended = futures_executor::block_on(run(&engine, &json!({"code": code}).to_string()));
    let ended: Value = serde_json::from_str(&ended.map_err(|error| error.message)?).unwrap();
    Ok(ended["output"].clone())
}

/// What a script's call fails with: its kind, message and details.
fn failure(host: &Rc<FakeHost>, call: &str) -> Value {
    let code = format!(
        "try {{ await {call}; 'no failure' }} catch (e) {{ [e instanceof ToolError, e.kind, e.message, e.details] }}"
    );
    value(host, &code).unwrap()
}

fn says(host: &FakeHost, text: &str) {
    answers(host, Finish::Stop, text, Vec::new());
}

fn answers(host: &FakeHost, finish: Finish, content: &str, tool_uses: Vec<ToolUse>) {
    let message =
        Message { role: Role::Assistant, content: content.into(), tool_uses, tool_use_id: None, is_error: false };
    let usage = Usage { input_tokens: 3, output_tokens: 5 };
    let answer = Completion { message, finish, model: "small".into(), usage };
    host.others.completions.borrow_mut().push_back(Ok(answer));
}

#[test]
fn a_text_is_a_request_and_the_answer_has_all_its_parts() {
    let host = host(&["model"]);
    says(&host, "Blue.");
    let answer = value(&host, "tollgate.complete('Which colour?')").unwrap();
    let usage = json!({"inputTokens": 3, "outputTokens": 5});
    assert_eq!(answer, json!({"text": "Blue.", "toolUses": [], "finish": "stop", "model": "small", "usage": usage}));
    let requests = host.others.requests.borrow();
    let (messages, tools, options) = &requests[0];
    assert!(matches!(messages[0].role, Role::User) && messages[0].content == "Which colour?" && tools.is_empty());
    assert!(options.model.is_none() && options.output_schema.is_none() && options.stop.is_empty());
}

#[test]
fn a_request_has_all_that_the_interface_has() {
    let host = host(&["model"]);
    let used = |id: &str, arguments: &str| ToolUse { id: id.into(), name: "look".into(), arguments: arguments.into() };
    answers(&host, Finish::ToolUse, "", vec![used("a", r#"{"z":1,"a":2}"#), used("b", "{broken"), used("c", "")]);
    says(&host, "done");
    let code = r#"
        const request = {
          system: "Be brief.",
          messages: [{ role: "user", content: "Look." }],
          tools: [{ name: "look", description: "Looks.", inputSchema: { type: "object" }, annotations: {} }],
          model: "small", maxTokens: 20, temperature: 0.5, stop: "END", toolChoice: { tool: "look" },
        };
        const first = await tollgate.complete(request);
        const { text: content, toolUses } = first;
        const told = [...request.messages, { role: "assistant", content, toolUses }];
        for (const use of toolUses) told.push({ role: "tool", toolUseId: use.id, content: "seen", isError: true });
        await tollgate.complete({ messages: told, toolChoice: "required", stop: ["a", "b"] });
        [first.finish, toolUses.map((use) => use.arguments), JSON.stringify(toolUses[0].arguments)]"#;
    let arguments = json!([{"z": 1, "a": 2}, "{broken", {}]);
    assert_eq!(value(&host, code).unwrap(), json!(["tool-use", arguments, r#"{"z":1,"a":2}"#]));
    let requests = host.others.requests.borrow();
    let (messages, tools, options) = &requests[0];
    assert!(matches!(messages[0].role, Role::System) && messages[0].content == "Be brief.");
    assert_eq!((&*tools[0].name, &*tools[0].input_schema), ("look", r#"{"type":"object"}"#));
    assert_eq!((options.max_tokens, options.temperature, &options.stop), (Some(20), Some(0.5), &vec!["END".into()]));
    assert!(matches!(&options.tool_choice, ToolChoice::Tool(name) if name == "look"));
    let (messages, _, options) = &requests[1];
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[1].tool_uses[0].arguments, r#"{"z":1,"a":2}"#);
    assert_eq!(messages[1].tool_uses[1].arguments, "{broken");
    assert!(matches!(messages[2].role, Role::Tool) && messages[2].is_error);
    assert_eq!(messages[2].tool_use_id.as_deref(), Some("a"));
    assert!(matches!(options.tool_choice, ToolChoice::Required) && options.stop.len() == 2);
}

#[test]
fn an_answer_of_a_schema_is_read() {
    let host = host(&["model"]);
    says(&host, "Here it is:\n```json\n{\"b\": 1, \"a\": 2}\n```");
    let code = "JSON.stringify((await tollgate.complete({messages: [], schema: {type: 'object'}})).value)";
    assert_eq!(value(&host, code).unwrap(), r#"{"b":1,"a":2}"#);
    says(&host, r#"{"result": [1, 2]}"#);
    says(&host, "[3]");
    let code = "const ask = async () => (await tollgate.complete({messages: [], schema: {type: 'array'}})).value;
        [await ask(), await ask()]";
    assert_eq!(value(&host, code).unwrap(), json!([[1, 2], [3]]));
    let schema = host.others.requests.borrow()[1].2.output_schema.clone().unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["result"], json!({"type": "array"}));
}

#[test]
fn an_answer_that_is_not_what_was_asked_for_is_a_failure() {
    let host = host(&["model"]);
    let call = "tollgate.complete({messages: [], schema: {type: 'object'}})";
    says(&host, "I do not know.");
    assert_eq!(failure(&host, call)[1], "invalid-response");
    answers(&host, Finish::Refusal, "No.", Vec::new());
    let refused = "tollgate.complete: the model would not answer: No.";
    assert_eq!(failure(&host, call), json!([true, "refused", refused, "No."]));
    answers(&host, Finish::Length, "{\"a\":", Vec::new());
    assert!(failure(&host, call)[2].as_str().unwrap().contains("maxTokens"));
    answers(&host, Finish::ToolUse, "", Vec::new());
    assert_eq!(value(&host, &format!("'value' in await {call}")).unwrap(), json!(false));
}

#[test]
fn a_request_that_cannot_be_read_says_what_is_wrong() {
    let host = host(&["model"]);
    for (request, words) in [
        ("", "null is neither"),
        ("[1]", "[1] is neither"),
        ("{prompt: 'x'}", "unknown field `prompt`"),
        ("{messages: [{role: 'bot', content: 'x'}]}", "unknown variant `bot`"),
        ("{maxTokens: -1}", "integer `-1`"),
        ("{stop: 1}", "`stop` is a text"),
    ] {
        let told = failure(&host, &format!("tollgate.complete({request})"));
        let message = told[2].as_str().unwrap();
        assert!(told[1] == "invalid-request" && message.contains(words) && !message.contains("column"), "{told}");
    }
    assert!(host.others.requests.borrow().is_empty());
    assert!(value(&host, "tollgate.complete({messages: 1n << 80n})").unwrap_err().contains("cannot be JSON"));
}

#[test]
fn failures_of_the_model_have_their_kind_and_details() {
    let host = host(&["model"]);
    let limit = Limit { name: "model_calls".into(), value: 2, message: "raise --model-calls".into() };
    let errors = [
        (ModelError::RateLimited(Some(20)), "rate-limited", json!({"retryAfterMs": 20})),
        (
            ModelError::BudgetExhausted(limit),
            "budget-exhausted",
            json!({"name": "model_calls", "value": 2, "message": "raise --model-calls"}),
        ),
        (ModelError::Cancelled, "cancelled", Value::Null),
        (ModelError::TimedOut("30 s".into()), "timed-out", json!("30 s")),
    ];
    for (error, kind, details) in errors {
        host.others.completions.borrow_mut().push_back(Err(error));
        let told = failure(&host, "tollgate.complete('x')");
        assert_eq!((&told[0], &told[1], &told[3]), (&json!(true), &json!(kind), &details));
    }
}

#[test]
fn a_person_accepts_declines_or_goes_away() {
    let host = host(&["ask"]);
    let replies = [Reply::Accepted(r#"{"city":"Paris"}"#.into()), Reply::Declined, Reply::Dismissed];
    host.others.replies.borrow_mut().extend(replies.map(Ok));
    host.others.replies.borrow_mut().push_back(Err(AskError::InvalidQuestion("no".into())));
    let code = "const schema = {type: 'object', properties: {city: {type: 'string'}}};
        [await tollgate.ask('Where?', schema), await tollgate.ask('Sure?'), await tollgate.ask('Sure?')]";
    let told = |action: &str, content: Value| json!({"action": action, "content": content});
    let found = value(&host, code).unwrap();
    let content = json!({"city": "Paris"});
    assert_eq!(found, json!([told("accept", content), told("decline", Value::Null), told("cancel", Value::Null)]));
    let questions = host.others.questions.borrow().clone();
    assert_eq!(questions[0].1, r#"{"type":"object","properties":{"city":{"type":"string"}}}"#);
    assert_eq!(questions[1], ("Sure?".to_owned(), String::new()));
    assert_eq!(failure(&host, "tollgate.ask('x')")[1], "invalid-question");
    assert_eq!(failure(&host, "tollgate.ask(1)")[1], "invalid-question");
}

#[test]
fn resources_are_gathered_of_all_servers_or_of_a_domain() {
    let host = host(&["lab:*", "crm:*"]);
    let code = "Object.keys(await tollgate.gatherAllResources())";
    assert_eq!(value(&host, code).unwrap(), json!(["crm", "lab"]));
    let code = "Object.keys(await tollgate.resourcesForDomain('customers'))";
    assert_eq!(value(&host, code).unwrap(), json!(["crm"]));
    assert_eq!(failure(&host, "tollgate.gatherAllResources({failFast: true})")[1], "unavailable");
    assert_eq!(failure(&host, "tollgate.gatherAllResources({failfast: true})")[1], "invalid-arguments");
    assert_eq!(failure(&host, "tollgate.resourcesForDomain('x')")[1], "unknown-tool");
    // A request to a server is a failed call, which a run's status follows.
    let code = "try { await tollgate.resourcesForDomain('x') } catch (e) { [e.server, e.tool, e.attempts] }";
    assert_eq!(value(&host, code).unwrap(), json!(["domain:x", "resources/list", 0]));
}

#[test]
fn calls_of_all_kinds_run_at_once() {
    let host = host(&["lab:*", "model", "state"]);
    says(&host, "x");
    let code = "const all = [tollgate.complete('x'), lab.wait(5), tollgate.state.set('k', 1), tollgate.state.get('')];
        (await Promise.allSettled(all)).map((each) => each.status)";
    assert_eq!(value(&host, code).unwrap(), json!(["fulfilled", "fulfilled", "fulfilled", "rejected"]));
}
