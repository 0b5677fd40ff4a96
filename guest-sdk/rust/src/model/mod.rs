//! Asking a language model. The host chooses who answers: the model of the agent behind the run, or the endpoint that its
//! configuration names. Needs a grant `model`, or `model=NAME` for models of that name, with stars where you like.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//! use tollgate_sdk::model;
//! # use tollgate_sdk::testing::{FakeHost, block_on};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Mood {
//!     angry: bool,
//!     why: String,
//! }
//!
//! /// Tells whether the writer of a letter is angry.
//! async fn read(letter: &str) -> Result<Mood> {
//!     Ok(model::complete_as(format!("Is the writer of this letter angry?\n\n{letter}")).await?)
//! }
//!
//! let host = FakeHost::new().says(r#"{"angry": true, "why": "the third reminder"}"#).install();
//! assert!(block_on(read("This is my third reminder!")).unwrap().angry);
//! assert!(host.requests()[0].schema().is_some());
//! ```
//!
//! An error becomes a policy's own with `?`: its code is `model` then. A function that is not `async` has [`blocking`].

mod error;
mod request;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::policy::tollgate::model::model_types as wit;
use crate::{host, schema};

pub use error::ModelError;
pub use request::{Message, Request, Tool, ToolChoice, ToolUse};
pub use wit::{Finish, Role, Usage};

/// What the model answered.
#[derive(Clone, Debug)]
pub struct Completion {
    /// Its message. Append it to the messages to go on.
    pub message: Message,
    /// Why it stopped.
    pub finish: Finish,
    /// Which model answered.
    pub model: String,
    /// What it cost.
    pub usage: Usage,
}

impl Completion {
    /// An answer that is a text, for tests.
    pub fn text(text: impl Into<String>) -> Self {
        let usage = Usage { input_tokens: 0, output_tokens: 0 };
        Self { message: Message::new(Role::Assistant, text), finish: Finish::Stop, model: "fake".into(), usage }
    }

    /// An answer that wants to use tools, for tests.
    pub fn uses(tool_uses: impl IntoIterator<Item = ToolUse>) -> Self {
        let mut answer = Self::text("");
        answer.message.tool_uses = tool_uses.into_iter().collect();
        answer.finish = Finish::ToolUse;
        answer
    }

    /// The whole text of an answer that is not cut.
    fn whole(self) -> Result<String, ModelError> {
        match self.finish {
            Finish::Stop | Finish::ToolUse => Ok(self.message.content),
            Finish::Refusal => Err(ModelError::Refused(self.message.content)),
            Finish::Length => Err(ModelError::InvalidResponse(
                "it ran into the limit of tokens; allow more of them with `max_tokens`, or ask for less".to_owned(),
            )),
        }
    }
}

/// Asks the model and waits for its whole answer. Dropping the future cancels the request.
///
/// ```no_run
/// # use tollgate_sdk::prelude::*;
/// use tollgate_sdk::model::{self, Request};
/// # async fn example() -> Result<()> {
/// let answer = model::complete(Request::new().system("You are brief.").user("Why is the sky blue?")).await?;
/// println!("{} ({} tokens)", answer.message.content, answer.usage.output_tokens);
/// # Ok(()) }
/// ```
///
/// # Errors
/// See [`ModelError`].
pub async fn complete(request: impl Into<Request>) -> Result<Completion, ModelError> {
    let (messages, tools, options) = request.into().into_wit();
    Ok(host::model::complete(messages, tools, options).await?.into())
}

/// Asks one question, and gives the text of the answer.
///
/// # Errors
/// Those of [`complete`], [`ModelError::Refused`], and [`ModelError::InvalidResponse`] where the answer is cut.
pub async fn ask_text(question: impl Into<Request>) -> Result<String, ModelError> {
    complete(question).await?.whole()
}

