//! Asking the person behind the run: through the agent's client, or on the terminal. Needs a grant `ask`; the host limits the
//! number of questions, and tells the person which policy asks.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//! use tollgate_sdk::ask::{self, Reply};
//! # use tollgate_sdk::testing::{FakeHost, block_on};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Delivery {
//!     /// Where to?
//!     city: String,
//!     #[serde(default)]
//!     express: bool,
//! }
//!
//! async fn order() -> Result<String> {
//!     if !ask::confirm("Order the book?").await? {
//!         return Ok("not ordered".into());
//!     }
//!     match ask::form::<Delivery>("Where shall it go?").await? {
//!         Reply::Accepted(Delivery { city, express }) => Ok(format!("to {city}, express: {express}")),
//!         Reply::Declined | Reply::Dismissed => bail!("an order needs an address"),
//!     }
//! }
//!
//! let host = FakeHost::new().accepts(json!({})).accepts(json!({"city": "Paris"})).install();
//! assert_eq!(block_on(order()).unwrap(), "to Paris, express: false");
//! assert_eq!(host.questions()[0], "Order the book?");
//! ```
//!
//! An error becomes a policy's own with `?`: its code is `ask` then. A function that is not `async` has [`blocking`].

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::bindings::policy::tollgate::ask::ask_types as wit;
use crate::{Limit, host, schema};

/// What the person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// Yes, with this.
    Accepted(T),
    /// No.
    Declined,
    /// The person closed the question without an answer.
    Dismissed,
}

impl<T> Reply<T> {
    /// What the person gave, if it was a yes.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(value) => Some(value),
            Self::Declined | Self::Dismissed => None,
        }
    }

    fn try_map<U>(self, change: impl FnOnce(T) -> Result<U, AskError>) -> Result<Reply<U>, AskError> {
        Ok(match self {
            Self::Accepted(value) => Reply::Accepted(change(value)?),
            Self::Declined => Reply::Declined,
            Self::Dismissed => Reply::Dismissed,
        })
    }
}

/// Why nobody answered. None ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// There is no grant. Ask for it; do not retry.
    Denied(String),
    /// The question cannot be asked as it is.
    InvalidQuestion(String),
    /// There is nobody to ask. Decide without, or fail.
    Unavailable(String),
    /// The run has asked all the questions that it may ask.
    BudgetExhausted(Box<Limit>),
    /// The run is being cancelled. Return soon.
    Cancelled,
    /// The answer follows the schema, but is none of the type that was asked for.
    InvalidAnswer(String),
}

impl AskError {
    /// The case's name as in the WIT: `invalid-question`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::InvalidQuestion(_) => "invalid-question",
            Self::Unavailable(_) => "unavailable",
            Self::BudgetExhausted(_) => "budget-exhausted",
            Self::Cancelled => "cancelled",
            Self::InvalidAnswer(_) => "invalid-answer",
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::InvalidQuestion(why) => write!(f, "the question cannot be asked: {why}"),
            Self::Unavailable(why) => write!(f, "nobody can be asked: {why}"),
            Self::BudgetExhausted(limit) => f.write_str(&limit.message),
            Self::Cancelled => f.write_str("cancelled"),
            Self::InvalidAnswer(why) => write!(f, "the person's answer cannot be used: {why}"),
        }
    }
}

impl std::error::Error for AskError {}

/// Asks for a plain yes. A question that is declined or closed is a no.
///
/// # Errors
/// See [`AskError`]. Nobody to ask is an error, not a no: decide which it is to you.
pub async fn confirm(question: &str) -> Result<bool, AskError> {
    let reply = host::ask::ask(question.to_owned(), String::new()).await?;
    Ok(matches!(reply, wit::Reply::Accepted(_)))
}

/// Asks for a `T`: a struct of strings, numbers, booleans, choices (enums without data) and lists of choices. Its members'
/// doc comments are shown with them; an `Option` may be left empty.
///
/// # Errors
/// See [`AskError`]; [`AskError::InvalidQuestion`] where no form can ask for the type.
pub async fn form<T: JsonSchema + DeserializeOwned>(question: &str) -> Result<Reply<T>, AskError> {
    ask(question, &form_schema::<T>()).await?.try_map(typed)
}

/// Asks for an object that follows a schema of plain members, as MCP's elicitation has it (`requestedSchema`). The host has
/// held the answer against it.
///
/// # Errors
/// See [`AskError`].
pub async fn ask(question: &str, schema: &Value) -> Result<Reply<Value>, AskError> {
    read(host::ask::ask(question.to_owned(), schema.to_string()).await?)
}

fn read(reply: wit::Reply) -> Result<Reply<Value>, AskError> {
    let text = match reply {
        wit::Reply::Accepted(text) => text,
        wit::Reply::Declined => return Ok(Reply::Declined),
        wit::Reply::Dismissed => return Ok(Reply::Dismissed),
    };
    let value = serde_json::from_str(&text).map_err(|error| AskError::InvalidAnswer(format!("not JSON: {error}")))?;
    Ok(Reply::Accepted(value))
}

fn typed<T: DeserializeOwned>(answer: Value) -> Result<T, AskError> {
    schema::decode(answer).map_err(AskError::InvalidAnswer)
}

