//! What kind of failure an error is.

use crate::spec::ErrorClass;
use tollgate_core::{CallError, RpcError};

/// Codes of JSON-RPC's server range (-32000 to -32099) that MCP gives to mistakes of the request: header mismatch, missing
/// capability and unsupported version (2026-07-28: -32020 to -32022; its drafts: -32001, -32003, -32004), resource not found
/// (-32002), elicitation of a URL required (-32042). Repeating the request changes nothing.
const CLIENT_CODES: [i64; 8] = [-32001, -32002, -32003, -32004, -32020, -32021, -32022, -32042];

impl ErrorClass {
    /// The class of an error. [`CallError::Overloaded`] counts as a rate limit of the host itself.
    pub fn of(error: &CallError) -> Self {
        match error {
            CallError::RateLimited(_) | CallError::Overloaded => Self::RateLimit,
            CallError::TimedOut(_) => Self::Timeout,
            CallError::InvalidResponse(_) => Self::ServerError,
            CallError::Rejected(error) => Self::of_rpc(error),
            CallError::Unavailable(_) | CallError::OutcomeUnknown(_) => Self::Connection,
            CallError::AuthRequired(_) => Self::Auth,
            CallError::Failed(_) => Self::ToolError,
            CallError::Denied(_)
            | CallError::UnknownTool(_)
            | CallError::InvalidArguments(_)
            | CallError::TooLarge(_)
            | CallError::BudgetExhausted(_)
            | CallError::Cancelled => Self::ClientError,
        }
    }

    /// The class of an error that came with an HTTP status. The status decides where the error alone does not tell whose fault it
    /// is: of an API's refusal, which is a tool's failure, and of a server behind HTTP that is not there.
    pub fn with_status(error: &CallError, status: Option<u16>) -> Self {
        match (error, status) {
            (CallError::Failed(_) | CallError::Unavailable(_) | CallError::OutcomeUnknown(_), Some(status)) => {
                match status {
                    401 | 403 => Self::Auth,
                    408 => Self::Timeout,
                    400..=499 => Self::ClientError,
                    500..=599 => Self::ServerError,
                    _ => Self::of(error),
                }
            }
            _ => Self::of(error),
        }
    }

    /// JSON-RPC 2.0, section 5.1: -32603 and -32000 to -32099 are the server's own errors. Codes of applications say nothing
    /// of repeating, so they count as the request's.
    fn of_rpc(error: &RpcError) -> Self {
        match error.code {
            code if CLIENT_CODES.contains(&code) => Self::ClientError,
            -32603 | -32099..=-32000 => Self::ServerError,
            _ => Self::ClientError,
        }
    }

    /// Whether the server is to blame, so that its breaker counts it.
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Timeout | Self::ServerError | Self::Connection)
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
