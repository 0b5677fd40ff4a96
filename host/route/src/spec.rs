//! What the configuration says of a server, as far as routing wants to know.

use serde::Serialize;
use std::time::Duration;
use tollgate_core::EffectClass;
use tollgate_core::grant::glob;
use tollgate_core::routing::DEFAULT_PRIORITY;

/// A kind of failure, as retries and breakers tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The server asked to slow down.
    RateLimit,
    /// No answer in time.
    Timeout,
    /// The server answered that it is broken (JSON-RPC -32603 and server errors, HTTP 5xx), or what is no MCP.
    ServerError,
    /// There was no connection, or it was lost.
    Connection,
    /// The request is wrong; repeating it changes nothing.
    ClientError,
    /// The host, or the caller, is not authorised.
    Auth,
    /// The tool itself answered `isError`.
    ToolError,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::RateLimit,
        Self::Timeout,
        Self::ServerError,
        Self::Connection,
        Self::ClientError,
        Self::Auth,
        Self::ToolError,
    ];

    /// The word in configurations and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::Connection => "connection",
            Self::ClientError => "client_error",
            Self::Auth => "auth",
            Self::ToolError => "tool_error",
        }
    }
}

/// When a call is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The most attempts after the first; 0 is none.
    pub max_retries: u32,
    /// The ceiling of the first delay.
    pub first_delay: Duration,
    /// What each next ceiling is multiplied with; at least 1.
    pub backoff_factor: f64,
    /// The highest ceiling. A server that asks for a longer wait is not tried again.
    pub max_delay: Duration,
    /// Wait a random part of the delay (full jitter), so that callers do not come back together.
    pub jitter: bool,
    /// The classes of failure after which it is.
    pub on: Vec<ErrorClass>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 2,
            first_delay: Duration::from_millis(200),
            backoff_factor: 2.0,
            max_delay: Duration::from_secs(10),
            jitter: true,
            on: vec![ErrorClass::RateLimit, ErrorClass::Timeout, ErrorClass::ServerError, ErrorClass::Connection],
        }
    }
}

/// When a server that keeps failing is left alone.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it. Only what is the server's fault counts: timeout, server error, connection.
    pub failures: u32,
    /// How long it stays open before a probe.
    pub open_for: Duration,
    /// Calls that are let through at once to see whether the server is back; all must succeed.
    pub probes: u32,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(30), probes: 1 }
    }
}

/// How many calls a server gets in a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// Calls.
    pub calls: u32,
    /// In this time.
    pub per: Duration,
    /// Calls that may come at once after a pause.
    pub burst: u32,
}

/// What answers are kept for how long. Only those of reads are. Zero keeps nothing, also where the server says how long it might
/// be; absent leaves it to the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CachePolicy {
    /// Of tools that are read-only.
    pub tools: Option<Duration>,
    /// Of resources whose server does not say how long (`ttlMs`).
    pub resources: Option<Duration>,
    /// Of prompts whose server does not say how long.
    pub prompts: Option<Duration>,
    /// Of lists of resources, templates and prompts whose server does not say how long. A server's notice that they changed
    /// ends it.
    pub lists: Option<Duration>,
}

/// What differs for some tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolRoute {
    /// What an attempt may change, whatever the annotations say.
    pub effect: Option<EffectClass>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// When it is tried again.
    pub retry: Option<RetryPolicy>,
    /// How long answers are kept: `Some(None)` is not at all.
    pub cache: Option<Option<Duration>>,
}

/// What routing knows of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSpec {
    /// Which of several is asked first: the lowest, from 1 to 999.
    pub priority: u16,
    /// The topics that it answers for.
    pub domains: Vec<String>,
    /// Routing labels of what it can do.
    pub capabilities: Vec<String>,
    /// Calls at once; more wait.
    pub at_once: u32,
    /// Calls that may wait for a place; more are `overloaded`.
    pub queue: u32,
    /// How many calls it gets in a time; those over it wait.
    pub rate: Option<Rate>,
    /// When a call is tried again.
    pub retry: RetryPolicy,
    /// When it is left alone.
    pub breaker: Option<BreakerPolicy>,
    /// What answers are kept.
    pub cache: CachePolicy,
    /// What differs for the tools that match a pattern (`*`, `?`). The first pattern that matches counts.
    pub tools: Vec<(String, ToolRoute)>,
}

impl Default for RouteSpec {
    fn default() -> Self {
        Self {
            priority: DEFAULT_PRIORITY,
            domains: Vec::new(),
            capabilities: Vec::new(),
            at_once: 1024,
            queue: 1024,
            rate: None,
            retry: RetryPolicy::default(),
            breaker: Some(BreakerPolicy::default()),
            cache: CachePolicy::default(),
            tools: Vec::new(),
        }
    }
}

impl RouteSpec {
    /// What differs for a tool, if anything does.
    pub fn tool(&self, name: &str) -> Option<&ToolRoute> {
        self.tools.iter().find(|(pattern, _)| glob(pattern, name)).map(|(_, route)| route)
    }
}
