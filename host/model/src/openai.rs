//! OpenAI's Chat Completions: what is sent, and the chunks of the answer.

use crate::check::{Checked, past_name};
use crate::draft::{Broken, Draft, ProviderError};
use crate::endpoint::Shape;
use crate::events::Event;
use crate::settings::{Endpoint, TokenKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate_core::model::{Finish, Message, Role, ToolChoice};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// The request's body.
pub(crate) fn body(request: &Checked<'_>, shape: &Shape<'_>, model: &str, settings: &Endpoint) -> Map<String, Value> {
    let options = &request.request.options;
    let mut body = Map::new();
    let mut add = |name: &str, value: Value| body.insert(name.to_owned(), value);
    add("model", model.into());
    add("messages", messages(&request.request.messages, shape.words.as_deref()));
    add("stream", settings.stream.into());
    if settings.stream {
        add("stream_options", json!({ "include_usage": true }));
    }
    if let Some(max_tokens) = options.max_tokens.or(settings.max_tokens) {
        let key = match settings.token_key {
            TokenKey::MaxCompletionTokens => "max_completion_tokens",
            TokenKey::MaxTokens => "max_tokens",
        };
        add(key, max_tokens.into());
    }
    if let Some(temperature) = options.temperature {
        add("temperature", temperature.into());
    }
    if !options.stop.is_empty() {
        add("stop", options.stop.clone().into());
    }
    if let Some(adapted) = &shape.output {
        let schema = json!({ "name": "answer", "strict": true, "schema": adapted.schema });
        add("response_format", json!({ "type": "json_schema", "json_schema": schema }));
    }
    let tools = request.request.tools.iter().zip(&shape.tools).map(|(tool, shape)| {
        let mut function = json!({ "name": tool.name, "description": tool.description, "parameters": shape.schema });
        if settings.strict
            && let Some(function) = function.as_object_mut()
        {
            function.insert("strict".to_owned(), shape.is_strict().into());
        }
        json!({ "type": "function", "function": function })
    });
    let tools: Vec<Value> = tools.collect();
    if !tools.is_empty() {
        add("tools", tools.into());
        match &options.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => drop(add("tool_choice", "none".into())),
            ToolChoice::Required => drop(add("tool_choice", "required".into())),
            ToolChoice::Tool(name) => {
                add("tool_choice", json!({ "type": "function", "function": { "name": name } }));
            }
        }
    }
    body
}

fn messages(messages: &[Message], words: Option<&str>) -> Value {
    let asked = words.map(|words| json!({ "role": "system", "content": words }));
    let said = messages.iter().filter_map(|message| {
        let content = message.content.as_str();
        Some(match message.role {
            Role::System if content.is_empty() => return None,
            Role::System => json!({ "role": "system", "content": content }),
            Role::User => json!({ "role": "user", "content": content }),
            Role::Assistant if message.tool_uses.is_empty() => json!({ "role": "assistant", "content": content }),
            Role::Assistant => {
                let calls = message.tool_uses.iter().map(|one| {
                    let function = json!({ "name": past_name(&one.name), "arguments": one.arguments });
                    json!({ "id": one.id, "type": "function", "function": function })
                });
                let content = Some(content).filter(|content| !content.is_empty());
                json!({ "role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>() })
            }
            Role::Tool => {
                // The interface has no word for a failure.
                let content = if message.is_error { format!("The tool failed: {content}") } else { content.to_owned() };
                json!({ "role": "tool", "tool_call_id": message.tool_use_id, "content": content })
            }
        })
    });
    asked.into_iter().chain(said).collect()
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    /// An answer that comes whole has a `message` instead, of the same members.
    #[serde(default, alias = "message")]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

/// Takes one event into the answer.
///
/// # Errors
/// It is none of the interface, or tells an error.
pub(crate) fn take(draft: &mut Draft, event: &Event) -> Result<(), Broken> {
    if event.data.trim() == DONE {
        if !draft.is_begun {
            return Err(Broken::Invalid("it ends without a choice".to_owned()));
        }
        draft.is_over = true;
        return Ok(());
    }
    let chunk: Chunk = serde_json::from_str(&event.data)
        .map_err(|error| Broken::Invalid(format!("an event is no chunk of a completion: {error}")))?;
    if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
        return Err(Broken::Said(ProviderError::of(&error)));
    }
    if let Some(model) = chunk.model {
        draft.model = model;
    }
    if let Some(usage) = chunk.usage {
        draft.input_tokens = usage.prompt_tokens.or(draft.input_tokens);
        draft.output_tokens = usage.completion_tokens.or(draft.output_tokens);
    }
    for choice in chunk.choices.unwrap_or_default().into_iter().filter(|choice| choice.index == 0) {
        draft.is_begun = true;
        if let Some(delta) = choice.delta {
            draft.content.push_str(&delta.content.unwrap_or_default());
            draft.refusal.push_str(&delta.refusal.unwrap_or_default());
            for call in delta.tool_calls.unwrap_or_default() {
                take_call(draft, call)?;
            }
        }
        if let Some(reason) = choice.finish_reason {
            draft.finish = Some(match reason.as_str() {
                "length" => Finish::Length,
                "content_filter" => Finish::Refusal,
                "tool_calls" | "function_call" => Finish::ToolUse,
                _ => Finish::Stop,
            });
        }
    }
    Ok(())
}

fn take_call(draft: &mut Draft, call: Call) -> Result<(), Broken> {
    let id = call.id.filter(|id| !id.is_empty());
    // Compatible servers leave the index out: what has an id begins a call, what has none goes on with the last.
    let last = draft.last_place();
    let place = match (call.index, &id) {
        (Some(index), _) => index,
        (None, Some(_)) => last.map_or(0, |last| last.saturating_add(1)),
        (None, None) => last.unwrap_or(0),
    };
    let one = draft.tool_use(place)?;
    // Some of them repeat id and name in every piece.
    if let Some(id) = id {
        one.id = id;
    }
    if let Some(Function { name, arguments }) = call.function {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            one.name = name;
        }
        one.arguments.push_str(&arguments.unwrap_or_default());
    }
    Ok(())
}
