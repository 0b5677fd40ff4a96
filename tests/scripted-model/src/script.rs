//! What the model says, in turn.

use serde::Deserialize;
use serde_json::Value;

/// A script. As JSON: `{"turns": [{"tools": [{"name": "crm_search", "arguments": {"query": "x"}}]}, {"text": "Done."}]}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Script {
    /// What requests must carry as their key; none is any.
    pub key: Option<String>,
    /// The bytes of each piece that is sent; none is an event at a time.
    pub piece_bytes: Option<usize>,
    /// What is answered, one after the other. After the last, requests are refused.
    pub turns: Vec<Turn>,
}

impl Script {
    /// These turns.
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self { turns: turns.into_iter().collect(), ..Self::default() }
    }
}

/// One answer, or what goes wrong with it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Turn {
    /// What is said.
    pub text: String,
    /// The tools that are to be used.
    pub tools: Vec<Use>,
    /// Why it ends; by itself what fits.
    pub finish: Option<Finish>,
    /// The tokens that it cost; by itself four bytes each.
    pub usage: Counted,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// The wait before each event, in milliseconds.
    pub pause_ms: u64,
    /// Whether it is said again and again.
    pub repeat: bool,
}

impl Turn {
    /// Says something.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Wants to use tools.
    pub fn uses(tools: impl IntoIterator<Item = Use>) -> Self {
        Self { tools: tools.into_iter().collect(), ..Self::default() }
    }

    /// Goes wrong.
    pub fn fault(fault: Fault) -> Self {
        Self { text: "What came of it.".to_owned(), fault: Some(fault), ..Self::default() }
    }

    /// Answers with a status and no headers that say more.
    pub fn status(status: u16) -> Self {
        Self::fault(Fault::Status { status, retry_after: None })
    }

    pub(crate) fn finish(&self) -> Finish {
        self.finish.unwrap_or(if self.tools.is_empty() { Finish::Stop } else { Finish::ToolUse })
    }

    /// The tokens of the question and of the answer, where they are told.
    pub(crate) fn counted(&self, sent_bytes: usize) -> Option<(u64, u64)> {
        match self.usage {
            Counted::None => None,
            Counted::As { input, output } => Some((input, output)),
            Counted::Estimated => {
                let uses = self.tools.iter().map(|one| one.name.len() + one.arguments().len()).sum::<usize>();
                Some(((sent_bytes as u64).div_ceil(4), ((self.text.len() + uses) as u64).div_ceil(4)))
            }
        }
    }
}

/// A tool that is to be used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Its name; it may be one that nobody offered.
    pub name: String,
    /// Its arguments. A text is sent as it is: that is how arguments that are no JSON are written.
    #[serde(default)]
    pub arguments: Value,
    /// Its id; by itself a new one.
    #[serde(default)]
    pub id: Option<String>,
}

impl Use {
    /// A use with these arguments.
    pub fn new(name: impl Into<String>, arguments: Value) -> Self {
        Self { name: name.into(), arguments, id: None }
    }

    pub(crate) fn arguments(&self) -> String {
        match &self.arguments {
            Value::String(text) => text.clone(),
            Value::Null => "{}".to_owned(),
            value => value.to_string(),
        }
    }
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say it
pub enum Finish {
    Stop,
    ToolUse,
    Length,
    Refusal,
}

/// What is said of the tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Four bytes each.
    #[default]
    Estimated,
    /// Nothing.
    None,
    /// This.
    As {
        /// Of the question.
        input: u64,
        /// Of the answer.
        output: u64,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Fault {
    /// A status, with the provider's error in JSON.
    Status {
        /// Which.
        status: u16,
        /// The header `Retry-After`.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// A whole answer of one's own: a status, a type, a body.
    Raw {
        /// Which.
        status: u16,
        /// The header `Content-Type`.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The connection breaks in the middle of the stream.
    Broken,
    /// The stream ends properly, but before the answer does.
    Truncated,
    /// After the first event nothing more comes.
    Hang,
    /// Events that are no JSON.
    Garbage,
    /// An event that tells an error, of this type.
    Error {
        /// As `overloaded_error`.
        error: String,
    },
    /// It never ends.
    Endless,
    /// The answer as one JSON document, though a stream was asked for.
    NoStream,
}
