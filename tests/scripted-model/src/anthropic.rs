//! Messages: what is refused, and how an answer is said.

use crate::openai::{is_name, pieces};
use crate::script::{Finish, Turn};
use crate::strict;
use serde_json::{Value, json};

const KNOWN: [&str; 16] = [
    "model",
    "messages",
    "max_tokens",
    "stream",
    "system",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "metadata",
    "service_tier",
    "thinking",
    "output_config",
    "cache_control",
];

/// # Errors
/// What the interface says of a request that it does not take.
pub(crate) fn check(body: &Value) -> Result<(), String> {
    let members = body.as_object().ok_or("The request body is not valid JSON")?;
    if let Some(unknown) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("{unknown}: Extra inputs are not permitted"));
    }
    body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()).ok_or("model: Field required")?;
    body.get("max_tokens").and_then(Value::as_u64).filter(|max| *max > 0).ok_or("max_tokens: Field required")?;
    if members.get("temperature").is_some_and(|t| t.as_f64().is_none_or(|t| !(0.0..=1.0).contains(&t))) {
        return Err("temperature: range: 0..1".to_owned());
    }
    if members.get("system").is_some_and(|system| system.as_str().is_none_or(str::is_empty)) {
        return Err("system: text content blocks must be non-empty".to_owned());
    }
    let stops =
        members.get("stop_sequences").map(|stops| stops.as_array().ok_or("stop_sequences: Input should be a list"));
    for stop in stops.transpose()?.into_iter().flatten() {
        stop.as_str()
            .filter(|stop| !stop.trim().is_empty())
            .ok_or("stop_sequences: each must contain non-whitespace")?;
    }
    if let Some(config) = members.get("output_config") {
        let format = config.get("format").ok_or("output_config.format: Field required")?;
        if format.get("type") != Some(&Value::from("json_schema")) {
            return Err("output_config.format.type: Input should be 'json_schema'".to_owned());
        }
        let schema = format.get("schema").ok_or("output_config.format.schema: Field required")?;
        strict::anthropic(schema).map_err(|why| format!("output_config.format.schema: {why}"))?;
    }
    tools(body)?;
    messages(body.get("messages").and_then(Value::as_array).ok_or("messages: Field required")?)
}

fn tools(body: &Value) -> Result<(), String> {
    let tools = body.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (number, tool) in tools.iter().enumerate() {
        if !is_name(tool.get("name").and_then(Value::as_str).unwrap_or_default()) {
            return Err(format!("tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"));
        }
        let at = format!("tools.{number}.custom.input_schema");
        let schema = tool.get("input_schema").ok_or_else(|| format!("{at}: Field required"))?;
        if schema.get("type") != Some(&Value::from("object")) {
            return Err(format!("{at}.type: Input should be 'object'"));
        }
        if ["oneOf", "allOf", "anyOf"].iter().any(|key| schema.get(*key).is_some()) {
            return Err(format!("{at}: input_schema does not support oneOf, allOf, or anyOf at the top level"));
        }
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    let named = choice.get("name");
    match choice.get("type").and_then(Value::as_str) {
        _ if tools.is_empty() => Err("tool_choice may only be specified while providing tools".to_owned()),
        Some("auto" | "any" | "none") => Ok(()),
        Some("tool") if named.is_some() && tools.iter().any(|tool| tool.get("name") == named) => Ok(()),
        _ => Err(format!("tool_choice: {choice} not found in provided tools")),
    }
}

fn messages(messages: &[Value]) -> Result<(), String> {
    if messages.is_empty() {
        return Err("messages: at least one message is required".to_owned());
    }
    let mut open: Vec<&str> = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        let is_user = match role {
            "user" => true,
            "assistant" => false,
            role => {
                return Err(format!("messages.{number}.role: Unexpected role \"{role}\". Use the top-level `system`."));
            }
        };
        let blocks = match message.get("content") {
            Some(Value::Array(blocks)) if !blocks.is_empty() => blocks.as_slice(),
            Some(Value::String(text)) if !text.is_empty() => &[],
            _ => return Err(format!("messages.{number}: all messages must have non-empty content")),
        };
        let expected = std::mem::take(&mut open);
        let mut answered: Vec<&str> = Vec::new();
        let mut is_past_results = false;
        for (at, block) in blocks.iter().enumerate() {
            let text = |key: &str| block.get(key).and_then(Value::as_str);
            match text("type") {
                Some("text") => {
                    is_past_results = true;
                    if text("text").is_none_or(str::is_empty) {
                        return Err(format!("messages.{number}.content.{at}: text content blocks must be non-empty"));
                    }
                }
                Some("tool_use") if !is_user => {
                    let id = text("id").filter(|id| !id.is_empty()).ok_or("tool_use.id: Field required")?;
                    if !is_name(text("name").unwrap_or_default()) || !block.get("input").is_some_and(Value::is_object) {
                        return Err(format!("messages.{number}.content.{at}.tool_use: name or input is invalid"));
                    }
                    open.push(id);
                }
                Some("tool_result") if is_user => {
                    let id = text("tool_use_id").ok_or("tool_result.tool_use_id: Field required")?;
                    if !expected.contains(&id) || is_past_results {
                        return Err(format!(
                            "messages.{number}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                             `tool_result` block must have a corresponding `tool_use` block in the previous message."
                        ));
                    }
                    answered.push(id);
                }
                kind => return Err(format!("messages.{number}.content.{at}: Input tag {kind:?} is not expected here")),
            }
        }
        if let Some(id) = expected.iter().find(|id| !answered.contains(id)) {
            return Err(format!(
                "messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}"
            ));
        }
        if number == 0 && !is_user {
            return Err("messages: first message must use the \"user\" role".to_owned());
        }
    }
    match open.first() {
        Some(id) => Err(format!("`tool_use` ids were found without `tool_result` blocks immediately after: {id}")),
        None => Ok(()),
    }
}

