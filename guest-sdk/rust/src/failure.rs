//! Why a call gave no result: [`CallFailure`] and [`CallError`], as the WIT has them.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::ToolResult;
use crate::bindings::types as wit;

/// A call that gave no result: which call, how often it was tried, how long it took, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct CallFailure {
    /// The server that was called; empty where the tool name was malformed.
    pub server: String,
    /// The tool that was called.
    pub tool: String,
    /// How many times the request was sent to the server; 0 when it never left the host.
    pub attempts: u32,
    /// The time from the call to its failure.
    pub elapsed: Duration,
    /// Why it failed.
    pub error: CallError,
}

/// Why a call did not give a result.
// Its largest cases are boxed, so that a `Result` in every call frame stays small.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError {
    /// This run has no grant for the tool. Ask for the grant; do not retry.
    Denied(String),
    /// There is no such server or tool. Carries the nearest names; correct the name.
    UnknownTool(Vec<String>),
    /// The arguments break the tool's input schema; nothing was sent. Correct them.
    InvalidArguments(Vec<Violation>),
    /// The tool itself answered `isError: true`. Read its content; whether a retry helps is the
    /// tool's matter.
    Failed(ToolResult),
    /// The server answered with a JSON-RPC error. Its code says whether a retry helps.
    Rejected(Box<RpcError>),
    /// The server answered something that is not MCP. The call may have had an effect.
    InvalidResponse(String),
    /// The server wants the operator to authorise the host first. Nothing a guest can do.
    AuthRequired(String),
    /// The server is not there and the request was not sent. Safe to retry later.
    Unavailable(String),
    /// The host has no room for this call now. Retry after a pause.
    Overloaded,
    /// The arguments or the answer are over the limit for one call.
    TooLarge(String),
    /// No answer within the time limit of a call. The call may have had an effect.
    TimedOut(String),
    /// The server asked to slow down, and said for how long or did not.
    RateLimited(Option<Duration>),
    /// The run has used up one of its limits. Further calls of this run will fail likewise.
    BudgetExhausted(Box<Limit>),
    /// The run is being cancelled. Return soon; further calls fail likewise.
    Cancelled,
    /// The connection was lost after the request was sent, and the tool is not known to be safe to
    /// repeat: the effect may have happened. Check before you repeat it.
    OutcomeUnknown(String),
}

/// One way in which the arguments break the tool's input schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the arguments; empty for the whole document.
    pub path: String,
    /// What is wrong there, in words.
    pub message: String,
}

/// A JSON-RPC error object, as the server sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcError {
    /// The error's code.
    pub code: i64,
    /// The error's message.
    pub message: String,
    /// The error's `data` member, where there was one.
    pub data: Option<Value>,
}

/// A ceiling that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The limit's name, as in the host's configuration: `calls`, `fuel`, …
    pub name: String,
    /// Its value, in its own unit (calls, bytes, milliseconds, units of fuel).
    pub value: u64,
    /// A sentence that names the flag and the configuration key that raise it.
    pub message: String,
}

impl CallFailure {
    /// A failure found before the call reached the host.
    pub(crate) fn unsent(server: &str, tool: &str, error: CallError) -> Self {
        Self { server: server.to_owned(), tool: tool.to_owned(), attempts: 0, elapsed: Duration::ZERO, error }
    }

    /// Whether the same call, made again after a pause, may succeed and cannot repeat an effect.
    ///
    /// True where the request was not sent or the server asked to come back later. A time-out is not
    /// among them: the tool may have done its work. Repeat it only where you know the tool to be safe.
    pub fn is_retryable(&self) -> bool {
        matches!(self.error, CallError::Unavailable(_) | CallError::Overloaded | CallError::RateLimited(_))
    }

    /// How long the server asked to wait before the next call, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.error {
            CallError::RateLimited(pause) => pause,
            _ => None,
        }
    }
}

impl CallError {
    /// The case's name as in the WIT and in the host's JSON: `timed-out`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::UnknownTool(_) => "unknown-tool",
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::Failed(_) => "failed",
            Self::Rejected(_) => "rejected",
            Self::InvalidResponse(_) => "invalid-response",
            Self::AuthRequired(_) => "auth-required",
            Self::Unavailable(_) => "unavailable",
            Self::Overloaded => "overloaded",
            Self::TooLarge(_) => "too-large",
            Self::TimedOut(_) => "timed-out",
            Self::RateLimited(_) => "rate-limited",
            Self::BudgetExhausted(_) => "budget-exhausted",
            Self::Cancelled => "cancelled",
            Self::OutcomeUnknown(_) => "outcome-unknown",
        }
    }
}

