//! The two traits that join the parts of the host.
//!
//! **Architecture invariant:** nothing reaches an [`Upstream`] except through the gate. The runtime knows
//! only [`Caller`]; only the gate holds an `Upstream`.

use crate::BoxFuture;
use crate::call::{Answer, Call, CallError, CallFailure, ToolResult};
use crate::query::{ListKind, Listed, Query};
use crate::run::RunContext;
use crate::tool::Tool;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// The level as MCP says it (RFC 5424).
    pub fn as_mcp(self) -> &'static str {
        match self {
            Self::Trace | Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Error => "error",
        }
    }
}

/// The way out of one run: what the runtime hands a guest's requests to. The gate implements it; one value
/// belongs to one run and carries its identity.
pub trait Caller: Send + Sync + 'static {
    /// Makes one call: checked, paid, recorded, dispatched. `fuel_left` is what the run could still burn:
    /// an adapter behind the call gets no more than that. The second value is the fuel such an adapter
    /// used, for the runtime to charge.
    ///
    /// Dropping the future cancels the call, at the server too.
    fn call(&self, call: Call, fuel_left: u64) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)>;

    /// Asks a server for something beside its tools: checked, paid, recorded, dispatched as a call is. The
    /// answer is the result's JSON text.
    ///
    /// Dropping the future cancels the request, at the server too.
    ///
    /// A caller that says nothing else has no servers to ask.
    fn query(&self, query: Query) -> BoxFuture<'_, Result<String, CallFailure>> {
        let error = CallError::Denied("nothing but tools may be asked for here".to_owned());
        let Query { server, kind, name, .. } = query;
        let tool = format!("{kind} {name}");
        let failure = CallFailure { server, tool, attempts: 0, elapsed: Duration::ZERO, error };
        Box::pin(std::future::ready(Err(failure)))
    }

    /// The items of all servers' lists that this run was granted.
    fn list(&self, _kind: ListKind) -> BoxFuture<'_, Vec<Listed>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// The run is about to send an HTTP request to a URL, which has no query here. Gives the request's number in the run.
    ///
    /// # Errors
    /// Why nothing may be sent: the request cannot be recorded.
    fn http_started(&self, _method: &str, _url: &str) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// The answer of a request began with this status, or there is none, and why.
    fn http_ended(&self, _request: u64, _result: Result<u16, String>) {}

    /// A line of the run's log.
    fn log(&self, level: LogLevel, message: String);

    /// How far the run is.
    fn progress(&self, done: f64, total: Option<f64>, message: Option<String>);

    /// What the run wrote to stdout or stderr, whole lines at once. A caller that says nothing else does not listen:
    /// all of it stands in the run's end.
    fn output(&self, _error: bool, _text: &str) {}
}

/// What an upstream learns of the caller.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The run that calls.
    pub run: Arc<RunContext>,
    /// The most fuel that a run behind this call may burn.
    pub fuel_left: u64,
}

/// Something that answers tool calls: one MCP connection, one adapter, or the whole fleet of them.
pub trait Upstream: Send + Sync + 'static {
    /// Finds a tool. Waits for a server that is still connecting, up to its connect timeout.
    ///
    /// # Errors
    /// [`CallError::UnknownTool`] with near names, or why the server's catalog is not known.
    fn resolve<'a>(&'a self, server: &'a str, tool: &'a str) -> BoxFuture<'a, Result<Arc<Tool>, CallError>>;

    /// Sends one call of a tool that [`Upstream::resolve`] found. Dropping the future cancels the request
    /// by the protocol's own message.
    fn call<'a>(&'a self, tool: &'a Tool, call: Call, context: CallContext) -> BoxFuture<'a, Answer>;

    /// Sends one request that is no call of a tool. The result's text is in [`ToolResult::json`]. Dropping
    /// the future cancels the request.
    fn query<'a>(&'a self, query: Query, context: CallContext) -> BoxFuture<'a, Answer>;

    /// The items of every ready server's list. Waits for servers that are still connecting.
    fn list(&self, kind: ListKind) -> BoxFuture<'_, Vec<Listed>>;
}