/// An error as the interface writes it.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
}

/// The events of an answer; `ids` are those of its tool uses.
pub(crate) fn events(request: &Value, turn: &Turn, ids: &[String], counted: Option<(u64, u64)>) -> Vec<String> {
    let event = |data: Value| {
        let name = data.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("event: {name}\ndata: {data}\n\n")
    };
    let usage = counted.map(|(input, _)| json!({ "input_tokens": input, "output_tokens": 1 }));
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": request.get("model"), "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    });
    let mut out = vec![event(json!({ "type": "message_start", "message": message }))];
    out.push(event(json!({ "type": "ping" })));
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        out.push(event(json!({ "type": "content_block_start", "index": index, "content_block": start })));
        let deltas = deltas
            .into_iter()
            .map(|delta| event(json!({ "type": "content_block_delta", "index": index, "delta": delta })));
        out.extend(deltas);
        out.push(event(json!({ "type": "content_block_stop", "index": index })));
        index += 1;
    };
    if !turn.text.is_empty() {
        let deltas = pieces(&turn.text).map(|piece| json!({ "type": "text_delta", "text": piece }));
        block(json!({ "type": "text", "text": "" }), deltas.collect());
    }
    for (one, id) in turn.tools.iter().zip(ids) {
        let deltas = pieces(&one.arguments()).map(|piece| json!({ "type": "input_json_delta", "partial_json": piece }));
        let deltas = std::iter::once(json!({ "type": "input_json_delta", "partial_json": "" })).chain(deltas).collect();
        block(json!({ "type": "tool_use", "id": id, "name": one.name, "input": {} }), deltas);
    }
    let usage = counted.map(|(_, output)| json!({ "output_tokens": output }));
    let delta = json!({ "stop_reason": reason(turn), "stop_sequence": null });
    out.push(event(json!({ "type": "message_delta", "delta": delta, "usage": usage })));
    out.push(event(json!({ "type": "message_stop" })));
    out
}

/// An event that tells an error.
pub(crate) fn error_event(kind: &str) -> String {
    let data = json!({ "type": "error", "error": { "type": kind, "message": "The model gave up." } });
    format!("event: error\ndata: {data}\n\n")
}

/// The answer as one document.
pub(crate) fn whole(request: &Value, turn: &Turn, ids: &[String], counted: Option<(u64, u64)>) -> Value {
    let text = Some(&turn.text).filter(|text| !text.is_empty());
    let text = text.map(|text| json!({ "type": "text", "text": text }));
    let uses = turn.tools.iter().zip(ids).map(|(one, id)| {
        let input: Value = serde_json::from_str(&one.arguments()).unwrap_or_else(|_| json!({}));
        json!({ "type": "tool_use", "id": id, "name": one.name, "input": input })
    });
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": request.get("model"),
        "content": text.into_iter().chain(uses).collect::<Vec<_>>(),
        "stop_reason": reason(turn), "stop_sequence": null,
        "usage": counted.map(|(input, output)| json!({ "input_tokens": input, "output_tokens": output })),
    })
}

fn reason(turn: &Turn) -> &'static str {
    match turn.finish() {
        Finish::Stop => "end_turn",
        Finish::ToolUse => "tool_use",
        Finish::Length => "max_tokens",
        Finish::Refusal => "refusal",
    }
}
