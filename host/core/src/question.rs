//! What a component asks the person behind its run.

use crate::limits::LimitReached;
use std::fmt;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the person reads.
    pub message: String,
    /// JSON Schema of the answer, as text: an object of plain members, as MCP's elicitation has it ("Elicitation",
    /// `requestedSchema`).
    pub schema: String,
}

/// What the person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Yes, with this: a JSON object that follows the schema, as text.
    Accepted(String),
    /// No.
    Declined,
    /// The person closed the question without an answer.
    Dismissed,
}

/// Why nobody answered. Mirrors `ask-error` of `tollgate:ask` case by case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// No grant.
    Denied(String),
    /// The question cannot be asked as it is.
    InvalidQuestion(String),
    /// There is nobody to ask, or their client cannot ask.
    Unavailable(String),
    /// The run has asked all the questions that it may ask.
    BudgetExhausted(LimitReached),
    /// The run is being cancelled.
    Cancelled,
}

impl AskError {
    /// The case, as a word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::InvalidQuestion(_) => "invalid-question",
            Self::Unavailable(_) => "unavailable",
            Self::BudgetExhausted(_) => "budget-exhausted",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::InvalidQuestion(why) => write!(f, "the question cannot be asked: {why}"),
            Self::Unavailable(why) => write!(f, "nobody can be asked: {why}"),
            Self::BudgetExhausted(limit) => limit.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for AskError {}
