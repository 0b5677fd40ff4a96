//! Requests to the model, and its answers: `tollgate.complete`.

use futures_util::future::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::Failure;
use super::{Started, as_json};
use crate::bindings::model as wit;
use crate::host::Host;

/// What a script asks.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow, default)]
    messages: Vec<Message<'a>>,
    system: Option<String>,
    #[serde(borrow, default)]
    tools: Vec<Tool<'a>>,
    model: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    stop: Option<Stop>,
    tool_choice: Option<ToolChoice>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Message<'a> {
    role: Role,
    #[serde(default)]
    content: Option<String>,
    #[serde(borrow, default)]
    tool_uses: Vec<ToolUse<'a>>,
    tool_use_id: Option<String>,
    #[serde(default)]
    is_error: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// The arguments are what the model wrote, or what [`complete`] made of it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ToolUse<'a> {
    id: String,
    name: String,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

/// A tool as MCP lists it: what is not the model's affair is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool<'a> {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`stop` is a text or a list of texts")]
enum Stop {
    One(String),
    Any(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ToolChoice {
    Auto,
    None,
    Required,
    Tool(String),
}

/// Asks the model.
pub(super) fn complete(host: &dyn Host, args: &str) -> Result<Started, Failure> {
    let request = read(args).map_err(|why| Failure::in_words("invalid-request", &why))?;
    let form = request.schema.map(Form::of);
    let mut messages: Vec<_> = request.messages.into_iter().map(Into::into).collect();
    if let Some(system) = request.system {
        messages.insert(0, message(wit::Role::System, system));
    }
    let tools = request.tools.into_iter().map(Into::into).collect();
    let options = wit::Options {
        model: request.model,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        stop: match request.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Any(texts)) => texts,
        },
        tool_choice: request.tool_choice.map_or(wit::ToolChoice::Auto, Into::into),
        output_schema: form.as_ref().map(|form| form.schema.clone()),
    };
    let answer = host.complete(messages, tools, options);
    Ok(async move { told(&answer.await?, form.as_ref()) }.boxed_local())
}

fn read(args: &str) -> Result<Request<'_>, serde_json::Error> {
    let [request]: [&RawValue; 1] = serde_json::from_str(args)?;
    if request.get().starts_with('"') {
        let content = serde_json::from_str(request.get())?;
        let message = Message {
            role: Role::User,
            content: Some(content),
            tool_uses: Vec::new(),
            tool_use_id: None,
            is_error: false,
        };
        return Ok(Request { messages: vec![message], ..Request::default() });
    }
    if !request.get().starts_with('{') {
        return Err(serde::de::Error::custom(format_args!("{} is neither a text nor an object", request.get())));
    }
    serde_json::from_str(request.get())
}

fn message(role: wit::Role, content: String) -> wit::Message {
    wit::Message { role, content, tool_uses: Vec::new(), tool_use_id: None, is_error: false }
}

impl From<Message<'_>> for wit::Message {
    fn from(message: Message<'_>) -> Self {
        Self {
            role: match message.role {
                Role::System => wit::Role::System,
                Role::User => wit::Role::User,
                Role::Assistant => wit::Role::Assistant,
                Role::Tool => wit::Role::Tool,
            },
            content: message.content.unwrap_or_default(),
            tool_uses: message.tool_uses.into_iter().map(Into::into).collect(),
            tool_use_id: message.tool_use_id,
            is_error: message.is_error,
        }
    }
}

impl From<ToolUse<'_>> for wit::ToolUse {
    fn from(used: ToolUse<'_>) -> Self {
        // A text is what the model wrote and nobody could read.
        let written = serde_json::from_str::<String>(used.arguments.get());
        Self { id: used.id, name: used.name, arguments: written.unwrap_or_else(|_| used.arguments.get().to_owned()) }
    }
}

impl From<Tool<'_>> for wit::Tool {
    fn from(tool: Tool<'_>) -> Self {
        Self {
            name: tool.name,
            description: tool.description.unwrap_or_default(),
            input_schema: tool.input_schema.map_or(r#"{"type":"object"}"#, RawValue::get).to_owned(),
        }
    }
}

impl From<ToolChoice> for wit::ToolChoice {
    fn from(choice: ToolChoice) -> Self {
        match choice {
            ToolChoice::Auto => Self::Auto,
            ToolChoice::None => Self::None,
            ToolChoice::Required => Self::Required,
            ToolChoice::Tool(name) => Self::Tool(name),
        }
    }
}

