//! What is asked of a language model, and what it answers. The words are those of the chat interfaces of model providers.

use crate::limits::LimitReached;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who wrote the program.
    System,
    /// Who uses it.
    User,
    /// The model.
    Assistant,
    /// A tool that the model used.
    Tool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A tool that the model wants to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// The model's name for this use.
    pub id: String,
    /// The tool's name, as it was given to the model.
    pub name: String,
    /// The arguments as the model wrote them. They should be a JSON object; models break that.
    pub arguments: String,
}

/// A tool that the model may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTool {
    /// Its name: 1 to 64 letters, digits, `_` or `-`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments, as text.
    pub input_schema: String,
}

/// Whether the model must use a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool(String),
}

/// How it is to answer. What is absent is the provider's or the configuration's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelOptions {
    /// Which model, where the configuration allows a choice.
    pub model: Option<String>,
    /// The most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// How freely it chooses its words, from 0.
    pub temperature: Option<f64>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// Whether it must use a tool.
    pub tool_choice: ToolChoice,
    /// JSON Schema that the answer's text must follow, as text.
    pub output_schema: Option<String>,
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRequest {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools that it may use.
    pub tools: Vec<ModelTool>,
    /// How it is to answer.
    pub options: ModelOptions,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// It said what it wanted to say.
    Stop,
    /// It wants to use tools.
    ToolUse,
    /// It ran into the limit of tokens; the answer is cut.
    Length,
    /// It, or a filter of its provider, would not.
    Refusal,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens that it read.
    pub input_tokens: u64,
    /// Tokens that it wrote.
    pub output_tokens: u64,
}

impl Usage {
    /// Both.
    pub fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// An estimate where nobody counts: four bytes a token, rounded up.
pub fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

/// What a request has cost so far, all its tries together: whoever asks can tell it of a request that fails or is given up,
/// too.
#[derive(Debug, Default)]
pub struct Meter {
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
}

impl Meter {
    /// What is known, else estimated.
    pub fn usage(&self) -> Usage {
        let [input_tokens, output_tokens] =
            [&self.input_tokens, &self.output_tokens].map(|tokens| tokens.load(Ordering::Relaxed));
        Usage { input_tokens, output_tokens }
    }

    /// Begins a try, which costs so much for all that is known.
    pub fn begin(&self, usage: Usage) -> Try<'_> {
        let mut one = Try { meter: self, counted: Usage::default() };
        one.count(usage);
        one
    }
}

/// One try's part of a [`Meter`].
#[derive(Debug)]
pub struct Try<'m> {
    meter: &'m Meter,
    counted: Usage,
}

impl Try<'_> {
    /// What it costs, in the place of what was said before.
    pub fn count(&mut self, usage: Usage) {
        let before = std::mem::replace(&mut self.counted, usage);
        // The differences may be negative; their sum is not.
        let count = |tokens: &AtomicU64, before: u64, now: u64| {
            tokens.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        };
        count(&self.meter.input_tokens, before.input_tokens, usage.input_tokens);
        count(&self.meter.output_tokens, before.output_tokens, usage.output_tokens);
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The model's message.
    pub message: Message,
    /// Why it stopped.
    pub finish: Finish,
    /// Which model answered.
    pub model: String,
    /// What it cost, tries that failed before it included. Where the provider does not say, an estimate ([`tokens`]).
    pub usage: Usage,
}

/// Why there is no answer. Mirrors `model-error` of `tollgate:model` case by case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelError {
    /// No grant.
    Denied(String),
    /// The request cannot be sent as it is.
    InvalidRequest(String),
    /// There is no model, or it cannot be reached.
    Unavailable(String),
    /// The provider wants to be left alone; milliseconds, where it said how long.
    RateLimited(Option<u64>),
    /// No answer in time.
    TimedOut(String),
    /// The provider refused the request.
    Rejected(String),
    /// The provider answered something else than its interface says, or the answer broke off.
    InvalidResponse(String),
    /// A limit of the run is used up.
    BudgetExhausted(LimitReached),
    /// The run is being cancelled.
    Cancelled,
}

impl ModelError {
    /// The case, as a word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::InvalidRequest(_) => "invalid-request",
            Self::Unavailable(_) => "unavailable",
            Self::RateLimited(_) => "rate-limited",
            Self::TimedOut(_) => "timed-out",
            Self::Rejected(_) => "rejected",
            Self::InvalidResponse(_) => "invalid-response",
            Self::BudgetExhausted(_) => "budget-exhausted",
            Self::Cancelled => "cancelled",
        }
    }
}

impl ModelError {
    /// Why, where all words are the host's own. `None` where the provider or the request has a part in them.
    pub fn own_words(&self) -> Option<String> {
        match self {
            Self::Denied(_) | Self::RateLimited(_) | Self::TimedOut(_) | Self::BudgetExhausted(_) | Self::Cancelled => {
                Some(self.to_string())
            }
            Self::InvalidRequest(_) | Self::Unavailable(_) | Self::Rejected(_) | Self::InvalidResponse(_) => None,
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::InvalidRequest(why) => write!(f, "the request to the model cannot be sent: {why}"),
            Self::Unavailable(why) => write!(f, "no model is available: {why}"),
            Self::RateLimited(Some(ms)) => write!(f, "the model's provider asks to wait {ms} ms"),
            Self::RateLimited(None) => f.write_str("the model's provider asks to slow down"),
            Self::TimedOut(why) => write!(f, "the model did not answer in time: {why}"),
            Self::Rejected(why) => write!(f, "the model's provider refused the request: {why}"),
            Self::InvalidResponse(why) => write!(f, "the model's answer cannot be read: {why}"),
            Self::BudgetExhausted(limit) => limit.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for ModelError {}
