//! Exit codes, and errors that carry one.

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
