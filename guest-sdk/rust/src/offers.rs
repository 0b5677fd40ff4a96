//! What an adapter has beside its tools: resources and prompts.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//!
//! struct Notes;
//!
//! #[adapter]
//! impl Notes {
//!     /// How many notes there are.
//!     #[resource(uri = "notes://count")]
//!     fn count() -> Result<u32> {
//!         Ok(2)
//!     }
//!
//!     /// One note.
//!     #[resource(uri = "notes://note/{id}", mime_type = "text/markdown")]
//!     async fn note(id: String) -> Result<String> {
//!         match id.as_str() {
//!             "1" => Ok("# Buy bread".to_owned()),
//!             _ => bail!("there is no note {id}; notes://count says how many there are"),
//!         }
//!     }
//!
//!     /// Summarises a note.
//!     #[prompt]
//!     fn summary(
//!         /// Which.
//!         id: String,
//!     ) -> Result<String> {
//!         Ok(format!("Summarise notes://note/{id} in one sentence."))
//!     }
//! }
//! # fn main() {}
//! ```

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// The content of a resource that says itself what it is: a text, or bytes.
///
/// A function with `#[resource]` may also return any type that is [`Serialize`]: a string is the text, everything else is
/// written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    member: &'static str,
    value: String,
    mime_type: Option<String>,
}

impl Contents {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { member: "text", value: text.into(), mime_type: None }
    }

    /// Bytes.
    pub fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self { member: "blob", value: STANDARD.encode(bytes), mime_type: None }
    }

    /// Of which media type it is; else that of the attribute.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }
}

/// What a function with `#[resource]` may return: a type that is [`Serialize`], or [`Contents`].
pub trait ResourceOutput {
    /// The content.
    ///
    /// # Errors
    /// Where the value cannot be written as JSON.
    fn into_contents(self) -> Result<Contents>;
}

impl ResourceOutput for Contents {
    fn into_contents(self) -> Result<Contents> {
        Ok(self)
    }
}

impl<T: Serialize> ResourceOutput for T {
    fn into_contents(self) -> Result<Contents> {
        Ok(match serde_json::to_value(self)? {
            Value::String(text) => Contents::text(text),
            value => Contents::text(value.to_string()).mime_type("application/json"),
        })
    }
}

/// The messages of a prompt.
///
/// A function with `#[prompt]` may also return a string: one message of the user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Messages {
    description: Option<String>,
    messages: Vec<Value>,
}

impl Messages {
    /// No message.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the messages are for.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// One more, of the user.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message("user", text.into())
    }

    /// One more, of the model.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message("assistant", text.into())
    }

    fn message(mut self, role: &str, text: String) -> Self {
        self.messages.push(json!({"role": role, "content": {"type": "text", "text": text}}));
        self
    }

    pub(crate) fn into_result(self) -> String {
        let mut result = Map::new();
        if let Some(description) = self.description {
            result.insert("description".to_owned(), description.into());
        }
        result.insert("messages".to_owned(), self.messages.into());
        Value::Object(result).to_string()
    }
}

impl From<String> for Messages {
    fn from(text: String) -> Self {
        Self::new().user(text)
    }
}

impl From<&str> for Messages {
    fn from(text: &str) -> Self {
        Self::new().user(text)
    }
}

/// What a resource's function returned, as MCP's `ReadResourceResult`.
pub(crate) fn read_result(uri: &str, mime_type: Option<&str>, output: impl ResourceOutput) -> Result<String, Error> {
    let Contents { member, value, mime_type: own } = output.into_contents()?;
    let mut contents = Map::new();
    contents.insert("uri".to_owned(), uri.into());
    if let Some(mime_type) = own.as_deref().or(mime_type) {
        contents.insert("mimeType".to_owned(), mime_type.into());
    }
    contents.insert(member.to_owned(), value.into());
    Ok(json!({"contents": [contents]}).to_string())
}

