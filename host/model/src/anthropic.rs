//! Anthropic's Messages: what is sent, and the events of the answer.

use crate::check::{Checked, past_arguments, past_name};
use crate::draft::{Broken, Draft, ProviderError};
use crate::endpoint::Shape;
use crate::events::Event;
use crate::settings::Endpoint;
use crate::text::shown;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate_core::model::{Finish, Message, Role, ToolChoice};

/// The interface's version, which every request names.
pub(crate) const VERSION: &str = "2023-06-01";
/// The interface wants a limit of the answer's tokens; this one, where neither request nor configuration has one.
const UNSAID_MAX_TOKENS: u32 = 4_096;

/// The request's body.
pub(crate) fn body(request: &Checked<'_>, shape: &Shape<'_>, model: &str, settings: &Endpoint) -> Map<String, Value> {
    let options = &request.request.options;
    let mut body = Map::new();
    let mut add = |name: &str, value: Value| body.insert(name.to_owned(), value);
    add("model", model.into());
    add("max_tokens", options.max_tokens.or(settings.max_tokens).unwrap_or(UNSAID_MAX_TOKENS).into());
    add("stream", settings.stream.into());
    let system = request.system(shape.words.clone());
    if !system.is_empty() {
        add("system", system.into());
    }
    add("messages", messages(&request.request.messages));
    if let Some(temperature) = options.temperature {
        add("temperature", temperature.into());
    }
    if !options.stop.is_empty() {
        add("stop_sequences", options.stop.clone().into());
    }
    if let Some(adapted) = &shape.output {
        add("output_config", json!({ "format": { "type": "json_schema", "schema": adapted.schema } }));
    }
    let tools = request.request.tools.iter().zip(&shape.tools).map(
        |(tool, shape)| json!({ "name": tool.name, "description": tool.description, "input_schema": shape.schema }),
    );
    let tools: Vec<Value> = tools.collect();
    if !tools.is_empty() {
        add("tools", tools.into());
        match &options.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => drop(add("tool_choice", json!({ "type": "none" }))),
            ToolChoice::Required => drop(add("tool_choice", json!({ "type": "any" }))),
            ToolChoice::Tool(name) => drop(add("tool_choice", json!({ "type": "tool", "name": name }))),
        }
    }
    body
}

/// The conversation without what the system says. What one side says in several messages is one; empty texts are left out,
/// for they are refused.
fn messages(messages: &[Message]) -> Value {
    let mut out: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let text = Some(&message.content).filter(|text| !text.is_empty());
        let text = text.map(|text| json!({ "type": "text", "text": text }));
        let (role, blocks) = match message.role {
            Role::System => continue,
            Role::User => ("user", text.into_iter().collect()),
            Role::Assistant => {
                let uses = message.tool_uses.iter().map(|one| {
                    let input = past_arguments(&one.arguments);
                    json!({ "type": "tool_use", "id": one.id, "name": past_name(&one.name), "input": input })
                });
                ("assistant", text.into_iter().chain(uses).collect::<Vec<_>>())
            }
            Role::Tool => {
                let content: Vec<Value> = text.into_iter().collect();
                let mut block =
                    json!({ "type": "tool_result", "tool_use_id": message.tool_use_id, "content": content });
                if message.is_error
                    && let Some(block) = block.as_object_mut()
                {
                    block.insert("is_error".to_owned(), true.into());
                }
                ("user", vec![block])
            }
        };
        match out.last_mut() {
            Some((last, said)) if *last == role => said.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => out.push((role, blocks)),
        }
    }
    out.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    /// An answer that comes whole.
    Message(Whole),
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block,
    },
    ContentBlockDelta {
        index: u64,
        delta: BlockDelta,
    },
    MessageDelta {
        delta: MessageDelta,
        #[serde(default)]
        usage: Option<Counted>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// Pings, ends of blocks, and what is new.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(flatten)]
    start: Start,
    #[serde(default)]
    content: Vec<Block>,
    #[serde(flatten)]
    end: MessageDelta,
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    /// Thinking, which is the model's own.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockDelta {
    TextDelta {
        text: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageDelta {
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Counted {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

impl Counted {
    /// What the prompt cache held was read too.
    fn count(self, draft: &mut Draft) {
        let cached = [self.cache_creation_input_tokens, self.cache_read_input_tokens].into_iter().flatten();
        let cached = cached.fold(0, u64::saturating_add);
        draft.input_tokens = self.input_tokens.map(|read| read.saturating_add(cached)).or(draft.input_tokens);
        draft.output_tokens = self.output_tokens.or(draft.output_tokens);
    }
}

impl MessageDelta {
    fn finish(self) -> Option<Finish> {
        self.stop_reason.map(|reason| match reason.as_str() {
            "tool_use" => Finish::ToolUse,
            "max_tokens" | "model_context_window_exceeded" => Finish::Length,
            "refusal" => Finish::Refusal,
            _ => Finish::Stop,
        })
    }
}

fn begin(draft: &mut Draft, start: Start) {
    draft.is_begun = true;
    draft.model = start.model.unwrap_or_default();
    start.usage.unwrap_or_default().count(draft);
}

fn take_block(draft: &mut Draft, index: u64, block: Block) -> Result<(), Broken> {
    match block {
        Block::Text { text } => draft.content.push_str(&text),
        Block::ToolUse { id, name, input } => {
            let one = draft.tool_use(index)?;
            (one.id, one.name) = (id, name);
            // The input comes in pieces; where the answer is whole, and of compatible servers, it is here.
            one.arguments = match input {
                Value::Object(input) if !input.is_empty() => Value::Object(input).to_string(),
                _ => String::new(),
            };
        }
        Block::Other => {}
    }
    Ok(())
}

/// Takes one event into the answer.
///
/// # Errors
/// It is none of the interface, or tells an error.
pub(crate) fn take(draft: &mut Draft, event: &Event) -> Result<(), Broken> {
    let invalid = |why: String| Broken::Invalid(why);
    let said: Said = serde_json::from_str(&event.data)
        .map_err(|error| invalid(format!("the event `{}` is none of a message: {error}", shown(&event.name))))?;
    match said {
        Said::Message(Whole { start, content, end }) => {
            begin(draft, start);
            for (index, block) in (0_u64..).zip(content) {
                take_block(draft, index, block)?;
            }
            draft.finish = end.finish();
        }
        Said::MessageStart { message } => begin(draft, message),
        Said::Error { error } => return Err(Broken::Said(ProviderError::of(&error))),
        Said::Other => {}
        _ if !draft.is_begun => return Err(invalid("it does not begin with message_start".to_owned())),
        Said::ContentBlockStart { index, content_block } => take_block(draft, index, content_block)?,
        Said::ContentBlockDelta { index, delta } => match delta {
            BlockDelta::TextDelta { text } => draft.content.push_str(&text),
            BlockDelta::InputJsonDelta { partial_json } => {
                // Without a use it is the input of a tool of the provider's own.
                if let Some(one) = draft.known_use(index) {
                    one.arguments.push_str(&partial_json);
                }
            }
            BlockDelta::Other => {}
        },
        Said::MessageDelta { delta, usage } => {
            usage.unwrap_or_default().count(draft);
            draft.finish = delta.finish();
        }
        Said::MessageStop => draft.is_over = true,
    }
    Ok(())
}
