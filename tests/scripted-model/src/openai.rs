//! Chat Completions: what is refused, and how an answer is said.

use crate::script::{Finish, Turn};
use crate::strict;
use serde_json::{Map, Value, json};

const KNOWN: [&str; 24] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "seed",
    "user",
    "n",
    "logprobs",
    "metadata",
    "store",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
    "service_tier",
    "verbosity",
];
/// Of arguments and texts, in characters.
const PIECE: usize = 7;

/// Whether a tool's name is one.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// # Errors
/// What the interface says of a request that it does not take.
pub(crate) fn check(body: &Value) -> Result<(), String> {
    let members = body.as_object().ok_or("We could not parse the JSON body of your request.")?;
    if let Some(unknown) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("Unrecognized request argument supplied: {unknown}"));
    }
    let model = body.get("model").and_then(Value::as_str);
    model.filter(|model| !model.is_empty()).ok_or("you must provide a model parameter")?;
    if members.contains_key("max_tokens") && members.contains_key("max_completion_tokens") {
        return Err("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.".to_owned());
    }
    for key in ["max_tokens", "max_completion_tokens"] {
        if members.get(key).is_some_and(|max| max.as_u64().is_none_or(|max| max == 0)) {
            return Err(format!("Invalid '{key}': integer below minimum value."));
        }
    }
    if members.get("temperature").is_some_and(|t| t.as_f64().is_none_or(|t| !(0.0..=2.0).contains(&t))) {
        return Err("Invalid 'temperature': decimal above maximum value. Expected a value <= 2".to_owned());
    }
    if members.get("stop").is_some_and(|stop| stop.as_array().is_none_or(|stop| !(1..=4).contains(&stop.len()))) {
        return Err("Invalid 'stop': array too long. Expected an array with maximum length 4".to_owned());
    }
    if members.contains_key("stream_options") && body.get("stream") != Some(&Value::Bool(true)) {
        return Err("The 'stream_options' parameter is only allowed when 'stream' is enabled.".to_owned());
    }
    tools(members)?;
    if let Some(format) = members.get("response_format") {
        response_format(format)?;
    }
    messages(body.get("messages").and_then(Value::as_array).ok_or("Missing required parameter: 'messages'.")?)
}

fn tools(members: &Map<String, Value>) -> Result<(), String> {
    let Some(tools) = members.get("tools") else {
        return match members.get("tool_choice") {
            Some(_) => Err("Invalid value for 'tool_choice': only allowed when 'tools' are specified.".to_owned()),
            None => Ok(()),
        };
    };
    let tools = tools.as_array().filter(|tools| (1..=128).contains(&tools.len()));
    let tools = tools.ok_or("Invalid 'tools': expected an array with 1 to 128 items")?;
    for (number, tool) in tools.iter().enumerate() {
        if tool.get("type") != Some(&Value::from("function")) {
            return Err(format!("Invalid value: 'tools[{number}].type'. Supported values are: 'function'"));
        }
        let function =
            tool.get("function").ok_or_else(|| format!("Missing required parameter: 'tools[{number}].function'"))?;
        let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
        if !is_name(name) {
            return Err(format!(
                "Invalid 'tools[{number}].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'"
            ));
        }
        let invalid = |why: &str| format!("Invalid schema for function '{name}': {why}");
        let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        let refused = ["oneOf", "anyOf", "allOf", "enum", "not"];
        if schema.get("type") != Some(&Value::from("object")) || refused.iter().any(|key| schema.get(*key).is_some()) {
            return Err(invalid(
                "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
            ));
        }
        if function.get("strict") == Some(&Value::Bool(true)) {
            strict::openai(&schema).map_err(|why| invalid(&why))?;
        }
    }
    let is_tool = |choice: &Value| {
        let named = choice.pointer("/function/name");
        named.is_some_and(|named| tools.iter().any(|tool| tool.pointer("/function/name") == Some(named)))
    };
    match members.get("tool_choice") {
        None => Ok(()),
        Some(Value::String(word)) if ["none", "auto", "required"].contains(&word.as_str()) => Ok(()),
        Some(choice) if is_tool(choice) => Ok(()),
        Some(choice) => Err(format!("Tool choice {choice} not found in 'tools' parameter.")),
    }
}

fn response_format(format: &Value) -> Result<(), String> {
    match format.get("type").and_then(Value::as_str) {
        Some("text" | "json_object") => Ok(()),
        Some("json_schema") => {
            let name = format.pointer("/json_schema/name").and_then(Value::as_str).unwrap_or_default();
            if !is_name(name) {
                return Err("Missing required parameter: 'response_format.json_schema.name'.".to_owned());
            }
            let schema = format.pointer("/json_schema/schema").unwrap_or(&Value::Null);
            match format.pointer("/json_schema/strict") {
                Some(Value::Bool(true)) => {
                    strict::openai(schema).map_err(|why| format!("Invalid schema for response_format '{name}': {why}"))
                }
                _ => Ok(()),
            }
        }
        _ => Err("Invalid value for 'response_format.type'.".to_owned()),
    }
}

