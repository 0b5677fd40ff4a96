//! Exit codes, and errors that carry one.

use serde_json::{Value, json};
use tollgate::{CallFailure, HostError, Status};

/// The policy or tool answered an error.
pub(crate) const ERROR: u8 = 1;
/// The command line or the configuration is wrong.
pub(crate) const USAGE: u8 = 2;

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    /// Ctrl-C or SIGTERM came before the command had a result.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { code: ERROR, message: message.into() }
    }

    pub(crate) fn cancelled(message: impl Into<String>) -> Self {
        Self { code: Status::Cancelled.exit_code(), message: message.into() }
    }

    /// The document of `--json`: a run's report where the command is a run, else an `error`.
    pub(crate) fn document(&self, of_run: bool) -> Value {
        const DENIED: u8 = 3;
        const CANCELLED: u8 = 130;
        let (kind, status) = match self.code {
            USAGE => ("usage", "error"),
            DENIED => ("denied", "denied"),
            CANCELLED => ("cancelled", "cancelled"),
            _ => ("error", "error"),
        };
        if !of_run {
            return json!({"error": {"kind": kind, "message": self.message}});
        }
        json!({
            "run": null,
            "status": status,
            "output": null,
            "error": {"code": kind, "message": self.message},
            "stdout": "",
            "stderr": "",
            "dropped_log_bytes": 0,
            "fuel_used": 0,
            "calls": [],
            "elapsed_ms": 0,
        })
    }
}

/// What kept a run from beginning is the caller's to mend: a path, a name, a file.
impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<tollgate::config::ConfigError> for Failure {
    fn from(error: tollgate::config::ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<tollgate::config::TrustError> for Failure {
    fn from(error: tollgate::config::TrustError) -> Self {
        Self::usage(error.to_string())
    }
}

/// The exit code of a call that failed.
pub(crate) fn code_of(failure: &CallFailure) -> u8 {
    Status::from(failure.error.outcome().class()).exit_code()
}
