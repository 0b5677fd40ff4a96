//! How the functions of `tollgate` fail: each case of the WIT by its name, with words for people.

use serde_json::{Value, json};

use crate::bindings::model::ModelError;
use crate::bindings::state::StateError;
use crate::bindings::{AskError, CallFailure, Limit};
use crate::failure;

/// Why there is no answer.
pub(super) enum Failure {
    /// The request to a server failed: told as failed calls are.
    Call(CallFailure),
    /// Any other: the case's name, words, and what the script sees of its content.
    Other { kind: &'static str, message: String, details: Value },
}

impl Failure {
    /// A failure whose content is a sentence.
    pub(super) fn new(kind: &'static str, message: String, why: String) -> Self {
        Self::Other { kind, message, details: Value::String(why) }
    }

    /// Arguments that are not what the function takes.
    pub(super) fn in_words(kind: &'static str, why: &serde_json::Error) -> Self {
        // The place is one in JSON that the script never wrote.
        let why = why.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(words, _)| words).to_owned();
        Self::new(kind, format!("the arguments are not what it takes: {why}"), why)
    }

    /// As the prelude reads it. `path` is the function's: `state.get`.
    pub(super) fn to_json(&self, path: &str) -> String {
        match self {
            Self::Call(failure) => failure::to_json(failure),
            // Without a server it is no failed call to the host, whatever ends the script.
            Self::Other { kind, message, details } => json!({
                "server": null,
                "tool": format!("tollgate.{path}"),
                "kind": kind,
                "message": format!("tollgate.{path}: {message}"),
                "attempts": 0,
                "elapsedMs": 0,
                "details": details,
            })
            .to_string(),
        }
    }
}

fn bare(kind: &'static str, message: &str) -> Failure {
    Failure::Other { kind, message: message.to_owned(), details: Value::Null }
}

fn budget(Limit { name, value, message }: Limit) -> Failure {
    let details = json!({"name": name, "value": value, "message": message});
    Failure::Other { kind: "budget-exhausted", message, details }
}

/// `words` with the sentence of a case behind them.
fn said(kind: &'static str, words: &str, why: String) -> Failure {
    Failure::new(kind, format!("{words}: {why}"), why)
}

impl From<CallFailure> for Failure {
    fn from(failure: CallFailure) -> Self {
        Self::Call(failure)
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Denied(why) => said("denied", "denied", why),
            ModelError::InvalidRequest(why) => said("invalid-request", "the request to the model cannot be sent", why),
            ModelError::Unavailable(why) => said("unavailable", "no model is available", why),
            ModelError::RateLimited(pause_ms) => Self::Other {
                kind: "rate-limited",
                message: match pause_ms {
                    Some(pause_ms) => format!("the model's provider asks to wait {pause_ms} ms"),
                    None => "the model's provider asks to slow down".to_owned(),
                },
                details: json!({"retryAfterMs": pause_ms}),
            },
            ModelError::TimedOut(why) => said("timed-out", "the model did not answer in time", why),
            ModelError::Rejected(why) => said("rejected", "the model's provider refused the request", why),
            ModelError::InvalidResponse(why) => said("invalid-response", "the model's answer cannot be used", why),
            ModelError::BudgetExhausted(limit) => budget(limit),
            ModelError::Cancelled => bare("cancelled", "cancelled"),
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Denied(why) => said("denied", "denied", why),
            AskError::InvalidQuestion(why) => said("invalid-question", "the question cannot be asked", why),
            AskError::Unavailable(why) => said("unavailable", "nobody can be asked", why),
            AskError::BudgetExhausted(limit) => budget(limit),
            AskError::Cancelled => bare("cancelled", "cancelled"),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let told = |kind, why: String| Self::new(kind, why.clone(), why);
        match error {
            StateError::Denied(why) => said("denied", "denied", why),
            StateError::InvalidKey(why) => told("invalid-key", why),
            StateError::InvalidValue(why) => told("invalid-value", why),
            StateError::TooLarge(why) => told("too-large", why),
            StateError::OverQuota(why) => told("over-quota", why),
            StateError::Conflict(version) => Self::Other {
                kind: "conflict",
                message: match version {
                    Some(version) => format!("the key was changed meanwhile: its version is {version} now"),
                    None => "the key is not as expected: it is not there".to_owned(),
                },
                details: json!({"version": version}),
            },
            StateError::Overloaded => bare("overloaded", "the host's state store is busy; try again after a pause"),
            StateError::Unavailable(why) => told("unavailable", why),
        }
    }
}