impl std::error::Error for CallFailure {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "(whole): {}", self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// What happened, where, and what to do next.
impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, tool, .. } = self;
        if server.is_empty() {
            write!(f, "`{tool}` is not a tool name (write `server:tool`, as in `crm:get_customer`): ")?;
        } else {
            write!(f, "{server}:{tool}: ")?;
        }
        // In the host's own words, so that it recognises them in a policy's message and does not repeat them.
        match &self.error {
            CallError::Denied(reason) => write!(f, "denied: {reason}"),
            CallError::UnknownTool(near) if near.is_empty() => {
                write!(f, "no such tool; `tollgate tools` lists what there is")
            }
            CallError::UnknownTool(near) => write!(f, "no such tool; did you mean {}?", near.join(", ")),
            CallError::InvalidArguments(violations) => {
                let violations: Vec<_> = violations.iter().map(Violation::to_string).collect();
                write!(f, "the arguments do not fit the tool's input schema: {}", violations.join("; "))
            }
            CallError::Failed(result) => match result.text().as_str() {
                "" => write!(f, "the tool failed and gave no reason"),
                text => write!(f, "the tool failed: {text}"),
            },
            CallError::Rejected(error) => {
                let RpcError { code, message, .. } = &**error;
                write!(f, "the server refused the call: {message} (JSON-RPC {code})")
            }
            CallError::InvalidResponse(what) => {
                write!(f, "the server's answer is not MCP: {what}; the call may have had an effect")
            }
            CallError::AuthRequired(what) => {
                write!(f, "the server wants authorisation: {what}; the host's operator must give it")
            }
            CallError::Unavailable(why) => {
                write!(f, "the server is not available: {why}; nothing was sent, a later retry is safe")
            }
            CallError::Overloaded => write!(f, "the host is full now; try again in a moment"),
            CallError::TooLarge(what) => write!(f, "too large: {what}"),
            CallError::TimedOut(what) => {
                write!(f, "timed out: {what}; the call may have had an effect, check before repeating it")
            }
            CallError::RateLimited(Some(pause)) => write!(f, "the server asks to wait {} ms", pause.as_millis()),
            CallError::RateLimited(None) => write!(f, "the server asks to slow down"),
            CallError::BudgetExhausted(limit) => write!(f, "{}", limit.message),
            CallError::Cancelled => write!(f, "cancelled"),
            CallError::OutcomeUnknown(what) => {
                write!(f, "the call may have had its effect, its answer is lost: {what}; check before repeating it")
            }
        }?;
        match self.attempts {
            0 | 1 => Ok(()),
            n => write!(f, " ({n} attempts in {} ms)", self.elapsed.as_millis()),
        }
    }
}

impl From<wit::CallFailure> for CallFailure {
    fn from(failure: wit::CallFailure) -> Self {
        Self {
            server: failure.server,
            tool: failure.tool,
            attempts: failure.attempts,
            elapsed: Duration::from_millis(failure.elapsed_ms),
            error: failure.error.into(),
        }
    }
}

impl From<CallFailure> for wit::CallFailure {
    fn from(failure: CallFailure) -> Self {
        Self {
            server: failure.server,
            tool: failure.tool,
            attempts: failure.attempts,
            elapsed_ms: whole_ms(failure.elapsed),
            error: failure.error.into(),
        }
    }
}

impl From<wit::CallError> for CallError {
    fn from(error: wit::CallError) -> Self {
        match error {
            wit::CallError::Denied(why) => Self::Denied(why),
            wit::CallError::UnknownTool(near) => Self::UnknownTool(near),
            wit::CallError::InvalidArguments(violations) => Self::InvalidArguments(
                violations.into_iter().map(|wit::Violation { path, message }| Violation { path, message }).collect(),
            ),
            wit::CallError::Failed(result) => Self::Failed(ToolResult::from_raw(result.json)),
            wit::CallError::Rejected(wit::RpcError { code, message, data }) => {
                let data = data.and_then(|data| serde_json::from_str(&data).ok());
                Self::Rejected(Box::new(RpcError { code, message, data }))
            }
            wit::CallError::InvalidResponse(what) => Self::InvalidResponse(what),
            wit::CallError::AuthRequired(what) => Self::AuthRequired(what),
            wit::CallError::Unavailable(why) => Self::Unavailable(why),
            wit::CallError::Overloaded => Self::Overloaded,
            wit::CallError::TooLarge(what) => Self::TooLarge(what),
            wit::CallError::TimedOut(what) => Self::TimedOut(what),
            wit::CallError::RateLimited(ms) => Self::RateLimited(ms.map(Duration::from_millis)),
            wit::CallError::BudgetExhausted(limit) => Self::BudgetExhausted(Box::new(limit.into())),
            wit::CallError::Cancelled => Self::Cancelled,
            wit::CallError::OutcomeUnknown(what) => Self::OutcomeUnknown(what),
        }
    }
}

