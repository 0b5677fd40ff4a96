//! One line of a journal.

use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::model::Usage;
use tollgate_core::{Attempt, EffectClass, LogLevel, Outcome, Principal, RunId, StateOperation, Status, Tenant};

/// One line of a journal.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The run that it belongs to.
    pub run: RunId,
    /// Its place among the run's entries, from 0.
    pub seq: u64,
    /// The wall clock, in milliseconds since the epoch.
    pub at_unix_ms: u64,
    /// Time since the run began.
    #[serde(rename = "offset_us", serialize_with = "as_micros")]
    pub offset: Duration,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run began.
    RunStarted {
        /// The component's or caller's name.
        name: Arc<str>,
        /// The component's digest, where a component runs.
        digest: Option<String>,
        /// Who asked.
        principal: Principal,
        /// On whose account.
        tenant: Tenant,
        /// The run whose call started it.
        parent: Option<RunId>,
        /// What seeds its random numbers.
        seed: u64,
    },
    /// A call is about to be sent. Calls that are refused have no such entry.
    CallStarted {
        /// The call's number in its run, from 0.
        call: u64,
        /// The server's name.
        server: String,
        /// The tool's name.
        tool: String,
        /// SHA-256 of the arguments as the caller wrote them, in hexadecimal.
        args_sha256: String,
        /// SHA-256 of the members of `_meta` that the caller supplied, in hexadecimal, where there are some.
        #[serde(skip_serializing_if = "Option::is_none")]
        meta_sha256: Option<String>,
        /// What it may change.
        effect: EffectClass,
        /// Where the call names a domain: the servers that it may go to, the best first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        servers: Vec<String>,
    },
    /// A call ended, or was refused.
    CallEnded(CallRecord),
    /// A component is about to send an HTTP request.
    HttpStarted {
        /// The request's number in its run, from 0.
        request: u64,
        /// Its method.
        method: String,
        /// Its URL, without the query.
        url: String,
    },
    /// The answer of an HTTP request began, or there is none.
    HttpEnded {
        /// The request's number in its run, from 0.
        request: u64,
        /// The answer's status.
        status: Option<u16>,
        /// Why there is no answer; bounded.
        message: Option<String>,
    },
    /// A component asked what it keeps, or changed it. One entry after it: a change is done whole or not at all, and its
    /// version tells which.
    State {
        /// Whose keys: `policy:NAME`, `server:NAME`, `file:DIGEST`, `scripts:PRINCIPAL`.
        owner: String,
        /// What was done.
        operation: StateOperation,
        /// SHA-256 of the key, of a list its prefix, in hexadecimal. None of a text that is too long to be one.
        key_sha256: Option<String>,
        /// Bytes of the value that was given or read; of a list, of its keys.
        bytes: u64,
        /// The version that was set or read.
        version: Option<u64>,
        /// `ok`, `absent`, `cancelled` (it may be done), `limit`, or the error's word.
        outcome: &'static str,
    },
    /// A language model is about to be asked.
    ModelStarted {
        /// The request's number in its run, from 0.
        request: u64,
        /// Which model, where the run named one.
        model: Option<String>,
        /// SHA-256 of the messages, tools and options, in hexadecimal.
        sha256: String,
    },
    /// A language model answered, or did not.
    ModelEnded {
        /// The request's number in its run, from 0.
        request: u64,
        /// Which model answered.
        model: Option<String>,
        /// `ok`, or the error's word.
        outcome: &'static str,
        /// Why there is no answer; bounded. Also in words of the provider: for who watches, never written.
        #[serde(skip)]
        message: Option<String>,
        /// Why there is no answer, where all words are the host's own.
        #[serde(rename = "message")]
        reason: Option<String>,
        /// SHA-256 of `message` where there is no `reason`, in hexadecimal.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_sha256: Option<String>,
        /// What the answer cost.
        usage: Usage,
    },
    /// The person behind the run is about to be asked.
    Asked {
        /// The question's number in its run, from 0.
        question: u64,
        /// For the approval of a call: SHA-256 of server, tool, arguments and `_meta`, in hexadecimal.
        #[serde(skip_serializing_if = "Option::is_none")]
        approves: Option<String>,
        /// The component's question; bounded. Of an approval, which call it is for, without its arguments.
        message: String,
    },
    /// The person behind the run answered, or did not.
    Answered {
        /// The question's number in its run, from 0.
        question: u64,
        /// `accepted`, `declined`, `dismissed`, or the error's word.
        reply: &'static str,
    },
    /// The run said something.
    Log {
        /// How grave it is.
        level: LogLevel,
        /// What it said.
        message: String,
    },
    /// How far the run is.
    Progress {
        /// How much is done, in the run's own unit.
        done: f64,
        /// Of how much.
        total: Option<f64>,
        /// What it does now.
        message: Option<String>,
    },
    /// The run ended.
    RunEnded {
        /// How.
        status: Status,
        /// Fuel that it used.
        fuel_used: u64,
    },
}

impl Event {
    /// Bytes of a message that a run wrote; the texts of other events are short.
    pub(crate) fn message_bytes(&self) -> usize {
        match self {
            Self::Log { message, .. } | Self::Progress { message: Some(message), .. } => message.len(),
            _ => 0,
        }
    }
}

/// One call, from request to answer.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// The call's number in its run, from 0.
    pub call: u64,
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, in words, also those of the server; bounded. For who watches and for the run's report, never written.
    #[serde(skip)]
    pub message: Option<String>,
    /// Why it failed, where all words are the host's own.
    #[serde(rename = "message")]
    pub reason: Option<String>,
    /// SHA-256 of `message` where there is no `reason`, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_sha256: Option<String>,
    /// From the run's beginning to the request.
    #[serde(rename = "started_us", serialize_with = "as_micros")]
    pub started: Duration,
    /// From the request to the answer.
    #[serde(rename = "elapsed_us", serialize_with = "as_micros")]
    pub elapsed: Duration,
    /// Bytes of the arguments.
    pub bytes_in: u64,
    /// Bytes of the answer.
    pub bytes_out: u64,
    /// How many times it was sent.
    pub attempts: u32,
    /// Whether the answer is one that the host had kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// Each attempt, where there was more than one or the call named a domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Attempt>,
}

fn as_micros<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
