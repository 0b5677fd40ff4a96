//! How each server is, for people and programs.

use serde::Serialize;
use tollgate_core::Health;

/// Whether a server can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// It can.
    Ready,
    /// Its connection failed; another try comes.
    Failed,
    /// It was removed, or the fleet is shut down.
    Stopped,
    /// Not yet.
    Connecting,
    /// It is started when somebody needs it. Its tools are those that it had last.
    Idle,
}

impl ServerState {
    /// The same, for routing.
    pub fn health(self) -> Health {
        match self {
            Self::Ready => Health::Ready,
            Self::Failed => Health::Failed,
            Self::Stopped => Health::Stopped,
            Self::Connecting => Health::Connecting,
            Self::Idle => Health::Idle,
        }
    }
}

/// How one server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// Whether it can be called.
    pub state: ServerState,
    /// `stdio`, `http`, `sse`, `stream` or `component`.
    pub transport: &'static str,
    /// The protocol's version.
    pub protocol: Option<String>,
    /// The server's version, if it said.
    pub version: Option<String>,
    /// How many tools it offers.
    pub tools: usize,
    /// How many are quarantined beside them; not written when there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub quarantined: usize,
    /// Required: the host is not ready while this server is not there. Written only where it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Why it is not ready.
    pub error: Option<String>,
    /// Whether it is not ready because somebody has to log in, or to correct its headers.
    #[serde(skip)]
    pub needs_auth: bool,
    /// How long its last connection took, in milliseconds.
    pub connect_ms: Option<u64>,
}

impl ServerStatus {
    /// Whether it can be called, or started by a call.
    pub fn is_there(&self) -> bool {
        matches!(self.state, ServerState::Ready | ServerState::Idle)
    }

    /// Whether it is required and not there.
    pub fn is_missing(&self) -> bool {
        self.required && !self.is_there()
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