impl From<CallError> for wit::CallError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Denied(why) => Self::Denied(why),
            CallError::UnknownTool(near) => Self::UnknownTool(near),
            CallError::InvalidArguments(violations) => Self::InvalidArguments(
                violations.into_iter().map(|Violation { path, message }| wit::Violation { path, message }).collect(),
            ),
            CallError::Failed(result) => Self::Failed(result.into()),
            CallError::Rejected(error) => {
                let RpcError { code, message, data } = *error;
                Self::Rejected(wit::RpcError { code, message, data: data.map(|data| data.to_string()) })
            }
            CallError::InvalidResponse(what) => Self::InvalidResponse(what),
            CallError::AuthRequired(what) => Self::AuthRequired(what),
            CallError::Unavailable(why) => Self::Unavailable(why),
            CallError::Overloaded => Self::Overloaded,
            CallError::TooLarge(what) => Self::TooLarge(what),
            CallError::TimedOut(what) => Self::TimedOut(what),
            CallError::RateLimited(pause) => Self::RateLimited(pause.map(whole_ms)),
            CallError::BudgetExhausted(limit) => Self::BudgetExhausted((*limit).into()),
            CallError::Cancelled => Self::Cancelled,
            CallError::OutcomeUnknown(what) => Self::OutcomeUnknown(what),
        }
    }
}

impl From<wit::Limit> for Limit {
    fn from(limit: wit::Limit) -> Self {
        let wit::Limit { name, value, message } = limit;
        Self { name, value, message }
    }
}

impl From<Limit> for wit::Limit {
    fn from(limit: Limit) -> Self {
        let Limit { name, value, message } = limit;
        Self { name, value, message }
    }
}

/// Milliseconds for the host. A part of one counts as a whole: waiting too short would be wrong.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(error: CallError) -> CallFailure {
        CallFailure { attempts: 1, ..CallFailure::unsent("crm", "get_customer", error) }
    }

    fn every_error() -> Vec<CallError> {
        vec![
            CallError::Denied("no grant".into()),
            CallError::UnknownTool(vec!["crm:get_customers".into()]),
            CallError::InvalidArguments(vec![Violation { path: "/id".into(), message: "not a UUID".into() }]),
            CallError::Failed(ToolResult::from_text("no such customer")),
            CallError::Rejected(Box::new(RpcError {
                code: -32000,
                message: "busy".into(),
                data: Some(json!({"a": 1})),
            })),
            CallError::InvalidResponse("no content".into()),
            CallError::AuthRequired("run `tollgate login crm`".into()),
            CallError::Unavailable("connection refused".into()),
            CallError::Overloaded,
            CallError::TooLarge("2 MiB".into()),
            CallError::TimedOut("30 s".into()),
            CallError::RateLimited(Some(Duration::from_millis(1500))),
            CallError::RateLimited(None),
            CallError::BudgetExhausted(Box::new(Limit {
                name: "calls".into(),
                value: 100,
                message: "raise --calls".into(),
            })),
            CallError::Cancelled,
            CallError::OutcomeUnknown("connection reset".into()),
        ]
    }

    #[test]
    fn every_error_survives_the_way_through_the_wit_types() {
        for error in every_error() {
            let there = wit::CallFailure::from(failure(error.clone()));
            assert_eq!(CallFailure::from(there), failure(error));
        }
    }

    #[test]
    fn every_message_names_the_call() {
        for error in every_error() {
            let message = failure(error).to_string();
            assert!(message.starts_with("crm:get_customer: "), "{message}");
        }
    }

    #[test]
    fn messages_say_what_to_do_next() {
        // The host's reason says how to grant it.
        let denied = failure(CallError::Denied("no grant; grant it with --grant".into())).to_string();
        assert!(denied.ends_with("denied: no grant; grant it with --grant"), "{denied}");
        let unknown = failure(CallError::UnknownTool(vec!["crm:a".into(), "crm:b".into()])).to_string();
        assert!(unknown.contains("did you mean crm:a, crm:b?"), "{unknown}");
        let violation = failure(CallError::InvalidArguments(vec![
            Violation { path: "/id".into(), message: "not a UUID".into() },
            Violation { path: String::new(), message: "not an object".into() },
        ]));
        assert!(violation.to_string().ends_with(": /id: not a UUID; (whole): not an object"), "{violation}");
        let lost = failure(CallError::OutcomeUnknown("connection reset".into())).to_string();
        assert!(lost.ends_with("check before repeating it"), "{lost}");
        let failed = failure(CallError::Failed(ToolResult::from_text("no such customer"))).to_string();
        assert!(failed.contains("no such customer"), "{failed}");
    }

    #[test]
    fn only_calls_that_cannot_repeat_an_effect_are_retryable() {
        let retryable: Vec<_> = every_error()
            .into_iter()
            .filter(|error| failure(error.clone()).is_retryable())
            .map(|error| error.kind())
            .collect();
        assert_eq!(retryable, ["unavailable", "overloaded", "rate-limited", "rate-limited"]);
    }

    #[test]
    fn a_part_of_a_millisecond_counts_as_a_whole() {
        assert_eq!(whole_ms(Duration::from_micros(1001)), 2);
        assert_eq!(whole_ms(Duration::MAX), u64::MAX);
    }
}
