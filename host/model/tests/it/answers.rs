//! What comes back, in both interfaces.

use crate::support::*;
use serde_json::{Value, json};
use tollgate_core::model::{Finish, ToolChoice, ToolUse, Usage};
use tollgate_model::{Provider, TokenKey};
use tollgate_scripted_model::{Counted, Finish as Ends, Script, Turn, Use};

#[tokio::test]
async fn a_text_is_put_together_with_its_model_and_its_usage() {
    for provider in BOTH {
        let usage = Counted::As { input: 11, output: 7 };
        let world = world(provider, [Turn { usage, ..Turn::text("Grüße, \"Welt\" — 世界 🎉\n\n") }]).await;
        let completion = world.ask(question()).await.unwrap();
        assert_eq!(completion.message, says(tollgate_core::model::Role::Assistant, "Grüße, \"Welt\" — 世界 🎉\n\n"));
        assert_eq!(completion.finish, Finish::Stop);
        assert_eq!(completion.model, "model-1");
        assert_eq!(completion.usage, Usage { input_tokens: 11, output_tokens: 7 });
    }
}

#[tokio::test]
async fn pieces_of_any_size_give_the_same_answer() {
    for provider in BOTH {
        let mut answers = Vec::new();
        for piece_bytes in [None, Some(1), Some(2), Some(3), Some(17), Some(100_000)] {
            let turn = Turn {
                text: "Zuerst 世界 🎉".to_owned(),
                tools: vec![Use::new("a", json!({"x": "é\r\n", "n": [1, 2.5]})), Use::new("b", json!({}))],
                ..Turn::default()
            };
            let script = Script { piece_bytes, ..Script::new([turn]) };
            let world = world_with(provider, script, |_| {}).await;
            let mut request = question();
            request.tools = vec![tool("a", json!({"type": "object"})), tool("b", json!({"type": "object"}))];
            answers.push(world.ask(request).await.unwrap());
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
        let message = &answers[0].message;
        assert_eq!(message.content, "Zuerst 世界 🎉");
        let uses: Vec<(&str, Value)> =
            message.tool_uses.iter().map(|u| (u.name.as_str(), serde_json::from_str(&u.arguments).unwrap())).collect();
        assert_eq!(uses, [("a", json!({"x": "é\r\n", "n": [1, 2.5]})), ("b", json!({}))]);
        assert_ne!(message.tool_uses[0].id, message.tool_uses[1].id);
        assert_eq!(answers[0].finish, Finish::ToolUse);
    }
}

#[tokio::test]
async fn a_conversation_with_tools_goes_on_from_the_answer() {
    for provider in BOTH {
        let turns = [
            Turn {
                text: "Let me see.".into(),
                ..Turn::uses([Use::new("a", json!({"q": 1})), Use::new("a", json!({"q": 2}))])
            },
            Turn::text("Done."),
        ];
        let world = world(provider, turns).await;
        let mut request = request([says(tollgate_core::model::Role::System, "Be brief."), user("Go.")]);
        request.tools = vec![tool("a", json!({"type": "object", "properties": {"q": {"type": "integer"}}}))];
        let first = world.ask(request.clone()).await.unwrap();
        let ids: Vec<String> = first.message.tool_uses.iter().map(|one| one.id.clone()).collect();
        request.messages.push(first.message);
        request.messages.push(result(&ids[1], "two", false));
        request.messages.push(result(&ids[0], "", true));
        let second = world.ask(request).await.unwrap();
        assert_eq!(second.message.content, "Done.");
        assert_eq!(world.scripted.requests().len(), 2, "neither was refused");
        let sent = &world.scripted.requests()[1].body;
        match provider {
            Provider::OpenAi => {
                let roles: Vec<&str> =
                    sent["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
                assert_eq!(roles, ["system", "user", "assistant", "tool", "tool"]);
                assert_eq!(sent["messages"][4]["content"], "The tool failed: ");
            }
            Provider::Anthropic => {
                assert_eq!(sent["system"], "Be brief.");
                assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
                assert_eq!(sent["messages"][2]["content"][1]["is_error"], true);
            }
        }
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_are_passed_on_and_may_be_sent_back() {
    for provider in BOTH {
        let turns = [Turn::uses([Use::new("a", json!("{\"q\": oops"))]), Turn::text("Sorry.")];
        let world = world(provider, turns).await;
        let mut request = question();
        request.tools = vec![tool("a", json!({"type": "object", "properties": {"q": {"type": "integer"}}}))];
        let first = world.ask(request.clone()).await.unwrap();
        assert_eq!(first.message.tool_uses[0].arguments, "{\"q\": oops");
        let id = first.message.tool_uses[0].id.clone();
        request.messages.push(first.message);
        request.messages.push(result(&id, "these arguments are no JSON", true));
        assert_eq!(world.ask(request).await.unwrap().message.content, "Sorry.");
    }
}

#[tokio::test]
async fn a_tool_that_nobody_offered_is_passed_on_and_may_be_sent_back() {
    for provider in BOTH {
        let world = world(provider, [Turn::uses([Use::new("no.such tool", json!({}))]), Turn::text("Ah.")]).await;
        let first = world.ask(question()).await.unwrap();
        assert_eq!(first.message.tool_uses[0].name, "no.such tool");
        let id = first.message.tool_uses[0].id.clone();
        let request = request([user("What is it?"), first.message, result(&id, "there is no such tool", true)]);
        assert_eq!(world.ask(request).await.unwrap().message.content, "Ah.");
    }
}

#[tokio::test]
async fn each_end_has_its_word() {
    for provider in BOTH {
        for (ends, finish) in
            [(Ends::Stop, Finish::Stop), (Ends::Length, Finish::Length), (Ends::Refusal, Finish::Refusal)]
        {
            let world = world(provider, [Turn { finish: Some(ends), ..Turn::text("I will not") }]).await;
            let completion = world.ask(question()).await.unwrap();
            assert_eq!(completion.finish, finish);
            assert_eq!(completion.message.content, "I will not");
        }
        // A tool that had to be used: OpenAI calls that a stop.
        let turn = Turn { finish: Some(Ends::Stop), ..Turn::uses([Use::new("a", json!({}))]) };
        let world = world(provider, [turn]).await;
        assert_eq!(world.ask(question()).await.unwrap().finish, Finish::ToolUse);
    }
}

#[tokio::test]
async fn what_nobody_counts_is_estimated_at_four_bytes_a_token() {
    for provider in BOTH {
        let world = world(provider, [Turn { usage: Counted::None, ..Turn::text("x".repeat(401)) }]).await;
        let usage = world.ask(question()).await.unwrap().usage;
        assert_eq!(usage.output_tokens, 101);
        let sent = world.scripted.requests()[0].body.to_string().len() as u64;
        assert_eq!(usage.input_tokens, sent.div_ceil(4));
    }
}

#[tokio::test]
async fn a_count_out_of_this_world_does_not_upset_the_sums() {
    let usage = Counted::As { input: u64::MAX / 2, output: 3 };
    let world = world(Provider::OpenAi, [Turn { usage, ..Turn::text("x") }]).await;
    assert_eq!(world.ask(question()).await.unwrap().usage.input_tokens, 1 << 32);
}

#[tokio::test]
async fn every_option_is_sent_where_its_provider_has_it() {
    let mut request = question();
    request.tools = vec![tool("a", json!({"type": "object"})), tool("b", json!({"type": "object"}))];
    request.options.temperature = Some(0.25);
    request.options.stop = vec!["END".to_owned()];
    request.options.max_tokens = Some(99);
    request.options.tool_choice = ToolChoice::Tool("b".to_owned());

    let world = world_with(Provider::OpenAi, Script::new([Turn::text("x"), Turn::text("y")]), |endpoint| {
        endpoint.url.push_str("/?api-version=7");
        endpoint.headers = vec![("X-Project".to_owned(), "tollgate".to_owned())];
    });
    let world = world.await;
    world.ask(request.clone()).await.unwrap();
    let seen = &world.scripted.requests()[0];
    assert_eq!(seen.path, "/v1/chat/completions?api-version=7");
    assert_eq!(seen.header("x-project"), Some("tollgate"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    let body = &seen.body;
    assert_eq!(body["max_completion_tokens"], 99);
    assert_eq!((&body["temperature"], &body["stop"]), (&json!(0.25), &json!(["END"])));
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "b"}}));
    request.options.tool_choice = ToolChoice::None;
    world.ask(request.clone()).await.unwrap();
    assert_eq!(world.scripted.requests()[1].body["tool_choice"], "none");

    let world = world_with(Provider::OpenAi, Script::new([Turn::text("x")]), |endpoint| {
        endpoint.token_key = TokenKey::MaxTokens;
        endpoint.strict = false;
        endpoint.models = vec!["other-*".to_owned()];
    });
    let world = world.await;
    request.options.tool_choice = ToolChoice::Required;
    request.options.model = Some("other-2".to_owned());
    assert_eq!(world.ask(request.clone()).await.unwrap().model, "other-2");
    let body = &world.scripted.requests()[0].body;
    assert_eq!((&body["max_tokens"], &body["tool_choice"]), (&json!(99), &json!("required")));
    assert!(body["tools"][0]["function"].get("strict").is_none());

    let world = world_with(Provider::Anthropic, Script::new([Turn::text("x")]), |endpoint| {
        endpoint.url.push_str("/v1");
    });
    let world = world.await;
    request.options.model = None;
    world.ask(request).await.unwrap();
    let seen = &world.scripted.requests()[0];
    assert_eq!((seen.path.as_str(), seen.header("x-api-key")), ("/v1/messages", Some(KEY)));
    assert_eq!(seen.body["tool_choice"], json!({"type": "any"}));
    assert_eq!((&seen.body["stop_sequences"], &seen.body["max_tokens"]), (&json!(["END"]), &json!(99)));
}

#[tokio::test]
async fn an_answer_in_a_shape_is_bound_where_that_can_be_and_asked_for_where_not() {
    let bindable =
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]});
    let open = json!({"type": "array", "items": {}});
    for provider in BOTH {
        let turns = [Turn::text("{\"a\":\"x\",\"b\":null}"), Turn::text("```json\n[1]\n```")];
        let world = world(provider, turns).await;
        let mut request = question();
        request.options.output_schema = Some(bindable.to_string());
        let answer = world.ask(request.clone()).await.unwrap().message.content;
        let sent = world.scripted.requests()[0].body.clone();
        match provider {
            Provider::OpenAi => {
                assert_eq!(answer, "{\"a\":\"x\"}");
                assert_eq!(sent["response_format"]["json_schema"]["strict"], true);
            }
            Provider::Anthropic => assert_eq!(sent["output_config"]["format"]["schema"]["required"], json!(["a"])),
        }
        request.options.output_schema = Some(open.to_string());
        assert_eq!(world.ask(request).await.unwrap().message.content, "[1]");
        let sent = world.scripted.requests()[1].body.to_string();
        assert!(sent.contains("Answer with one JSON document") && !sent.contains("response_format"), "{sent}");
    }
}

