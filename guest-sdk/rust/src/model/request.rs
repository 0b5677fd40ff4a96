//! What is asked of a model: messages, tools, and how it is to answer.

use std::fmt;

use schemars::JsonSchema;
use serde_json::Value;

use super::{Role, wit};
use crate::schema;

/// One message of a conversation.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What it says; may be empty where there are tool uses.
    pub content: String,
    /// For the model's: the tools that it wants to use.
    pub tool_uses: Vec<ToolUse>,
    /// For a tool's: the use that it answers.
    pub tool_use_id: Option<String>,
    /// For a tool's: whether the tool failed.
    pub is_error: bool,
}

impl Message {
    /// A message of this role.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_uses: Vec::new(), tool_use_id: None, is_error: false }
    }

    /// What a tool answered.
    pub fn tool_result(answers: &ToolUse, content: impl Into<String>) -> Self {
        Self { tool_use_id: Some(answers.id.clone()), ..Self::new(Role::Tool, content) }
    }

    /// Why a tool failed. Models try another way when they are told.
    pub fn tool_error(answers: &ToolUse, content: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::tool_result(answers, content) }
    }
}

/// A tool that the model wants to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// The model's name for this use.
    pub id: String,
    /// The tool's name, as it was given to the model.
    pub name: String,
    /// The arguments as the model wrote them; see [`args`](Self::args).
    pub arguments: String,
}

impl ToolUse {
    /// A use, for tests and for conversations that are put together by hand.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: impl fmt::Display) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.to_string() }
    }

    /// The arguments, read: a JSON object. No text at all means the empty object.
    ///
    /// # Errors
    /// A sentence to tell the model, where it wrote something else.
    pub fn args(&self) -> Result<Value, String> {
        let text = if self.arguments.trim().is_empty() { "{}" } else { &self.arguments };
        match serde_json::from_str(text) {
            Ok(object @ Value::Object(_)) => Ok(object),
            Ok(_) => Err(format!("the arguments of {} are not a JSON object", self.name)),
            Err(error) => Err(format!("the arguments of {} are not JSON: {error}", self.name)),
        }
    }
}

/// A tool that the model may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// 1 to 64 letters, digits, `_` or `-`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of the arguments. The host adapts it to what the provider takes.
    pub input_schema: Value,
}

impl Tool {
    /// A tool whose arguments are a `T`.
    pub fn of<T: JsonSchema>(name: impl Into<String>, description: impl Into<String>) -> Self {
        let input_schema = serde_json::from_str(&schema::input::<T>()).unwrap_or_default();
        Self { name: name.into(), description: description.into(), input_schema }
    }
}

/// Whether the model must use a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must not.
    None,
    /// At least one.
    Required,
    /// The one of this name.
    Tool(String),
}

/// What is asked of the model.
///
/// ```
/// # use tollgate_sdk::model::{Request, Role};
/// let request = Request::new().system("You are brief.").user("Why is the sky blue?").max_tokens(200);
/// assert_eq!(request.messages[0].role, Role::System);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools that it may use.
    pub tools: Vec<Tool>,
    options: Options,
}

#[derive(Clone, Debug, Default)]
struct Options {
    model: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    stop: Vec<String>,
    tool_choice: ToolChoice,
    schema: Option<Value>,
}

impl Request {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message of who wrote the program.
    #[must_use]
    pub fn system(self, content: impl Into<String>) -> Self {
        self.message(Message::new(Role::System, content))
    }

    /// Adds a message of who uses it.
    #[must_use]
    pub fn user(self, content: impl Into<String>) -> Self {
        self.message(Message::new(Role::User, content))
    }

    /// Adds a message of the model.
    #[must_use]
    pub fn assistant(self, content: impl Into<String>) -> Self {
        self.message(Message::new(Role::Assistant, content))
    }

