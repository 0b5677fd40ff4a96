//! The scripted model refuses what the real interfaces refuse, and says what they say.

#![allow(missing_docs)] // tests say what they are by their names
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_scripted_model::{Fault, Finish, Script, Scripted, Turn, Use};

/// The status and the body of an answer, chunks and all.
async fn post(scripted: &Scripted, path: &str, headers: &str, body: &Value) -> (u16, String) {
    let address = scripted.url().replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer[9..12].parse().unwrap(), answer)
}

async fn openai(scripted: &Scripted, body: &Value) -> (u16, String) {
    post(scripted, "/v1/chat/completions", "", body).await
}

async fn anthropic(scripted: &Scripted, body: &Value) -> (u16, String) {
    post(scripted, "/v1/messages", "anthropic-version: 2023-06-01\r\n", body).await
}

async fn ready(turns: impl IntoIterator<Item = Turn>) -> Scripted {
    Scripted::start(Script::new(turns)).await.unwrap()
}

fn with(mut base: Value, members: Value) -> Value {
    for (key, value) in members.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

fn asked() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": true})
}

#[tokio::test]
async fn chat_completions_refuses_what_openai_refuses() {
    let call = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "a", "arguments": "{}"}}]});
    let tool = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    let talk = |messages: Value| json!({"messages": messages});
    let ask = json!({"role": "user", "content": "x"});
    let scripted = ready([Turn::text("x")]).await;
    for (members, why) in [
        (json!({"model": ""}), "model"),
        (json!({"max_token": 3}), "Unrecognized request argument"),
        (json!({"max_tokens": 0}), "below minimum"),
        (json!({"max_tokens": 1, "max_completion_tokens": 1}), "at the same time"),
        (json!({"temperature": 2.5}), "temperature"),
        (json!({"stop": ["1", "2", "3", "4", "5"]}), "stop"),
        (json!({"stream": false, "stream_options": {}}), "stream_options"),
        (json!({"tool_choice": "auto"}), "tool_choice"),
        (json!({"tools": []}), "tools"),
        (tool(json!({"name": "a b"})), "does not match pattern"),
        (tool(json!({"name": "a", "parameters": {"type": "object", "anyOf": []}})), "at the top level"),
        (
            tool(json!({"name": "a", "strict": true, "parameters": {"type": "object", "properties": {}}})),
            "additionalProperties",
        ),
        (
            tool(json!({"name": "a", "strict": true, "parameters": {
                "type": "object", "properties": {"x": {"type": "string"}}, "required": [], "additionalProperties": false
            }})),
            "Missing 'x'",
        ),
        (json!({"response_format": {"type": "json_schema", "json_schema": {}}}), "response_format"),
        (talk(json!([])), "empty array"),
        (talk(json!([{"role": "robot", "content": "x"}])), "role"),
        (talk(json!([ask, {"role": "tool", "tool_call_id": "c", "content": "x"}])), "preceding message"),
        (talk(json!([ask, call, ask])), "did not have response messages"),
        (talk(json!([ask, call])), "did not have response messages"),
    ] {
        let (status, answer) = openai(&scripted, &with(asked(), members.clone())).await;
        assert!(
            status == 400 && answer.contains(why) && answer.contains("invalid_request_error"),
            "{members}: {answer}"
        );
    }
    assert_eq!(scripted.turns_left(), 1, "none of them used up a turn");
    assert_eq!(openai(&scripted, &asked()).await.0, 200);
    assert_eq!(scripted.requests().iter().filter(|request| request.refused.is_none()).count(), 1);
}

#[tokio::test]
async fn messages_refuses_what_anthropic_refuses() {
    let asked = with(asked(), json!({"max_tokens": 9}));
    let ask = json!({"role": "user", "content": "x"});
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "a", "input": {}}]});
    let text = json!({"type": "text", "text": "x"});
    let result = json!({"type": "tool_result", "tool_use_id": "c", "content": []});
    let talk = |messages: Value| json!({"messages": messages});
    let scripted = ready([Turn::text("x"), Turn::text("x")]).await;
    for (members, why) in [
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"temperature": 1.5}), "temperature"),
        (json!({"stop": ["x"]}), "Extra inputs"),
        (json!({"system": ""}), "non-empty"),
        (json!({"stop_sequences": [" "]}), "non-whitespace"),
        (json!({"tool_choice": {"type": "auto"}}), "while providing tools"),
        (json!({"tools": [{"name": "a", "input_schema": {"type": "object", "oneOf": []}}]}), "top level"),
        (json!({"tools": [{"name": "a", "input_schema": {}}]}), "'object'"),
        (
            json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "minProperties": 1}}}}),
            "minProperties",
        ),
        (talk(json!([{"role": "system", "content": "x"}])), "Unexpected role"),
        (talk(json!([{"role": "assistant", "content": "x"}])), "first message"),
        (talk(json!([{"role": "user", "content": [{"type": "text", "text": ""}]}])), "non-empty"),
        (talk(json!([ask, call, ask])), "without `tool_result`"),
        (talk(json!([ask, call, {"role": "user", "content": [text, result]}])), "unexpected `tool_use_id`"),
        (talk(json!([ask, {"role": "user", "content": [result]}])), "unexpected `tool_use_id`"),
    ] {
        let (status, answer) = anthropic(&scripted, &with(asked.clone(), members.clone())).await;
        assert!(status == 400 && answer.contains(why) && answer.contains("request_id"), "{members}: {answer}");
    }
    assert_eq!(post(&scripted, "/v1/messages", "", &asked).await.0, 400, "without a version");
    assert_eq!(scripted.turns_left(), 2);
    let good = talk(json!([ask, call, {"role": "user", "content": [result, text]}]));
    assert_eq!(anthropic(&scripted, &with(asked, good)).await.0, 200);
}