#[tokio::test]
async fn nulls_that_strictness_brought_in_are_gone_and_others_stay() {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "limit": {"type": "integer"},
            "after": {"type": ["string", "null"]},
            "where": {"type": "array", "items": {"$ref": "#/$defs/term"}},
        },
        "required": ["name"],
        "$defs": {"term": {"type": "object", "properties": {"f": {"type": "string"}, "v": {"type": "number"}}, "required": ["f"]}},
    });
    let arguments = json!({"name": "x", "limit": null, "after": null, "where": [{"f": "y", "v": null}]});
    let world = world(Provider::OpenAi, [Turn::uses([Use::new("find", arguments)])]).await;
    let mut request = question();
    request.tools = vec![tool("find", schema)];
    let message = world.ask(request).await.unwrap().message;
    let ToolUse { arguments, .. } = &message.tool_uses[0];
    assert_eq!(arguments, "{\"name\":\"x\",\"after\":null,\"where\":[{\"f\":\"y\"}]}");
    let sent = &world.scripted.requests()[0].body["tools"][0]["function"];
    assert_eq!(sent["strict"], true);
    assert_eq!(sent["parameters"]["required"], json!(["name", "limit", "after", "where"]));
}

#[tokio::test]
async fn connections_are_used_again() {
    for provider in BOTH {
        let world = world(provider, (0..5).map(|_| Turn::text("x"))).await;
        for _ in 0..5 {
            world.ask(question()).await.unwrap();
        }
        assert_eq!(world.outbound.idle_connections(), 1);
    }
}