/// How an answer of a schema is asked for. Providers want an object, so others become the member `result` of one.
struct Form {
    schema: String,
    wrapped: bool,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
}

impl Form {
    fn of(schema: &RawValue) -> Self {
        let parsed: Option<Value> = serde_json::from_str(schema.get()).ok();
        let wrapped =
            parsed.is_some_and(|schema| schema.is_object() && schema.get("type").is_none_or(|kind| kind != "object"));
        let schema = schema.get();
        let schema = if wrapped {
            let rest = r#""required":["result"],"additionalProperties":false"#;
            format!(r#"{{"type":"object","properties":{{"result":{schema}}},{rest}}}"#)
        } else {
            schema.to_owned()
        };
        Self { schema, wrapped }
    }

    /// The JSON in the answer.
    fn value<'a>(&self, answer: &'a str) -> Result<&'a RawValue, Failure> {
        let Some(found) = json_of(answer) else {
            let why = "it is not JSON".to_owned();
            return Err(Failure::new("invalid-response", format!("the model's answer cannot be used: {why}"), why));
        };
        // A list could be read as one as well.
        let wrapped = self.wrapped && found.get().starts_with('{');
        match serde_json::from_str::<Wrapped<'a>>(found.get()) {
            Ok(Wrapped { result }) if wrapped => Ok(result),
            _ => Ok(found),
        }
    }
}

/// The JSON in a model's answer: the whole text, the code block in it, or what stands between its outermost braces.
fn json_of(answer: &str) -> Option<&RawValue> {
    let text = answer.trim();
    let fenced = || {
        // The first line names the language.
        let (_, rest) = text.split_once("```")?.1.split_once('\n')?;
        Some(rest.rsplit_once("```").map_or(rest, |(inside, _)| inside))
    };
    let between = |open, close| text.get(text.find(open)?..=text.rfind(close)?);
    let readings = [Some(text), fenced(), between('{', '}'), between('[', ']')];
    readings.into_iter().flatten().find_map(|text| as_json(text.trim()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    text: &'a str,
    tool_uses: Vec<ToolUse<'a>>,
    finish: &'static str,
    model: &'a str,
    usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
}

/// The answer as the script sees it.
fn told(answer: &wit::Completion, form: Option<&Form>) -> Result<String, Failure> {
    let text = &answer.message.content;
    let value = match (form, answer.finish) {
        (Some(form), wit::Finish::Stop) => Some(form.value(text)?),
        (Some(_), wit::Finish::Refusal) => {
            return Err(Failure::new("refused", format!("the model would not answer: {text}"), text.clone()));
        }
        (Some(_), wit::Finish::Length) => {
            let why =
                "it ran into the limit of tokens; allow more of them with `maxTokens`, or ask for less".to_owned();
            return Err(Failure::new("invalid-response", format!("the model's answer cannot be used: {why}"), why));
        }
        // It wants to use tools first.
        (Some(_), wit::Finish::ToolUse) | (None, _) => None,
    };
    let written: Vec<_> = answer.message.tool_uses.iter().map(|used| written(&used.arguments)).collect();
    let tool_uses = answer.message.tool_uses.iter().zip(&written);
    let told = Told {
        text,
        tool_uses: tool_uses
            .map(|(used, arguments)| ToolUse { id: used.id.clone(), name: used.name.clone(), arguments })
            .collect(),
        finish: match answer.finish {
            wit::Finish::Stop => "stop",
            wit::Finish::ToolUse => "tool-use",
            wit::Finish::Length => "length",
            wit::Finish::Refusal => "refusal",
        },
        model: &answer.model,
        usage: Usage { input_tokens: answer.usage.input_tokens, output_tokens: answer.usage.output_tokens },
        value,
    };
    serde_json::to_string(&told).map_err(|why| Failure::in_words("invalid-response", &why))
}

/// Arguments as JSON: where they are none, the text that the model wrote; no text at all is the empty object.
fn written(arguments: &str) -> Box<RawValue> {
    let text = arguments.trim();
    let json = if text.is_empty() { as_json("{}") } else { as_json(text) };
    match json {
        Some(json) => json.to_owned(),
        None => serde_json::value::to_raw_value(arguments).unwrap_or_default(),
    }
}