#[tokio::test]
async fn a_key_is_wanted_where_the_script_has_one() {
    let script = Script { key: Some("k".into()), ..Script::new([Turn::text("a"), Turn::text("b")]) };
    let scripted = Scripted::start(script).await.unwrap();
    let (status, answer) = openai(&scripted, &asked()).await;
    assert!(status == 401 && answer.contains("invalid_api_key"), "{answer}");
    assert_eq!(post(&scripted, "/v1/chat/completions", "Authorization: Bearer k\r\n", &asked()).await.0, 200);
    let headers = "x-api-key: k\r\nanthropic-version: 2023-06-01\r\n";
    assert_eq!(post(&scripted, "/v1/messages", headers, &with(asked(), json!({"max_tokens": 9}))).await.0, 200);
}

#[tokio::test]
async fn answers_are_whole_where_no_stream_is_asked_for() {
    let turn = Turn { text: "Hm.".into(), ..Turn::uses([Use::new("a", json!({"q": 1}))]) };
    let scripted = ready([turn.clone(), turn, Turn { finish: Some(Finish::Length), ..Turn::text("x") }]).await;
    let (_, answer) = openai(&scripted, &with(asked(), json!({"stream": false}))).await;
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{\"q\":1}");
    let whole = with(asked(), json!({"stream": false, "max_tokens": 9}));
    let (_, answer) = anthropic(&scripted, &whole).await;
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!((&body["stop_reason"], &body["content"][1]["input"]), (&json!("tool_use"), &json!({"q": 1})));
    let (_, answer) = anthropic(&scripted, &whole).await;
    assert!(answer.contains("\"stop_reason\":\"max_tokens\""));
}

#[tokio::test]
async fn faults_are_as_the_script_says() {
    let scripted = ready([
        Turn::fault(Fault::Status { status: 429, retry_after: Some("7".into()) }),
        Turn::fault(Fault::Truncated),
        Turn::fault(Fault::Broken),
        Turn::text("whole"),
        Turn { repeat: true, ..Turn::text("again") },
    ])
    .await;
    let (status, answer) = openai(&scripted, &asked()).await;
    assert!(status == 429 && answer.contains("retry-after: 7") && answer.contains("rate_limit_exceeded"), "{answer}");
    let ended = |answer: &str| answer.ends_with("0\r\n\r\n");
    let (_, truncated) = openai(&scripted, &asked()).await;
    assert!(ended(&truncated) && !truncated.contains("[DONE]"), "{truncated}");
    let (_, broken) = openai(&scripted, &asked()).await;
    assert!(!ended(&broken) && !broken.contains("[DONE]"), "{broken}");
    let (_, whole) = openai(&scripted, &asked()).await;
    assert!(ended(&whole) && whole.contains("[DONE]"), "{whole}");
    for _ in 0..3 {
        assert!(openai(&scripted, &asked()).await.1.contains("again"));
    }
}

#[tokio::test]
async fn a_script_that_is_over_says_so() {
    let scripted = ready([]).await;
    let (status, answer) = openai(&scripted, &asked()).await;
    assert!(status == 400 && answer.contains("the script is over"), "{answer}");
    scripted.then([Turn::text("more")]);
    assert_eq!(openai(&scripted, &asked()).await.0, 200);
}

#[test]
fn scripts_are_read_from_json() {
    let script: Script = serde_json::from_value(json!({
        "key": "k", "piece-bytes": 3,
        "turns": [
            {"tools": [{"name": "a", "arguments": "{oops"}], "repeat": true},
            {"fault": {"kind": "status", "status": 429, "retry-after": "1"}},
            {"fault": {"kind": "truncated"}, "text": "x", "pause-ms": 5},
            {"text": "x", "usage": {"as": {"input": 1, "output": 2}}, "finish": "tool-use"},
            {"text": "x", "usage": "none"},
        ],
    }))
    .unwrap();
    assert_eq!((script.turns.len(), script.piece_bytes, script.turns[0].repeat), (5, Some(3), true));
    assert!(
        matches!(&script.turns[1].fault, Some(Fault::Status { status: 429, retry_after: Some(after) }) if after == "1")
    );
    assert!(serde_json::from_value::<Script>(json!({"turn": []})).is_err());
}

#[tokio::test]
async fn the_program_prints_its_address_and_ends_with_its_input() {
    use std::io::{BufRead, BufReader, Write};
    let path = std::env::temp_dir().join(format!("scripted-model-{}.json", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(b"{\"turns\": [{\"text\": \"Hello from afar.\"}]}").unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate-scripted-model"))
        .arg(&path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    std::fs::remove_file(&path).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(format!("GET /requests HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("[]"), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
