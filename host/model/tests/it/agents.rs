//! The agent's own model, by sampling.

use crate::support::*;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::model::{Finish, Meter, Role, ToolChoice, Usage};
use tollgate_core::{AskKind, Completion, Model, ModelError, ModelRequest, RpcError};
use tollgate_model::{ModelSettings, Prefer, Provider};
use tollgate_scripted_model::{Script, Scripted, Turn};

fn hello() -> String {
    let answer = json!({"role": "assistant", "content": {"type": "text", "text": "Hello."}, "model": "agents-own"});
    answer.to_string()
}

async fn ask(fake: &Arc<Fake>, request: ModelRequest) -> Result<Completion, ModelError> {
    let models = models(ModelSettings::default()).await.unwrap();
    models.complete(request, &run(Some(fake.clone())), &Meter::default()).await
}

fn full() -> Value {
    json!({"sampling": {"tools": {}, "context": {}}, "elicitation": {}})
}

#[tokio::test]
async fn the_agents_model_answers_in_the_runs_name() {
    let fake = Fake::new(json!({"sampling": {}}), |_| Ok(hello()));
    let mut request =
        request([says(Role::System, "Be brief."), user("Hi."), says(Role::Assistant, "Yes?"), user("Well?")]);
    request.options.max_tokens = Some(50);
    request.options.temperature = Some(0.5);
    request.options.stop = vec!["END".into()];
    request.options.model = Some("some-model".into());
    let completion = ask(&fake, request).await.unwrap();
    assert_eq!((completion.message, completion.finish), (says(Role::Assistant, "Hello."), Finish::Stop));
    assert_eq!(completion.model, "agents-own");
    let asked = fake.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.server.as_str(), asked.key, asked.kind), ("hub", None, AskKind::Sampling));
    let usage = Usage {
        input_tokens: (asked.params.len() as u64).div_ceil(4),
        output_tokens: (hello().len() as u64).div_ceil(4),
    };
    assert_eq!(completion.usage, usage);
    let wanted = json!({
        "messages": [
            {"role": "user", "content": {"type": "text", "text": "Hi."}},
            {"role": "assistant", "content": {"type": "text", "text": "Yes?"}},
            {"role": "user", "content": {"type": "text", "text": "Well?"}},
        ],
        "maxTokens": 50, "systemPrompt": "Be brief.", "temperature": 0.5, "stopSequences": ["END"],
        "modelPreferences": {"hints": [{"name": "some-model"}]},
    });
    assert_eq!(fake.last(), wanted);
}

#[tokio::test]
async fn tools_go_out_and_their_uses_come_back() {
    let fake = Fake::new(full(), |_| {
        let content = json!([
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "u1", "name": "a", "input": {"q": 1}},
            {"type": "tool_use", "id": "u2", "name": "b", "input": {}},
        ]);
        Ok(json!({"role": "assistant", "content": content, "model": "m", "stopReason": "toolUse"}).to_string())
    });
    let mut request = request([
        user("Go."),
        uses("", &[("c1", "a", "{\"q\":7}"), ("c2", "no such", "oops")]),
        result("c2", "no", true),
        result("c1", "yes", false),
        user("And?"),
    ]);
    request.tools = vec![tool("a", json!({"properties": {"q": {}}})), tool("b", json!({"type": "object"}))];
    request.options.tool_choice = ToolChoice::Required;
    let completion = ask(&fake, request.clone()).await.unwrap();
    assert_eq!(completion.finish, Finish::ToolUse);
    assert_eq!(completion.message, uses("Let me see.", &[("u1", "a", "{\"q\":1}"), ("u2", "b", "{}")]));
    let sent = fake.last();
    let result = |id: &str, text: &str, is_error: bool| json!({"type": "tool_result", "toolUseId": id, "content": [{"type": "text", "text": text}], "isError": is_error});
    assert_eq!(
        sent["messages"][1]["content"],
        json!([
            {"type": "tool_use", "id": "c1", "name": "a", "input": {"q": 7}},
            {"type": "tool_use", "id": "c2", "name": "no_such", "input": {"arguments": "oops"}},
        ])
    );
    assert_eq!(
        sent["messages"][2],
        json!({"role": "user", "content": [result("c2", "no", true), result("c1", "yes", false)]})
    );
    assert_eq!(sent["messages"][3], json!({"role": "user", "content": {"type": "text", "text": "And?"}}));
    assert_eq!(sent["toolChoice"], json!({"mode": "required"}));
    assert_eq!(sent["tools"][0]["inputSchema"], json!({"properties": {"q": {}}, "type": "object"}));

    request.options.tool_choice = ToolChoice::Tool("b".into());
    ask(&fake, request).await.unwrap();
    let sent = fake.last();
    assert_eq!((&sent["tools"].as_array().unwrap().len(), &sent["tools"][0]["name"]), (&1, &json!("b")));
    assert_eq!(sent["toolChoice"], json!({"mode": "required"}));
}

#[tokio::test]
async fn a_shape_is_asked_for_in_words() {
    let fake = Fake::new(json!({"sampling": {}}), |_| {
        let text = "```json\n{\"a\": 1}\n```";
        Ok(json!({"role": "assistant", "content": [{"type": "text", "text": text}], "model": "m"}).to_string())
    });
    let mut request = question();
    request.options.output_schema = Some("{\"type\":\"object\"}".into());
    assert_eq!(ask(&fake, request).await.unwrap().message.content, "{\"a\": 1}");
    assert!(fake.last()["systemPrompt"].as_str().unwrap().contains("{\"type\":\"object\"}"));
}

