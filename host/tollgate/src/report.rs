//! A run, answered.

use crate::request::Script;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;
use tollgate_core::{CallFailure, LimitKind, RunId, Status};
use tollgate_gate::Summary;
use tollgate_journal::CallRecord;
use tollgate_runtime::{PolicyError, RunEnd, RunError};
use tollgate_script::ScriptError;

/// How a run ended and what it left. Serializes as the JSON document of `tollgate run --json`.
#[derive(Debug)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// How it ended, in a word.
    pub status: Status,
    /// What it returned, as JSON text.
    pub output: Option<String>,
    /// Why it returned nothing.
    pub error: Option<RunFailure>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// Bytes of stdout, stderr and log over the limit `log_bytes`, which are lost.
    pub dropped_log_bytes: u64,
    /// The value of the limit `log_bytes`.
    pub log_bytes: u64,
    /// Fuel that it used.
    pub fuel_used: u64,
    /// Each call, in the order in which they ended.
    pub calls: Vec<CallRecord>,
    /// Refused calls, over the budget, that are not among them.
    pub calls_not_kept: u64,
    /// For a script of a session: the session's variables as they are now, a JSON object.
    pub session: Option<String>,
    /// From request to answer; loading and compiling the component do not count.
    pub elapsed: Duration,
}

/// Why a run returned nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunFailure {
    /// The policy returned an error.
    #[error("{}", policy_text(.0))]
    Policy(PolicyError),
    /// The script failed.
    #[error("{}", .text.trim_end())]
    Script {
        /// What its interpreter returned.
        error: PolicyError,
        /// The failure in the script's own text: what happened, where, and the lines around it.
        text: String,
        /// The same for programs: `type`, `message`, `line`, `column`, `excerpt`, `trace`.
        place: Value,
    },
    /// The host ended the run.
    #[error(transparent)]
    Host(RunError),
}

fn policy_text(error: &PolicyError) -> String {
    match &error.caused_by {
        Some(cause) if !error.message.contains(&cause.error.to_string()) => format!("{} ({cause})", error.message),
        _ => error.message.clone(),
    }
}

impl RunFailure {
    fn of(error: PolicyError, script: Option<Script>) -> Self {
        let Some(Script { code, file, .. }) = script else { return Self::Policy(error) };
        let shown = ScriptError::read(&error.message, error.data.as_deref());
        Self::Script { text: shown.render(&file, &code), place: shown.to_json(&code), error }
    }

    /// One word for programs: the policy's own code or its failed call's, or how the host ended it.
    pub fn code(&self) -> &str {
        match self {
            Self::Policy(error) | Self::Script { error, .. } => match (&error.code, &error.caused_by) {
                (Some(code), _) => code,
                (None, Some(cause)) => cause.error.outcome().as_str(),
                (None, None) => "error",
            },
            Self::Host(RunError::Limit(_)) => "limit",
            Self::Host(RunError::Trap { .. }) => "trap",
            Self::Host(RunError::Overloaded) => "overloaded",
            Self::Host(RunError::Cancelled) => "cancelled",
            Self::Host(RunError::InvalidOutput(_)) => "invalid-output",
            Self::Host(RunError::Unusable(_)) => "unusable",
        }
    }

    /// The run's status that follows.
    pub fn status(&self) -> Status {
        match self {
            Self::Policy(PolicyError { caused_by: Some(cause), .. })
            | Self::Script { error: PolicyError { caused_by: Some(cause), .. }, .. } => {
                match cause.error.outcome().class().into() {
                    // A guest may name a result as the cause of its failure; a failure it is all the same.
                    Status::Ok => Status::Error,
                    status => status,
                }
            }
            Self::Policy(_) | Self::Script { .. } => Status::Error,
            Self::Host(error) => status_of(error),
        }
    }

    fn to_json(&self) -> Value {
        let mut object = serde_json::Map::new();
        object.insert("code".into(), self.code().into());
        object.insert("message".into(), self.to_string().into());
        match self {
            Self::Script { error, place, .. } => {
                object.extend(place.as_object().cloned().unwrap_or_default());
                if let Some(cause) = &error.caused_by {
                    object.insert("caused_by".into(), failure_json(cause));
                }
            }
            Self::Policy(error) => {
                if let Some(data) = error.data.as_ref().and_then(|d| serde_json::from_str::<Value>(d).ok()) {
                    object.insert("data".into(), data);
                }
                if let Some(cause) = &error.caused_by {
                    object.insert("caused_by".into(), failure_json(cause));
                }
            }
            Self::Host(RunError::Limit(reached)) => {
                object.insert("limit".into(), json!({"name": reached.kind.name(), "value": reached.value}));
            }
            Self::Host(RunError::Trap { frames, .. }) => {
                object.insert("frames".into(), frames.clone().into());
            }
            Self::Host(_) => {}
        }
        Value::Object(object)
    }
}