    /// Adds a message: a [`Completion`](super::Completion)'s, to go on, or what a tool answered.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds messages.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    /// Adds tools that it may use.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Whether it must use a tool. Without this, as it likes.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.options.tool_choice = choice;
        self
    }

    /// Which model, where the host's configuration allows a choice.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.options.model = Some(name.into());
        self
    }

    /// The most tokens of the answer.
    #[must_use]
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.options.max_tokens = Some(tokens);
        self
    }

    /// How freely it chooses its words, from 0.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.options.temperature = Some(temperature);
        self
    }

    /// A text at which the answer ends. May be given more than once.
    #[must_use]
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.options.stop.push(text.into());
        self
    }

    /// JSON Schema that the answer's text must follow. [`complete_as`](super::complete_as) sets it from a type.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.options.schema = Some(schema);
        self
    }

    /// The schema that the answer's text must follow, if there is one.
    pub fn schema(&self) -> Option<&Value> {
        self.options.schema.as_ref()
    }

    /// The name of the model that is asked for, if one is.
    pub fn model_name(&self) -> Option<&str> {
        self.options.model.as_deref()
    }

    pub(super) fn into_wit(self) -> (Vec<wit::Message>, Vec<wit::Tool>, wit::Options) {
        let Options { model, max_tokens, temperature, stop, tool_choice, schema } = self.options;
        let tool = |Tool { name, description, input_schema }: Tool| wit::Tool {
            name,
            description,
            input_schema: input_schema.to_string(),
        };
        let options = wit::Options {
            model,
            max_tokens,
            temperature,
            stop,
            tool_choice: match tool_choice {
                ToolChoice::Auto => wit::ToolChoice::Auto,
                ToolChoice::None => wit::ToolChoice::None,
                ToolChoice::Required => wit::ToolChoice::Required,
                ToolChoice::Tool(name) => wit::ToolChoice::Tool(name),
            },
            output_schema: schema.map(|schema| schema.to_string()),
        };
        (self.messages.into_iter().map(Into::into).collect(), self.tools.into_iter().map(tool).collect(), options)
    }

    /// What a fake host was asked, as the author wrote it.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn from_wit(messages: &[wit::Message], tools: &[wit::Tool], options: &wit::Options) -> Self {
        let tool = |tool: &wit::Tool| Tool {
            name: tool.name.clone(),
            description: tool.description.clone(),
            input_schema: serde_json::from_str(&tool.input_schema).unwrap_or_default(),
        };
        let options = Options {
            model: options.model.clone(),
            max_tokens: options.max_tokens,
            temperature: options.temperature,
            stop: options.stop.clone(),
            tool_choice: match &options.tool_choice {
                wit::ToolChoice::Auto => ToolChoice::Auto,
                wit::ToolChoice::None => ToolChoice::None,
                wit::ToolChoice::Required => ToolChoice::Required,
                wit::ToolChoice::Tool(name) => ToolChoice::Tool(name.clone()),
            },
            schema: options.output_schema.as_deref().and_then(|schema| serde_json::from_str(schema).ok()),
        };
        let messages = messages.iter().cloned().map(Into::into).collect();
        Self { messages, tools: tools.iter().map(tool).collect(), options }
    }
}

/// A text is a question of the user's.
impl From<&str> for Request {
    fn from(question: &str) -> Self {
        Self::new().user(question)
    }
}

/// A text is a question of the user's.
impl From<String> for Request {
    fn from(question: String) -> Self {
        Self::new().user(question)
    }
}

impl From<wit::Message> for Message {
    fn from(message: wit::Message) -> Self {
        let used = |wit::ToolUse { id, name, arguments }| ToolUse { id, name, arguments };
        Self {
            role: message.role,
            content: message.content,
            tool_uses: message.tool_uses.into_iter().map(used).collect(),
            tool_use_id: message.tool_use_id,
            is_error: message.is_error,
        }
    }
}

impl From<Message> for wit::Message {
    fn from(message: Message) -> Self {
        let used = |ToolUse { id, name, arguments }| wit::ToolUse { id, name, arguments };
        Self {
            role: message.role,
            content: message.content,
            tool_uses: message.tool_uses.into_iter().map(used).collect(),
            tool_use_id: message.tool_use_id,
            is_error: message.is_error,
        }
    }
}
