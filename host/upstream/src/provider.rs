//! Servers that are not MCP: whatever in this process provides tools.

use tollgate_core::{Answer, BoxFuture, Call, CallContext, Tool};

/// Something that stands in for an MCP server: an adapter component, a builtin.
///
/// The fleet asks for its tools once for each connection, checks arguments against their schemas and
/// holds calls to the server's call timeout.
pub trait ToolProvider: Send + Sync + 'static {
    /// Its tools. `server` is the name that each [`Tool::server`] must carry.
    ///
    /// # Errors
    /// Why it cannot work; the server has failed then, and is tried again as any other.
    fn tools<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<Tool>, String>>;

    /// Answers one call. Dropping the future cancels it.
    fn call<'a>(&'a self, tool: &'a Tool, call: Call, context: CallContext) -> BoxFuture<'a, Answer>;
}
