//! A call, its result, and every way in which it can fail.

use crate::limits::LimitReached;
use crate::name::ToolName;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// One tool request, before any check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// The arguments: the text of a JSON object, not yet parsed. Empty means `{}`.
    pub args: String,
    /// Members for the request's `_meta`, for an MCP server: the text of a JSON object. Those that are the host's own
    /// ([`meta::is_hosts`](crate::meta::is_hosts)) are left out.
    pub meta: Option<String>,
}

impl Call {
    /// A call of `name` with `args`, the text of a JSON object.
    pub fn new(name: ToolName, args: impl Into<String>) -> Self {
        Self { server: name.server, tool: name.tool, args: args.into(), meta: None }
    }

    /// The call's `server:tool`.
    pub fn name(&self) -> ToolName {
        ToolName { server: self.server.clone(), tool: self.tool.clone() }
    }
}

/// What a tool answered: the whole MCP `CallToolResult` as JSON text, and the one field that the host reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The `CallToolResult`, as JSON text.
    pub json: String,
    /// Its `isError`.
    pub is_error: bool,
}

/// One way in which arguments break a tool's input schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the arguments; empty for the whole document.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// A JSON-RPC 2.0 error object (section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RpcError {
    /// The error's code.
    pub code: i64,
    /// The error's message, as the server sent it.
    pub message: String,
    /// The error's data as JSON text, where there was some.
    pub data: Option<String>,
}

/// Why a call gave no result. Mirrors `call-error` of `tollgate:types` case by case; what an author should
/// do about each stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No grant.
    Denied(String),
    /// No such server or tool; the nearest names.
    UnknownTool(Vec<String>),
    /// The arguments break the schema; nothing was sent.
    InvalidArguments(Vec<Violation>),
    /// The tool answered `isError: true`.
    Failed(ToolResult),
    /// The server answered with a JSON-RPC error.
    Rejected(RpcError),
    /// The server answered something that is not MCP.
    InvalidResponse(String),
    /// The server wants the host authorised first.
    AuthRequired(String),
    /// The server is not there; the request was not sent.
    Unavailable(String),
    /// The host has no room for this call now.
    Overloaded,
    /// Arguments or answer over the limit for one call.
    TooLarge(String),
    /// No answer in time.
    TimedOut(String),
    /// The server asked to slow down; milliseconds, where it said how long.
    RateLimited(Option<u64>),
    /// A limit of the run is used up.
    BudgetExhausted(LimitReached),
    /// The run is being cancelled.
    Cancelled,
    /// The connection was lost after the request was sent.
    OutcomeUnknown(String),
}

/// How a call ended, as one word: `ok`, or the case of [`CallError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // each is documented at its case of CallError
pub enum Outcome {
    Ok,
    Denied,
    UnknownTool,
    InvalidArguments,
    Failed,
    Rejected,
    InvalidResponse,
    AuthRequired,
    Unavailable,
    Overloaded,
    TooLarge,
    TimedOut,
    RateLimited,
    BudgetExhausted,
    Cancelled,
    OutcomeUnknown,
}

/// What an outcome means to whoever waits for it; exit codes and statuses follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeClass {
    /// It gave a result.
    Ok,
    /// The tool or the request was wrong: its sender must change something.
    Error,
    /// A grant is missing.
    Denied,
    /// A limit was reached.
    Limit,
    /// The server was not there, not in time, or its answer was lost.
    Unavailable,
    /// It was cancelled.
    Cancelled,
}

impl Outcome {
    /// The word, in kebab case, as the JSON shapes of the command line show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::UnknownTool => "unknown-tool",
            Self::InvalidArguments => "invalid-arguments",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::InvalidResponse => "invalid-response",
            Self::AuthRequired => "auth-required",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::TooLarge => "too-large",
            Self::TimedOut => "timed-out",
            Self::RateLimited => "rate-limited",
            Self::BudgetExhausted => "budget-exhausted",
            Self::Cancelled => "cancelled",
            Self::OutcomeUnknown => "outcome-unknown",
        }
    }

    /// Its meaning to whoever waits.
    pub fn class(self) -> OutcomeClass {
        match self {
            Self::Ok => OutcomeClass::Ok,
            Self::UnknownTool | Self::InvalidArguments | Self::Failed | Self::Rejected => OutcomeClass::Error,
            Self::Denied => OutcomeClass::Denied,
            Self::TooLarge | Self::BudgetExhausted => OutcomeClass::Limit,
            Self::InvalidResponse
            | Self::AuthRequired
            | Self::Unavailable
            | Self::Overloaded
            | Self::TimedOut
            | Self::RateLimited
            | Self::OutcomeUnknown => OutcomeClass::Unavailable,
            Self::Cancelled => OutcomeClass::Cancelled,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl CallError {
    /// The case, as a word.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Denied(_) => Outcome::Denied,
            Self::UnknownTool(_) => Outcome::UnknownTool,
            Self::InvalidArguments(_) => Outcome::InvalidArguments,
            Self::Failed(_) => Outcome::Failed,
            Self::Rejected(_) => Outcome::Rejected,
            Self::InvalidResponse(_) => Outcome::InvalidResponse,
            Self::AuthRequired(_) => Outcome::AuthRequired,
            Self::Unavailable(_) => Outcome::Unavailable,
            Self::Overloaded => Outcome::Overloaded,
            Self::TooLarge(_) => Outcome::TooLarge,
            Self::TimedOut(_) => Outcome::TimedOut,
            Self::RateLimited(_) => Outcome::RateLimited,
            Self::BudgetExhausted(_) => Outcome::BudgetExhausted,
            Self::Cancelled => Outcome::Cancelled,
            Self::OutcomeUnknown(_) => Outcome::OutcomeUnknown,
        }
    }
}

