//! Servers as routing sees them.

use serde::Serialize;

/// What a call's `server` begins with when it names a domain: `domain:products`. A server's name has no colon.
pub const DOMAIN_PREFIX: &str = "domain:";

/// The priority of a server that says none. Lower numbers go first.
pub const DEFAULT_PRIORITY: u16 = 100;

/// How far a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It answers.
    Ready,
    /// It is being connected.
    Connecting,
    /// It is started when somebody needs it.
    Idle,
    /// It failed, and is tried again later.
    Failed,
    /// Calls failed one after the other: it is left alone for a while (circuit breaker).
    Broken,
    /// It has ended.
    Stopped,
}

impl Health {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Connecting => "connecting",
            Self::Idle => "idle",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Stopped => "stopped",
        }
    }

    /// Whether a call may find an answer there now or soon.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Ready | Self::Connecting | Self::Idle)
    }
}

/// One server, as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerInfo {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub health: Health,
    /// Which of several is asked first: the lowest, from 1 to 999.
    pub priority: u16,
    /// The topics that it answers for.
    pub domains: Vec<String>,
    /// Routing labels of what it can do.
    pub capabilities: Vec<String>,
    /// Why it is not there, where it is not.
    pub error: Option<String>,
}