fn messages(messages: &[Value]) -> Result<(), String> {
    if messages.is_empty() {
        return Err("Invalid 'messages': empty array. Expected an array with minimum length 1".to_owned());
    }
    let mut open: Vec<&str> = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let text = |key: &str| message.get(key).and_then(Value::as_str);
        let role = text("role").unwrap_or_default();
        if role == "tool" {
            let id = text("tool_call_id").unwrap_or_default();
            let at = open.iter().position(|open| *open == id).ok_or(
                "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
            )?;
            open.remove(at);
            text("content").ok_or_else(|| format!("Missing required parameter: 'messages[{number}].content'."))?;
            continue;
        }
        if !open.is_empty() {
            return Err(format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
                 The following tool_call_ids did not have response messages: {}",
                open.join(", ")
            ));
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        match (role, calls) {
            ("system" | "developer" | "user", None) => {
                text("content").ok_or_else(|| format!("Invalid value for 'content' of 'messages[{number}]'."))?;
            }
            ("assistant", None) => {
                text("content").ok_or_else(|| format!("Invalid value for 'content' of 'messages[{number}]'."))?;
            }
            ("assistant", Some(calls)) if !calls.is_empty() => {
                for call in calls {
                    let name = call.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
                    let arguments = call.pointer("/function/arguments").and_then(Value::as_str);
                    let is_function = call.get("type") == Some(&Value::from("function"));
                    let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
                    match (id, arguments) {
                        (Some(id), Some(_)) if is_function && is_name(name) => open.push(id),
                        _ => return Err(format!("Invalid 'messages[{number}].tool_calls': {call}")),
                    }
                }
            }
            _ => return Err(format!("Invalid value: '{role}' of 'messages[{number}].role'.")),
        }
    }
    match open.first() {
        Some(id) => Err(format!("The following tool_call_ids did not have response messages: {id}")),
        None => Ok(()),
    }
}

/// An error as the interface writes it.
pub(crate) fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

/// The events of an answer; `ids` are those of its tool uses.
pub(crate) fn events(request: &Value, turn: &Turn, ids: &[String], counted: Option<(u64, u64)>) -> Vec<String> {
    let model = request.get("model").cloned().unwrap_or_default();
    let wants_usage = request.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": model,
            "service_tier": "default", "system_fingerprint": null, "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, reason: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }]), Value::Null)
    };
    let mut out = vec![delta(json!({ "role": "assistant", "content": "", "refusal": null }), Value::Null)];
    let said = if turn.finish() == Finish::Refusal { "refusal" } else { "content" };
    out.extend(pieces(&turn.text).map(|piece| delta(json!({ said: piece }), Value::Null)));
    for (number, (one, id)) in turn.tools.iter().zip(ids).enumerate() {
        let function = json!({ "name": one.name, "arguments": "" });
        let first = json!({ "index": number, "id": id, "type": "function", "function": function });
        out.push(delta(json!({ "tool_calls": [first] }), Value::Null));
        out.extend(pieces(&one.arguments()).map(|piece| {
            delta(json!({ "tool_calls": [{ "index": number, "function": { "arguments": piece } }] }), Value::Null)
        }));
    }
    out.push(delta(json!({}), reason(turn).into()));
    if let Some((input, output)) = counted.filter(|_| wants_usage) {
        out.push(chunk(json!([]), usage(input, output)));
    }
    out.push("data: [DONE]\n\n".to_owned());
    out
}

/// An event that tells an error.
pub(crate) fn error_event(kind: &str) -> String {
    let error = json!({ "error": { "message": "The model gave up.", "type": kind, "param": null, "code": kind } });
    format!("data: {error}\n\n")
}

/// The answer as one document.
pub(crate) fn whole(request: &Value, turn: &Turn, ids: &[String], counted: Option<(u64, u64)>) -> Value {
    let calls = turn.tools.iter().zip(ids).map(|(one, id)| {
        let function = json!({ "name": one.name, "arguments": one.arguments() });
        json!({ "id": id, "type": "function", "function": function })
    });
    let calls: Vec<Value> = calls.collect();
    let content = Some(&turn.text).filter(|text| !text.is_empty());
    let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
    if let Some(message) = message.as_object_mut().filter(|_| !calls.is_empty()) {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": request.get("model"),
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": reason(turn) }],
        "usage": counted.map(|(input, output)| usage(input, output)),
    })
}

fn reason(turn: &Turn) -> &'static str {
    match turn.finish() {
        Finish::Stop | Finish::Refusal => "stop",
        Finish::ToolUse => "tool_calls",
        Finish::Length => "length",
    }
}

fn usage(input: u64, output: u64) -> Value {
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output })
}

/// A text in pieces.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = String> + use<> {
    let chars: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = chars.chunks(PIECE).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}
