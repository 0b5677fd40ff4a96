//! What a request must be, whoever answers it. What a provider would refuse in its own words is refused here in clearer ones,
//! before it costs anything.

use crate::draft::MAX_TOOL_USES;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet};
use tollgate_core::ModelError;
use tollgate_core::ModelRequest;
use tollgate_core::model::{Message, Role, ToolChoice};

/// The most tools of a request. OpenAI takes 128 of them; what is less than this is each provider's matter.
const MAX_TOOLS: usize = 1_024;
/// The longest name of a tool, in both providers' interfaces.
const MAX_TOOL_NAME: usize = 64;

/// A request whose parts were looked at.
pub(crate) struct Checked<'a> {
    pub(crate) request: &'a ModelRequest,
    /// The tools' schemas, in their order.
    pub(crate) schemas: Vec<Map<String, Value>>,
    /// The schema of the answer, with its text.
    pub(crate) output: Option<(Value, &'a str)>,
}

impl Checked<'_> {
    /// Whether only a model that knows tools can go on with it.
    pub(crate) fn needs_tools(&self) -> bool {
        let speaks_of_tools = |message: &Message| message.role == Role::Tool || !message.tool_uses.is_empty();
        !self.request.tools.is_empty() || self.request.messages.iter().any(speaks_of_tools)
    }

    /// What the system says, as one text, with what `more` asks for.
    pub(crate) fn system(&self, more: Option<String>) -> String {
        let said = self.request.messages.iter().filter(|m| m.role == Role::System).map(|m| m.content.as_str());
        let texts: Vec<&str> = said.chain(more.as_deref()).filter(|text| !text.is_empty()).collect();
        texts.join("\n\n")
    }
}

/// # Errors
/// [`ModelError::InvalidRequest`]: what is wrong, and where.
pub(crate) fn check(request: &ModelRequest) -> Result<Checked<'_>, ModelError> {
    check_parts(request).map_err(ModelError::InvalidRequest)
}

fn check_parts(request: &ModelRequest) -> Result<Checked<'_>, String> {
    let ModelRequest { messages, tools, options } = request;
    conversation(messages)?;
    if tools.len() > MAX_TOOLS {
        return Err(format!("it has {} tools; at most {MAX_TOOLS} can be sent", tools.len()));
    }
    let mut names = HashSet::new();
    let mut schemas = Vec::with_capacity(tools.len());
    for tool in tools {
        let name = crate::text::shown(&tool.name);
        if !is_tool_name(&tool.name) {
            return Err(format!("the tool's name `{name}` is not 1 to {MAX_TOOL_NAME} letters, digits, `_` or `-`"));
        }
        if !names.insert(tool.name.as_str()) {
            return Err(format!("there are two tools `{name}`"));
        }
        let schema: Value = serde_json::from_str(&tool.input_schema)
            .map_err(|error| format!("the schema of the tool `{name}` is not JSON: {error}"))?;
        let Value::Object(schema) = schema else {
            return Err(format!("the schema of the tool `{name}` is not a JSON object"));
        };
        schemas.push(schema);
    }
    match &options.tool_choice {
        ToolChoice::Required if tools.is_empty() => return Err("a tool is required, and there is none".to_owned()),
        ToolChoice::Tool(name) if !names.contains(name.as_str()) => {
            let name = crate::text::shown(name);
            return Err(format!("the tool `{name}` is required, and it is not among the tools"));
        }
        _ => {}
    }
    if options.max_tokens == Some(0) {
        return Err("max-tokens is 0".to_owned());
    }
    if options.temperature.is_some_and(|t| !t.is_finite() || t < 0.0) {
        return Err("the temperature is not a number from 0".to_owned());
    }
    if options.stop.iter().any(String::is_empty) {
        return Err("a stop text is empty".to_owned());
    }
    let output = match &options.output_schema {
        None => None,
        Some(text) => {
            let schema: Value =
                serde_json::from_str(text).map_err(|error| format!("the output schema is not JSON: {error}"))?;
            if !schema.is_object() {
                return Err("the output schema is not a JSON object".to_owned());
            }
            Some((schema, text.as_str()))
        }
    };
    Ok(Checked { request, schemas, output })
}

/// Whether every use of a tool is answered right after it, and every answer has its use.
fn conversation(messages: &[Message]) -> Result<(), String> {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (number, message) in messages.iter().enumerate() {
        let wrong = |why: &str| Err(format!("message {number}: {why}"));
        if message.role == Role::Tool {
            let id = message.tool_use_id.as_deref().unwrap_or_default();
            if !open.remove(id) {
                let id = crate::text::shown(id);
                return wrong(&format!(
                    "it answers the tool use `{id}`, which the model's message before does not have"
                ));
            }
            continue;
        }
        if let Some(id) = open.first() {
            let id = crate::text::shown(id);
            return wrong(&format!("the tool use `{id}` must be answered first"));
        }
        if message.role != Role::Assistant && !message.tool_uses.is_empty() {
            return wrong("only the assistant uses tools");
        }
        if message.role == Role::User && message.content.is_empty() {
            return wrong("it is empty");
        }
        if message.tool_uses.len() > MAX_TOOL_USES {
            return wrong(&format!("it uses {} tools; at most {MAX_TOOL_USES} can be sent", message.tool_uses.len()));
        }
        for one in &message.tool_uses {
            if one.id.is_empty() || !open.insert(&one.id) {
                return wrong("its tool uses have no ids of their own");
            }
        }
    }
    if let Some(id) = open.first() {
        return Err(format!("the tool use `{}` has no answer", crate::text::shown(id)));
    }
    if !messages.iter().any(|message| message.role == Role::User) {
        return Err("it has no message of the user".to_owned());
    }
    Ok(())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_tool_name(name: &str) -> bool {
    (1..=MAX_TOOL_NAME).contains(&name.len()) && name.bytes().all(is_of_name)
}

/// The name of a use in the past as providers take it. A model may have made one up that they would not take back.
pub(crate) fn past_name(name: &str) -> String {
    let of_name = |c: char| if u8::try_from(c).is_ok_and(is_of_name) { c } else { '_' };
    let name: String = name.chars().take(MAX_TOOL_NAME).map(of_name).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

/// Arguments of the past as an object, where the interface has room for nothing else. Text that is none stands in it.
pub(crate) fn past_arguments(arguments: &str) -> Map<String, Value> {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(arguments)) => arguments,
        _ => Map::from_iter([("arguments".to_owned(), Value::from(arguments))]),
    }
}