/// Asks for an answer that is a `T`. The model is given the type's schema; its text may be JSON in a code block.
///
/// # Errors
/// Those of [`ask_text`], and [`ModelError::InvalidResponse`] where the answer is no `T`; the message says where.
pub async fn complete_as<T: JsonSchema + DeserializeOwned>(request: impl Into<Request>) -> Result<T, ModelError> {
    let form = Form::of::<T>();
    let answer = complete(request.into().output_schema(form.schema.clone())).await?.whole()?;
    form.read(&answer)
}

/// The JSON in a model's answer: the whole text, the code block in it, or what stands between its outermost braces.
///
/// ```
/// # use tollgate_sdk::model::json_of;
/// let answer = "Here it is:\n```json\n{\"a\": 1}\n```";
/// assert_eq!(json_of(answer).unwrap()["a"], 1);
/// ```
///
/// # Errors
/// A sentence that says where it is no JSON.
pub fn json_of(answer: &str) -> Result<Value, String> {
    let text = answer.trim();
    let whole = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let fenced = text.split_once("```").and_then(|(_, rest)| {
        // The first line names the language.
        let (_, rest) = rest.split_once('\n')?;
        Some(rest.rsplit_once("```").map_or(rest, |(inside, _)| inside))
    });
    let braced = |open, close| text.get(text.find(open)?..=text.rfind(close)?);
    let readings = [fenced, braced('{', '}'), braced('[', ']')];
    let found = readings.into_iter().flatten().find_map(|text| serde_json::from_str(text.trim()).ok());
    found.ok_or_else(|| format!("it is not JSON: {whole}"))
}

/// How an answer that is a `T` is asked for. Providers want an object, so other types become the member `result` of one.
struct Form {
    schema: Value,
    wrapped: bool,
}

impl Form {
    fn of<T: JsonSchema>() -> Self {
        let schema = schema::answer::<T>();
        let wrapped = schema.get("type").is_none_or(|kind| kind != "object");
        if !wrapped {
            return Self { schema, wrapped };
        }
        let schema = serde_json::json!({
            "type": "object",
            "properties": {"result": schema},
            "required": ["result"],
            "additionalProperties": false,
        });
        Self { schema, wrapped }
    }

    fn read<T: DeserializeOwned>(&self, answer: &str) -> Result<T, ModelError> {
        let mut value = json_of(answer).map_err(ModelError::InvalidResponse)?;
        if self.wrapped
            && let Some(result) = value.get_mut("result")
        {
            value = result.take();
        }
        schema::decode(value)
            .map_err(|error| ModelError::InvalidResponse(format!("it is not what was asked for: {error}")))
    }
}

impl From<wit::Completion> for Completion {
    fn from(answer: wit::Completion) -> Self {
        let wit::Completion { message, finish, model, usage } = answer;
        Self { message: message.into(), finish, model, usage }
    }
}

/// The same for functions that are not `async`.
pub mod blocking {
    use super::{Completion, DeserializeOwned, Form, JsonSchema, ModelError, Request};
    use crate::host::blocking::model as host;

    /// As [`super::complete`].
    ///
    /// # Errors
    /// Those of [`super::complete`].
    pub fn complete(request: impl Into<Request>) -> Result<Completion, ModelError> {
        let (messages, tools, options) = request.into().into_wit();
        Ok(host::complete(&messages, &tools, &options)?.into())
    }

    /// As [`super::ask_text`].
    ///
    /// # Errors
    /// Those of [`super::ask_text`].
    pub fn ask_text(question: impl Into<Request>) -> Result<String, ModelError> {
        complete(question)?.whole()
    }

    /// As [`super::complete_as`].
    ///
    /// # Errors
    /// Those of [`super::complete_as`].
    pub fn complete_as<T: JsonSchema + DeserializeOwned>(request: impl Into<Request>) -> Result<T, ModelError> {
        let form = Form::of::<T>();
        let answer = complete(request.into().output_schema(form.schema.clone()))?.whole()?;
        form.read(&answer)
    }
}
