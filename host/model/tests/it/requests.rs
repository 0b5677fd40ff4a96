//! Requests that cannot be sent, each refused before anything is.

use crate::support::*;
use serde_json::json;
use tollgate_core::model::{Message, Role, ToolChoice};
use tollgate_core::{ModelError, ModelRequest};
use tollgate_model::Provider;

async fn refused(request: ModelRequest) -> String {
    let world = world(Provider::OpenAi, []).await;
    let error = world.ask(request).await.unwrap_err();
    assert!(world.scripted.requests().is_empty(), "{error}");
    match error {
        ModelError::InvalidRequest(why) => why,
        other => panic!("{other}"),
    }
}

async fn talk_is_refused(messages: impl IntoIterator<Item = Message>, why: &str) {
    let text = refused(request(messages)).await;
    assert!(text.contains(why), "{text}");
}

#[tokio::test]
async fn a_conversation_must_make_sense() {
    let call = || uses("", &[("c1", "a", "{}"), ("c2", "a", "{}")]);
    talk_is_refused([], "no message of the user").await;
    talk_is_refused([says(Role::System, "x")], "no message of the user").await;
    talk_is_refused([user("")], "message 0: it is empty").await;
    talk_is_refused([user("x"), call()], "the tool use `c1` has no answer").await;
    talk_is_refused([user("x"), call(), result("c2", "", false), user("y")], "message 3: the tool use `c1` must").await;
    talk_is_refused([user("x"), result("c1", "", false)], "message 1: it answers the tool use `c1`").await;
    talk_is_refused([user("x"), says(Role::Tool, "y")], "message 1: it answers the tool use ``").await;
    talk_is_refused([user("x"), uses("", &[("", "a", "{}")])], "no ids of their own").await;
    talk_is_refused([user("x"), uses("", &[("c", "a", "{}"), ("c", "a", "{}")])], "no ids of their own").await;
    let twice = [user("x"), uses("", &[("c", "a", "{}")]), result("c", "", false), result("c", "", false)];
    talk_is_refused(twice, "message 3: it answers").await;
    let ids: Vec<String> = (0..300_000).map(|n| n.to_string()).collect();
    let many: Vec<_> = ids.iter().map(|id| (id.as_str(), "a", "{}")).collect();
    talk_is_refused([user("x"), uses("", &many)], "message 1: it uses 300000 tools; at most 256").await;
    let odd = Message { role: Role::User, ..uses("x", &[("c", "a", "{}")]) };
    talk_is_refused([odd], "only the assistant uses tools").await;
}

#[tokio::test]
async fn tools_must_have_names_and_schemas() {
    let long = "x".repeat(65);
    for name in ["", "a.b", "a b", "ü", long.as_str(), "a\u{1b}[31m"] {
        let mut request = question();
        request.tools = vec![tool(name, json!({"type": "object"}))];
        let why = refused(request).await;
        assert!(why.contains("letters, digits") && !why.contains('\u{1b}'), "{why}");
    }
    let mut request = question();
    request.tools = vec![tool("a", json!({})), tool("a", json!({}))];
    assert!(refused(request.clone()).await.contains("two tools `a`"));
    request.tools = vec![tool("a", json!([]))];
    assert!(refused(request.clone()).await.contains("`a` is not a JSON object"));
    request.tools[0].input_schema = "{".to_owned();
    assert!(refused(request.clone()).await.contains("`a` is not JSON"));
    request.tools[0].input_schema = "[".repeat(100_000);
    assert!(refused(request.clone()).await.contains("`a` is not JSON"));
    request.tools = (0..1_025).map(|i| tool(&format!("t{i}"), json!({}))).collect();
    assert!(refused(request).await.contains("1025 tools"));
}

#[tokio::test]
async fn options_must_be_possible() {
    let with = |change: fn(&mut ModelRequest)| {
        let mut request = question();
        change(&mut request);
        refused(request)
    };
    assert!(with(|r| r.options.tool_choice = ToolChoice::Required).await.contains("there is none"));
    assert!(with(|r| r.options.tool_choice = ToolChoice::Tool("x".into())).await.contains("`x` is required"));
    assert!(with(|r| r.options.max_tokens = Some(0)).await.contains("max-tokens"));
    assert!(with(|r| r.options.temperature = Some(f64::NAN)).await.contains("temperature"));
    assert!(with(|r| r.options.temperature = Some(-1.0)).await.contains("temperature"));
    assert!(with(|r| r.options.stop = vec![String::new()]).await.contains("stop text"));
    assert!(with(|r| r.options.output_schema = Some("{".into())).await.contains("output schema"));
    assert!(with(|r| r.options.output_schema = Some("3".into())).await.contains("output schema"));
    let why = with(|r| r.options.model = Some("dear-one".into())).await;
    assert!(why.contains("`dear-one`") && why.contains("`model-1`") && why.contains("model.models"), "{why}");
    assert!(with(|r| r.messages = vec![user(&"x".repeat(17 << 20))]).await.contains("at most 16777216"));
}