impl CallError {
    /// Why, where all words are the host's own. `None` where a server, a tool or the caller's arguments have a part in them.
    pub fn own_words(&self) -> Option<String> {
        match self {
            Self::Denied(_)
            | Self::UnknownTool(_)
            | Self::Overloaded
            | Self::TooLarge(_)
            | Self::TimedOut(_)
            | Self::RateLimited(_)
            | Self::BudgetExhausted(_)
            | Self::Cancelled => Some(self.to_string()),
            Self::InvalidArguments(_)
            | Self::Failed(_)
            | Self::Rejected(_)
            | Self::InvalidResponse(_)
            | Self::AuthRequired(_)
            | Self::Unavailable(_)
            | Self::OutcomeUnknown(_) => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "denied: {why}"),
            Self::UnknownTool(near) if near.is_empty() => {
                f.write_str("no such tool; `tollgate tools` lists what there is")
            }
            Self::UnknownTool(near) if near.iter().all(|name| name.ends_with(":*")) => {
                write!(f, "no server has this domain; there is {}", near.join(", "))
            }
            Self::UnknownTool(near) => write!(f, "no such tool; did you mean {}?", near.join(", ")),
            Self::InvalidArguments(violations) => {
                f.write_str("the arguments do not fit the tool's input schema")?;
                for (i, v) in violations.iter().enumerate() {
                    let at = if v.path.is_empty() { "(whole)" } else { &v.path };
                    write!(f, "{} {at}: {}", if i == 0 { ":" } else { ";" }, v.message)?;
                }
                Ok(())
            }
            Self::Failed(result) => {
                let text = failure_text(&result.json);
                if text.is_empty() {
                    f.write_str("the tool failed and gave no reason")
                } else {
                    write!(f, "the tool failed: {text}")
                }
            }
            Self::Rejected(e) => write!(f, "the server refused the call: {} (JSON-RPC {})", e.message, e.code),
            Self::InvalidResponse(why) => write!(f, "the server's answer is not MCP: {why}"),
            Self::AuthRequired(why) => write!(f, "the server wants authorisation: {why}"),
            Self::Unavailable(why) => write!(f, "the server is not available: {why}"),
            Self::Overloaded => f.write_str("the host is full now; try again in a moment"),
            Self::TooLarge(why) => write!(f, "too large: {why}"),
            Self::TimedOut(why) => write!(f, "timed out: {why}"),
            Self::RateLimited(Some(ms)) => write!(f, "the server asks to wait {ms} ms"),
            Self::RateLimited(None) => f.write_str("the server asks to slow down"),
            Self::BudgetExhausted(limit) => limit.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
            Self::OutcomeUnknown(why) => {
                write!(f, "the call may have had its effect, its answer is lost: {why}")
            }
        }
    }
}

/// The text content of a `CallToolResult`, on few words, for messages to people.
fn failure_text(json: &str) -> String {
    const MAX_CHARS: usize = 600;
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let texts = value.get("content").and_then(|c| c.as_array()).into_iter().flatten();
    let joined = texts.filter_map(|c| c.get("text")?.as_str()).collect::<Vec<_>>().join(" ");
    if joined.chars().count() <= MAX_CHARS {
        return joined;
    }
    joined.chars().take(MAX_CHARS).chain(['…']).collect()
}

/// A call that gave no result: which call, how often it was tried, how long it took, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// How many times the request was sent; 0 when the host refused it.
    pub attempts: u32,
    /// From the request to this answer.
    pub elapsed: Duration,
    /// Why.
    pub error: CallError,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.server, self.tool, self.error)
    }
}

impl std::error::Error for CallFailure {}

/// One try of a call at one server, in a call that needed more than one or that named a domain. A server that had no room, or
/// that was left alone, was tried too, though nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The server that it went to.
    pub server: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, in words, also those of the server: for who watches, never written.
    #[serde(skip)]
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// What comes back of one call, from an upstream or from the gate.
#[derive(Debug)]
pub struct Answer {
    /// The result, or why there is none.
    pub result: Result<ToolResult, CallError>,
    /// How many times the request was sent to a server.
    pub attempts: u32,
    /// Fuel that an adapter behind this call used; the caller pays it.
    pub fuel_used: u64,
    /// The HTTP status of a failure whose error does not tell its kind.
    pub http_status: Option<u16>,
    /// Whether the result is one that the host had kept: nothing was sent then.
    pub cached: bool,
    /// Each try, where there was more than one or the call named a domain.
    pub tries: Vec<Attempt>,
}

impl Answer {
    /// A refusal before anything was sent.
    pub fn refused(error: CallError) -> Self {
        Self::of(Err(error), 0)
    }

    /// An answer after one attempt.
    pub fn once(result: Result<ToolResult, CallError>) -> Self {
        Self::of(result, 1)
    }

    /// An answer after so many attempts.
    pub fn of(result: Result<ToolResult, CallError>, attempts: u32) -> Self {
        Self { result, attempts, fuel_used: 0, http_status: None, cached: false, tries: Vec::new() }
    }
}
