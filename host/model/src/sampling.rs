//! The model of the agent's client: `sampling/createMessage` (MCP 2025-11-25 and 2026-07-28, "Sampling").

use crate::check::{Checked, past_arguments, past_name};
use crate::text::{shown, unfenced, wants_shape};
use serde_json::{Map, Value, json};
use tollgate_core::model::{Finish, Message, Meter, Role, ToolChoice, ToolUse, Usage, tokens};
use tollgate_core::{Ask, AskKind, Client, Completion, ModelError, RpcError};

/// MCP wants a limit of the answer's tokens; this one, where a request has none.
const UNSAID_MAX_TOKENS: u32 = 4_096;
/// The longest answer of a client, in bytes.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// The error of a client whose person said no.
const REJECTED: i64 = -1;
/// JSON-RPC's "invalid params".
const INVALID_PARAMS: i64 = -32_602;

/// What a client says of its model.
#[derive(Clone, Copy, Default)]
pub(crate) struct Offer {
    pub(crate) is_there: bool,
    pub(crate) takes_tools: bool,
}

impl Offer {
    pub(crate) fn of(client: &dyn Client) -> Self {
        let capabilities: Value = serde_json::from_str(client.capabilities()).unwrap_or_default();
        let sampling = capabilities.get("sampling").filter(|sampling| sampling.is_object());
        let tools = sampling.and_then(|sampling| sampling.get("tools"));
        Self { is_there: sampling.is_some(), takes_tools: tools.is_some_and(Value::is_object) }
    }
}

/// Asks the client, in the name of a run.
///
/// # Errors
/// The person or the client would not, or the answer is none.
pub(crate) async fn complete(
    request: &Checked<'_>,
    client: &dyn Client,
    name: &str,
    meter: &Meter,
) -> Result<Completion, ModelError> {
    let params = Value::Object(params(request)).to_string();
    let sent = params.len();
    let ask = Ask { server: name.to_owned(), key: None, kind: AskKind::Sampling, params };
    let mut cost = meter.begin(Usage { input_tokens: tokens(sent), output_tokens: 0 });
    let answer = client.ask(ask).await.map_err(|error| {
        cost.count(Usage::default());
        refused(error)
    })?;
    let usage = Usage { input_tokens: tokens(sent), output_tokens: tokens(answer.len()) };
    cost.count(usage);
    read(&answer, usage, request.output.is_some()).map_err(|why| {
        ModelError::InvalidResponse(format!("the agent's client answers {} with {why}", AskKind::Sampling.method()))
    })
}

fn refused(error: RpcError) -> ModelError {
    let message = shown(&error.message);
    match error.code {
        REJECTED => ModelError::Rejected(format!("the person behind the agent said no: {message}")),
        INVALID_PARAMS => ModelError::Rejected(format!("the agent's client: {message}")),
        code => ModelError::Unavailable(format!("the agent's client: {message} (error {code})")),
    }
}

fn params(request: &Checked<'_>) -> Map<String, Value> {
    let options = &request.request.options;
    let mut params = Map::new();
    params.insert("messages".to_owned(), messages(&request.request.messages));
    params.insert("maxTokens".to_owned(), options.max_tokens.unwrap_or(UNSAID_MAX_TOKENS).into());
    let system = request.system(request.output.as_ref().map(|(_, text)| wants_shape(text)));
    let mut add = |name: &str, value: Value| params.insert(name.to_owned(), value);
    if !system.is_empty() {
        add("systemPrompt", system.into());
    }
    if let Some(temperature) = options.temperature {
        add("temperature", temperature.into());
    }
    if !options.stop.is_empty() {
        add("stopSequences", options.stop.clone().into());
    }
    if let Some(model) = &options.model {
        add("modelPreferences", json!({ "hints": [{ "name": model }] }));
    }
    // MCP has no way to name the one tool that must be used: it is offered alone.
    let only = match &options.tool_choice {
        ToolChoice::Tool(name) => Some(name),
        _ => None,
    };
    let tools = request.request.tools.iter().zip(&request.schemas);
    let tools = tools.filter(|(tool, _)| only.is_none_or(|only| *only == tool.name)).map(|(tool, schema)| {
        let mut schema = schema.clone();
        schema.entry("type").or_insert_with(|| "object".into());
        json!({ "name": tool.name, "description": tool.description, "inputSchema": schema })
    });
    let tools: Vec<Value> = tools.collect();
    if !tools.is_empty() {
        add("tools", tools.into());
        let mode = match &options.tool_choice {
            ToolChoice::Auto => "auto",
            ToolChoice::None => "none",
            ToolChoice::Required | ToolChoice::Tool(_) => "required",
        };
        add("toolChoice", json!({ "mode": mode }));
    }
    params
}