/// A type's schema in the words that forms know ("Elicitation", `PrimitiveSchemaDefinition`).
fn form_schema<T: JsonSchema>() -> Value {
    let mut schema = schema::answer::<T>();
    if let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        members.values_mut().filter_map(Value::as_object_mut).for_each(plain);
    }
    schema
}

/// Formats that forms know. Others, as `uint32`, are Rust's own.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];

fn plain(member: &mut Map<String, Value>) {
    let is_null = |kind: &Value| kind == "null" || kind.get("type").is_some_and(|kind| kind == "null");
    // An `Option` is a member that may be left out; forms have no null.
    if let Some(Value::Array(kinds)) = member.get_mut("type") {
        kinds.retain(|kind| !is_null(kind));
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            member.insert("type".into(), kind);
        }
    }
    if let Some(Value::Array(choices)) = member.get_mut("anyOf") {
        choices.retain(|choice| !is_null(choice));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            member.remove("anyOf");
            for (word, value) in only {
                member.entry(word).or_insert(value);
            }
        }
    }
    if member.get("default").is_some_and(Value::is_null) {
        member.remove("default");
    }
    if let Some(Value::Array(names)) = member.get_mut("enum") {
        names.retain(|name| !name.is_null());
    }
    // Variants with doc comments: each a constant with a description, which forms show as the title.
    if let Some(Value::Array(variants)) = member.get_mut("oneOf")
        && variants.iter().all(|variant| variant.get("const").is_some())
    {
        for variant in variants {
            let name = variant.get("const").cloned().unwrap_or_default();
            let title = variant.get("description").cloned().unwrap_or_else(|| name.clone());
            *variant = json!({"const": name, "title": title});
        }
        member.insert("type".into(), "string".into());
    }
    if member.get("format").and_then(Value::as_str).is_some_and(|format| !FORMATS.contains(&format)) {
        member.remove("format");
    }
    if let Some(Value::Object(items)) = member.get_mut("items") {
        plain(items);
    }
}

impl From<wit::AskError> for AskError {
    fn from(error: wit::AskError) -> Self {
        use wit::AskError as W;
        match error {
            W::Denied(why) => Self::Denied(why),
            W::InvalidQuestion(why) => Self::InvalidQuestion(why),
            W::Unavailable(why) => Self::Unavailable(why),
            W::BudgetExhausted(limit) => Self::BudgetExhausted(Box::new(limit.into())),
            W::Cancelled => Self::Cancelled,
        }
    }
}

/// The same for functions that are not `async`.
pub mod blocking {
    use super::{AskError, DeserializeOwned, JsonSchema, Reply, Value, form_schema, read, typed, wit};
    use crate::host::blocking::ask as host;

    /// As [`super::confirm`].
    ///
    /// # Errors
    /// Those of [`super::confirm`].
    pub fn confirm(question: &str) -> Result<bool, AskError> {
        Ok(matches!(host::ask(question, "")?, wit::Reply::Accepted(_)))
    }

    /// As [`super::form`].
    ///
    /// # Errors
    /// Those of [`super::form`].
    pub fn form<T: JsonSchema + DeserializeOwned>(question: &str) -> Result<Reply<T>, AskError> {
        ask(question, &form_schema::<T>())?.try_map(typed)
    }

    /// As [`super::ask`].
    ///
    /// # Errors
    /// Those of [`super::ask`].
    pub fn ask(question: &str, schema: &Value) -> Result<Reply<Value>, AskError> {
        read(host::ask(question, &schema.to_string())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Form {
        /// How many?
        count: u8,
        note: Option<String>,
        size: Size,
        gift: Option<Wrapping>,
        extras: Vec<Size>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    enum Wrapping {
        /// In paper
        Paper,
        /// In a box
        Box,
    }

    #[test]
    fn the_schema_of_a_form_has_only_what_forms_know() {
        let schema = form_schema::<Form>();
        let members = &schema["properties"];
        assert_eq!(members["count"]["type"], "integer");
        assert_eq!(members["count"].get("format"), None);
        assert_eq!(members["count"]["description"], "How many?");
        assert_eq!(members["note"]["type"], "string");
        assert_eq!(members["size"], json!({"type": "string", "enum": ["Small", "Large"]}));
        assert_eq!(members["gift"]["type"], "string");
        assert_eq!(members["gift"]["oneOf"][0], json!({"const": "Paper", "title": "In paper"}));
        assert_eq!(members["extras"]["items"]["enum"], json!(["Small", "Large"]));
        assert_eq!(schema["required"], json!(["count", "size", "extras"]));
    }

    #[test]
    fn no_and_a_closed_question_are_told_apart_and_both_are_no_yes() {
        let _host = crate::testing::FakeHost::new().declines().dismisses().declines().install();
        assert_eq!(blocking::form::<Value>("Which?").unwrap(), Reply::Declined);
        assert_eq!(blocking::form::<Value>("Which?").unwrap(), Reply::Dismissed);
        assert!(!blocking::confirm("Really?").unwrap());
        assert!(matches!(blocking::confirm("Really?"), Err(AskError::Unavailable(_))));
    }

    #[test]
    fn an_answer_of_another_shape_says_where() {
        let _host = crate::testing::FakeHost::new().accepts(json!({"count": 300})).install();
        let error = blocking::form::<Form>("Which?").unwrap_err();
        assert!(error.to_string().contains("count: invalid value"), "{error}");
    }
}
