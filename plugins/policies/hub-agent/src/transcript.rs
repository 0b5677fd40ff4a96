//! What was said and done, for whoever wants to know how the answer came about.

use schemars::JsonSchema;
use serde::Serialize;
use tollgate_sdk::model::Usage;

use crate::toolbox::cut;

/// How much of one text is told, in characters.
const MAX_CHARS: usize = 4_000;

/// How far a question is.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Transcript {
    pub turns: Vec<Turn>,
    /// Tokens that the model read and wrote.
    pub usage: Tokens,
    /// How many tools were called.
    pub calls: usize,
    /// The model that answered last.
    pub model: Option<String>,
}

/// One thing that was said.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Turn {
    /// `user`, `assistant` or `tool`.
    pub role: String,
    pub content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_uses: Vec<Use>,
}

/// A tool that the model wanted to use.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Use {
    pub id: String,
    /// The model's name for the tool.
    pub name: String,
    /// `server:tool`, where there is such a tool.
    pub tool: Option<String>,
    /// As the model wrote them.
    pub arguments: String,
    /// `ok`, the failed call's kind, or `mistake` where the model asked for what cannot be.
    pub outcome: String,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
}

impl Tokens {
    pub fn add(&mut self, usage: Usage) {
        self.input = self.input.saturating_add(usage.input_tokens);
        self.output = self.output.saturating_add(usage.output_tokens);
    }

    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl Turn {
    pub fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: cut(content, MAX_CHARS), tool_uses: Vec::new() }
    }
}