/// The values of a template's variables in a URI; `None` where the URI is of another kind. `{name}` is a piece without a
/// slash, a question mark or a number sign, `{+name}` any; neither is empty.
pub(crate) fn variables(template: &str, uri: &str) -> Option<Map<String, Value>> {
    let (mut found, mut template, mut rest) = (Map::new(), template, uri);
    while let Some((literal, after)) = template.split_once('{') {
        rest = rest.strip_prefix(literal)?;
        let (name, after) = after.split_once('}')?;
        let next = after.split('{').next().unwrap_or_default();
        // Up to where the next literal begins; the last one up to the end.
        let end = match next {
            "" => rest.len(),
            _ if !after.contains('{') => rest.len().checked_sub(next.len())?,
            next => rest.find(next)?,
        };
        let (value, remainder) = rest.split_at_checked(end)?;
        let name = match name.strip_prefix('+') {
            Some(name) => name,
            None if value.contains(['/', '?', '#']) => return None,
            None => name,
        };
        if value.is_empty() {
            return None;
        }
        found.insert(name.to_owned(), decoded(value)?.into());
        (template, rest) = (after, remainder);
    }
    (template == rest).then_some(found)
}

/// Percent-encoding undone.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        if !code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_a_uri_apart() {
        let values = |template, uri| variables(template, uri).map(|found| Value::Object(found).to_string());
        for (template, uri, expected) in [
            ("notes://all", "notes://all", Some("{}")),
            ("notes://all", "notes://all2", None),
            ("notes://note/{id}", "notes://note/7", Some(r#"{"id":"7"}"#)),
            ("notes://note/{id}", "notes://note/", None),
            ("notes://note/{id}", "notes://note/7/8", None),
            ("notes://note/{id}", "notes://other/7", None),
            ("notes://{+path}", "notes://a/b?c", Some(r#"{"path":"a/b?c"}"#)),
            ("x://{a}/{b}.md", "x://1/2.3.md", Some(r#"{"a":"1","b":"2.3"}"#)),
            ("x://{a}/{b}.md", "x://1/2.txt", None),
            ("x://{a}/{b}.md", "x://1/.md", None),
            ("x://{a}", "x://a%20b%C3%A4", Some(r#"{"a":"a bä"}"#)),
            ("x://{a}", "x://%2", None),
            ("x://{a}", "x://%+1", None),
            ("x://{a}", "x://%FF", None),
            ("x://{a}", "x://ä", Some(r#"{"a":"ä"}"#)),
        ] {
            assert_eq!(values(template, uri).as_deref(), expected, "{template} {uri}");
        }
    }

    #[test]
    fn what_is_read_says_what_it_is() {
        let read = |output: Contents| read_result("n://1", Some("text/markdown"), output).unwrap();
        assert_eq!(
            read(Contents::text("# x")),
            r##"{"contents":[{"uri":"n://1","mimeType":"text/markdown","text":"# x"}]}"##
        );
        assert_eq!(
            read(Contents::bytes([0, 255]).mime_type("image/png")),
            r#"{"contents":[{"uri":"n://1","mimeType":"image/png","blob":"AP8="}]}"#
        );
        assert_eq!(
            read_result("n://1", None, json!({"a": 1})).unwrap(),
            r#"{"contents":[{"uri":"n://1","mimeType":"application/json","text":"{\"a\":1}"}]}"#
        );
        assert_eq!(read_result("n://1", None, "x").unwrap(), r#"{"contents":[{"uri":"n://1","text":"x"}]}"#);
    }

    #[test]
    fn a_prompt_is_messages() {
        assert_eq!(
            Messages::from("hello").into_result(),
            r#"{"messages":[{"role":"user","content":{"type":"text","text":"hello"}}]}"#
        );
        let both = Messages::new().description("Two.").user("a").assistant("b").into_result();
        let both: Value = serde_json::from_str(&both).unwrap();
        assert_eq!((&both["description"], &both["messages"][1]["role"]), (&json!("Two."), &json!("assistant")));
    }
}