#[tokio::test]
async fn each_end_has_its_word() {
    for (reason, finish) in [
        (json!("endTurn"), Finish::Stop),
        (json!("stopSequence"), Finish::Stop),
        (json!("maxTokens"), Finish::Length),
        (json!("refusal"), Finish::Refusal),
        (json!("new"), Finish::Stop),
        (json!(null), Finish::Stop),
    ] {
        let fake = Fake::new(full(), move |_| {
            Ok(json!({"role": "assistant", "content": [], "model": "m", "stopReason": reason}).to_string())
        });
        assert_eq!(ask(&fake, question()).await.unwrap().finish, finish);
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_apart() {
    for answer in [
        "",
        "{",
        "[]",
        "null",
        "{\"role\":\"assistant\",\"model\":\"m\"}",
        "{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"x\"},\"model\":\"m\"}",
        "{\"role\":\"assistant\",\"content\":{\"type\":\"image\",\"data\":\"\",\"mimeType\":\"image/png\"},\"model\":\"m\"}",
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"name\":\"x\"}],\"model\":\"m\"}",
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\"}],\"model\":\"m\"}",
        "{\"role\":\"assistant\",\"content\":[3],\"model\":\"m\"}",
        &"[".repeat(1_000_000),
        &format!("\"{}\"", "x".repeat(9 << 20)),
    ] {
        let answer = answer.to_owned();
        let fake = Fake::new(full(), move |_| Ok(answer.clone()));
        let error = ask(&fake, question()).await.unwrap_err();
        assert!(matches!(error, ModelError::InvalidResponse(_)) && error.to_string().len() < 400, "{error}");
    }
}

#[tokio::test]
async fn a_client_that_would_not_or_cannot_says_so() {
    for (code, is) in [(-1, "rejected"), (-32_602, "rejected"), (-32_603, "unavailable"), (-32_601, "unavailable")] {
        let fake =
            Fake::new(full(), move |_| Err(RpcError { code, message: "No,\u{1b}[31m\nthanks".into(), data: None }));
        let error = ask(&fake, question()).await.unwrap_err();
        assert_eq!(error.code(), is);
        assert!(error.to_string().contains("No, [31m thanks"), "{error}");
    }
}

#[tokio::test]
async fn who_answers_follows_what_is_there_and_what_is_preferred() {
    let clients = [None, Some(json!({})), Some(json!({"sampling": {}})), Some(full())];
    // By client and whether tools are needed: who answers without an endpoint, with one, and with one that is preferred.
    let wanted = [
        [["none", "endpoint", "endpoint"], ["none", "endpoint", "endpoint"]],
        [["none", "endpoint", "endpoint"], ["none", "endpoint", "endpoint"]],
        [["agent", "agent", "endpoint"], ["none", "endpoint", "endpoint"]],
        [["agent", "agent", "endpoint"], ["agent", "agent", "endpoint"]],
    ];
    let scripted = Scripted::start(Script::new([Turn { repeat: true, ..Turn::text("Endpoint.") }])).await.unwrap();
    for (client, wanted) in clients.into_iter().zip(wanted) {
        for (needs_tools, wanted) in [false, true].into_iter().zip(wanted) {
            for (case, wanted) in wanted.into_iter().enumerate() {
                let settings = ModelSettings {
                    prefer: if case == 2 { Prefer::Endpoint } else { Prefer::Agent },
                    endpoint: (case > 0).then(|| endpoint(Provider::OpenAi, &scripted)),
                };
                let fake = client.clone().map(|capabilities| Fake::new(capabilities, |_| Ok(hello())));
                let mut request = question();
                if needs_tools {
                    request.tools = vec![tool("a", json!({"type": "object"}))];
                }
                let run = run(fake.map(|fake| fake as Arc<dyn tollgate_core::Client>));
                let answer = models(settings).await.unwrap().complete(request, &run, &Meter::default()).await;
                let who = match answer {
                    Ok(completion) if completion.message.content == "Hello." => "agent",
                    Ok(_) => "endpoint",
                    Err(ModelError::Unavailable(_)) => "none",
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(who, wanted, "{client:?} {needs_tools} {case}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_to_ask_says_why() {
    let none = models(ModelSettings::default()).await.unwrap();
    for (client, why) in [
        (None, "no agent's client"),
        (Some(json!({"roots": {}})), "the capability `sampling`"),
        (Some(json!({"sampling": {}})), "without tools"),
    ] {
        let client =
            client.map(|capabilities| Fake::new(capabilities, |_| Ok(hello())) as Arc<dyn tollgate_core::Client>);
        // Tools of the past are tools too.
        let request = request([user("x"), uses("", &[("c", "a", "{}")]), result("c", "y", false)]);
        let error = none.complete(request, &run(client), &Meter::default()).await.unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("`model`"), "{error}");
    }
}

#[tokio::test]
async fn what_a_person_refused_is_not_tried_elsewhere() {
    let scripted = Scripted::start(Script::new([Turn::text("Endpoint.")])).await.unwrap();
    let settings = ModelSettings { prefer: Prefer::Agent, endpoint: Some(endpoint(Provider::OpenAi, &scripted)) };
    let fake = Fake::new(full(), |_| Err(RpcError { code: -1, message: "no".into(), data: None }));
    let error =
        models(settings).await.unwrap().complete(question(), &run(Some(fake)), &Meter::default()).await.unwrap_err();
    assert!(matches!(error, ModelError::Rejected(_)));
    assert!(scripted.requests().is_empty());
}