/// The conversation without what the system says. Results of tools that follow each other are one message, which has nothing
/// else in it, as MCP wants.
fn messages(messages: &[Message]) -> Value {
    let mut out: Vec<(Role, Vec<Value>)> = Vec::new();
    for message in messages {
        let mut blocks = Vec::new();
        match message.role {
            Role::System => {}
            Role::User | Role::Assistant => {
                if !message.content.is_empty() {
                    blocks.push(json!({ "type": "text", "text": message.content }));
                }
                blocks.extend(message.tool_uses.iter().map(|one| {
                    let input = past_arguments(&one.arguments);
                    json!({ "type": "tool_use", "id": one.id, "name": past_name(&one.name), "input": input })
                }));
            }
            Role::Tool => {
                let content = json!([{ "type": "text", "text": message.content }]);
                let id = &message.tool_use_id;
                let is_error = message.is_error;
                let block = json!({ "type": "tool_result", "toolUseId": id, "content": content, "isError": is_error });
                if let Some((Role::Tool, blocks)) = out.last_mut() {
                    blocks.push(block);
                    continue;
                }
                blocks.push(block);
            }
        }
        if !blocks.is_empty() {
            out.push((message.role, blocks));
        }
    }
    let said = out.into_iter().map(|(role, mut blocks)| {
        // One block stands alone: clients before 2025-11-25 know no lists.
        let content = match blocks.pop() {
            Some(only) if blocks.is_empty() => only,
            last => blocks.into_iter().chain(last).collect(),
        };
        json!({ "role": if role == Role::Assistant { "assistant" } else { "user" }, "content": content })
    });
    said.collect()
}

/// # Errors
/// What the answer is instead.
fn read(answer: &str, usage: Usage, is_shaped: bool) -> Result<Completion, String> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(format!("more than {MAX_ANSWER_BYTES} bytes"));
    }
    let answer: Value = serde_json::from_str(answer).map_err(|error| format!("what is not JSON: {error}"))?;
    if answer.get("role").and_then(Value::as_str).is_some_and(|role| role != "assistant") {
        return Err("a message that is not the assistant's".to_owned());
    }
    let blocks = match answer.get("content") {
        Some(Value::Array(blocks)) => blocks.as_slice(),
        Some(block @ Value::Object(_)) => std::slice::from_ref(block),
        _ => return Err("no content".to_owned()),
    };
    let (mut content, mut tool_uses) = (String::new(), Vec::new());
    for block in blocks {
        let text = |key: &str| block.get(key).and_then(Value::as_str);
        match text("type") {
            Some("text") => content.push_str(text("text").ok_or("a text that has none")?),
            Some("tool_use") => {
                let (id, name) = text("id").zip(text("name")).ok_or("a tool use without id or name")?;
                let arguments = block.get("input").map_or_else(|| "{}".to_owned(), Value::to_string);
                tool_uses.push(ToolUse { id: id.to_owned(), name: name.to_owned(), arguments });
            }
            Some(kind) => return Err(format!("content of the type `{}`, where text was asked for", shown(kind))),
            None => return Err("content of no type".to_owned()),
        }
    }
    let finish = match answer.get("stopReason").and_then(Value::as_str) {
        Some("maxTokens") => Finish::Length,
        Some("refusal") => Finish::Refusal,
        _ if !tool_uses.is_empty() => Finish::ToolUse,
        _ => Finish::Stop,
    };
    if is_shaped {
        content = unfenced(&content).to_owned();
    }
    let model = answer.get("model").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
    let message = Message { role: Role::Assistant, content, tool_uses, tool_use_id: None, is_error: false };
    Ok(Completion { message, finish, model, usage })
}
