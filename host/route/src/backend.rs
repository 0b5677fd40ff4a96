//! The servers, as routing needs them: one attempt at a time.

use crate::spec::RouteSpec;
use std::sync::Arc;
use tollgate_core::{BoxFuture, Call, CallContext, CallError, Health, ListKind, Listed, Query, Tool, ToolResult};

/// One server, as it is now.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: Arc<str>,
    /// What the configuration says of it. The same value as long as it is the same server: another one (by
    /// [`Arc::ptr_eq`]) ends all that routing remembers of it.
    pub route: Arc<RouteSpec>,
    /// How far it is.
    pub health: Health,
    /// The server is being connected for the first time, so its health will be known soon.
    pub is_starting: bool,
    /// Why it is not there, where it is not.
    pub error: Option<String>,
}

/// How one attempt ended.
#[derive(Debug)]
pub struct Attempted {
    /// The result, or why there is none.
    pub result: Result<ToolResult, CallError>,
    /// Whether the server may have taken the request. Where it did not get it, or refused it at its door (HTTP 401, 403 and
    /// 429), any call may be repeated.
    pub sent: bool,
    /// Fuel that an adapter behind it used.
    pub fuel_used: u64,
    /// The HTTP status of a failure whose error does not tell its kind.
    pub http_status: Option<u16>,
    /// How long the server says that its answer may be kept; absent where it says nothing.
    pub freshness: Option<Freshness>,
    /// Whether the caller was asked something for it: what came of that is nobody else's, and is not kept.
    pub personal: bool,
}

impl Attempted {
    /// An attempt that ended before anything was sent.
    pub fn unsent(error: CallError) -> Self {
        Self::of(Err(error), false)
    }

    /// An attempt of which nothing else is known.
    pub fn of(result: Result<ToolResult, CallError>, sent: bool) -> Self {
        Self { result, sent, fuel_used: 0, http_status: None, freshness: None, personal: false }
    }
}

/// How long an answer may be kept, and for whom (MCP 2026-07-28, "Caching": `ttlMs`, `cacheScope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// How long; zero is not at all.
    pub ttl: std::time::Duration,
    /// For anybody of the tenant; else for the principal that asked.
    pub shared: bool,
}

/// The items of a list, and how long they may be kept.
#[derive(Debug)]
pub struct List {
    /// The items.
    pub items: Vec<Listed>,
    /// As of an answer.
    pub freshness: Option<Freshness>,
}

/// All servers. Nothing here is repeated, chosen or kept: that is routing's matter.
pub trait Backend: Send + Sync + 'static {
    /// The server of a name.
    fn member(&self, name: &str) -> Option<Member>;

    /// All servers, in the order of their names.
    fn members(&self) -> Vec<Member>;

    /// Finds a tool of one server. Waits for it if it is being connected or has to be started, up to its connect timeout.
    ///
    /// # Errors
    /// [`CallError::UnknownTool`] with near names, or why the server's catalog is not known.
    fn resolve<'a>(&'a self, server: &'a str, tool: &'a str) -> BoxFuture<'a, Result<Arc<Tool>, CallError>>;

    /// Sends one call once, to one server. Waits for it if it is being connected; a server that is in backoff fails at once.
    /// Dropping the future cancels the request by the protocol's own message.
    fn attempt<'a>(&'a self, tool: &'a Tool, call: &'a Call, context: &'a CallContext) -> BoxFuture<'a, Attempted>;

    /// Sends one request that is no call of a tool, once.
    fn attempt_query<'a>(&'a self, query: &'a Query, context: &'a CallContext) -> BoxFuture<'a, Attempted>;

    /// The items of one server's list. Waits for it if it is being connected.
    fn list_of<'a>(&'a self, server: &'a str, kind: ListKind) -> BoxFuture<'a, Result<List, CallError>>;

    /// Every tool of every server that may be used, in the order of names. Waits for servers that are being connected.
    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>>;

    /// Waits until the server is ready, at most so long; used before a repeated attempt, which a restart would otherwise waste.
    fn wait_ready<'a>(&'a self, server: &'a str, patience: std::time::Duration)
    -> BoxFuture<'a, Result<(), CallError>>;
}
