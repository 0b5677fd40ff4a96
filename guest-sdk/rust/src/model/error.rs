//! Why a model gave no answer.

use std::fmt;
use std::time::Duration;

use super::wit;
use crate::Limit;

/// Why there is no answer. None ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no grant. Ask for it; do not retry.
    Denied(String),
    /// The request cannot be sent as it is.
    InvalidRequest(String),
    /// There is no model, or it cannot be reached. An operator must help.
    Unavailable(String),
    /// The provider wants to be left alone, for this long where it said so. The host has retried already.
    RateLimited(Option<Duration>),
    /// No answer in time.
    TimedOut(String),
    /// The provider refused the request. The text is its own.
    Rejected(String),
    /// The answer cannot be read, broke off, or is not what was asked for. A retry may help.
    InvalidResponse(String),
    /// The run has used up `model_calls` or `model_tokens`. Further requests will fail likewise.
    BudgetExhausted(Box<Limit>),
    /// The run is being cancelled. Return soon.
    Cancelled,
    /// The model would not answer; its words. Only [`ask_text`](super::ask_text) and [`complete_as`](super::complete_as)
    /// have it: [`complete`](super::complete) gives the answer and [`Finish::Refusal`](super::Finish::Refusal).
    Refused(String),
}

impl ModelError {
    /// The case's name as in the WIT: `rate-limited`.
    pub fn kind(&self) -> &'static str {
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
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::InvalidRequest(why) => write!(f, "the request to the model cannot be sent: {why}"),
            Self::Unavailable(why) => write!(f, "no model is available: {why}"),
            Self::RateLimited(Some(pause)) => {
                write!(f, "the model's provider asks to wait {} ms", pause.as_millis())
            }
            Self::RateLimited(None) => f.write_str("the model's provider asks to slow down"),
            Self::TimedOut(why) => write!(f, "the model did not answer in time: {why}"),
            Self::Rejected(why) => write!(f, "the model's provider refused the request: {why}"),
            Self::InvalidResponse(why) => write!(f, "the model's answer cannot be used: {why}"),
            Self::BudgetExhausted(limit) => f.write_str(&limit.message),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Refused(words) if words.is_empty() => f.write_str("the model would not answer, and did not say why"),
            Self::Refused(words) => write!(f, "the model would not answer: {words}"),
        }
    }
}

impl std::error::Error for ModelError {}

impl From<wit::ModelError> for ModelError {
    fn from(error: wit::ModelError) -> Self {
        use wit::ModelError as W;
        match error {
            W::Denied(why) => Self::Denied(why),
            W::InvalidRequest(why) => Self::InvalidRequest(why),
            W::Unavailable(why) => Self::Unavailable(why),
            W::RateLimited(ms) => Self::RateLimited(ms.map(Duration::from_millis)),
            W::TimedOut(why) => Self::TimedOut(why),
            W::Rejected(why) => Self::Rejected(why),
            W::InvalidResponse(why) => Self::InvalidResponse(why),
            W::BudgetExhausted(limit) => Self::BudgetExhausted(Box::new(limit.into())),
            W::Cancelled => Self::Cancelled,
        }
    }
}