/// The status of a run that the host ended.
pub(crate) fn status_of(error: &RunError) -> Status {
    match error {
        RunError::Limit(_) => Status::Limit,
        RunError::Overloaded => Status::Unavailable,
        RunError::Cancelled => Status::Cancelled,
        RunError::Trap { .. } | RunError::InvalidOutput(_) | RunError::Unusable(_) => Status::Error,
    }
}

/// A failed call as a JSON object: kind, message, server, tool, attempts, elapsed_ms.
pub fn failure_json(failure: &CallFailure) -> Value {
    json!({
        "kind": failure.error.outcome().as_str(),
        "message": failure.error.to_string(),
        "server": failure.server,
        "tool": failure.tool,
        "attempts": failure.attempts,
        "elapsed_ms": millis(failure.elapsed),
    })
}

/// Milliseconds with three decimals: calls of microseconds are not 0.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl RunReport {
    pub(crate) fn new(
        run: RunId,
        log_bytes: u64,
        end: RunEnd<Result<String, PolicyError>>,
        script: Option<Script>,
        session: Option<String>,
        finish: impl FnOnce(Status, u64) -> Summary,
    ) -> Self {
        let (output, error) = match end.result {
            Ok(Ok(output)) => (Some(output), None),
            Ok(Err(error)) => (None, Some(RunFailure::of(error, script))),
            Err(error) => (None, Some(RunFailure::Host(error))),
        };
        let status = error.as_ref().map_or(Status::Ok, RunFailure::status);
        let summary = finish(status, end.fuel_used);
        Self {
            run,
            status,
            output,
            error,
            stdout: end.stdout,
            stderr: end.stderr,
            dropped_log_bytes: end.dropped_log_bytes,
            log_bytes,
            fuel_used: end.fuel_used,
            calls: summary.calls,
            calls_not_kept: summary.calls_not_kept,
            session,
            elapsed: summary.elapsed,
        }
    }

    /// What was lost of the run's log, as a sentence, if anything was.
    pub fn dropped_log(&self) -> Option<String> {
        (self.dropped_log_bytes > 0).then(|| {
            let kind = LimitKind::LogBytes;
            let reached = tollgate_core::LimitReached { kind, value: self.log_bytes };
            format!("{reached}; {} bytes are lost", self.dropped_log_bytes)
        })
    }

    /// The output, read as `T`.
    ///
    /// # Errors
    /// serde_json's; a run without output reads as JSON `null`.
    pub fn output_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.output.as_deref().unwrap_or("null"))
    }
}

impl Serialize for RunReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let output: Option<Value> = self.output.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let calls: Vec<Value> = self
            .calls
            .iter()
            .map(|call| {
                json!({
                    "server": call.server,
                    "tool": call.tool,
                    "outcome": call.outcome.as_str(),
                    "message": call.message,
                    "started_ms": millis(call.started),
                    "elapsed_ms": millis(call.elapsed),
                    "bytes_in": call.bytes_in,
                    "bytes_out": call.bytes_out,
                    "attempts": call.attempts,
                })
            })
            .collect();
        let mut s = serializer.serialize_struct("RunReport", 11)?;
        s.serialize_field("run", &self.run)?;
        s.serialize_field("status", &self.status)?;
        s.serialize_field("output", &output)?;
        s.serialize_field("error", &self.error.as_ref().map(RunFailure::to_json))?;
        s.serialize_field("stdout", &self.stdout)?;
        s.serialize_field("stderr", &self.stderr)?;
        s.serialize_field("dropped_log_bytes", &self.dropped_log_bytes)?;
        s.serialize_field("fuel_used", &self.fuel_used)?;
        s.serialize_field("calls", &calls)?;
        if let Some(session) = self.session.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            s.serialize_field("session", &session)?;
        }
        s.serialize_field("elapsed_ms", &millis(self.elapsed))?;
        s.end()
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} ended: {}", self.run, self.status)
    }
}
