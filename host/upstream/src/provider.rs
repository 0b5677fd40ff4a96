//! Servers that are not MCP: whatever in this process provides tools.

use serde_json::{Map, Value};
use tollgate_core::{Answer, BoxFuture, Call, CallContext, CallError, ListKind, Query, RpcError, Tool};

/// JSON-RPC's code for a method that is not there.
const NO_METHOD: i64 = -32601;

/// Something that stands in for an MCP server: an adapter component, a builtin.
///
/// The fleet asks for its tools and lists once for each connection, checks arguments against their schemas and
/// holds calls to the server's call timeout.
pub trait ToolProvider: Send + Sync + 'static {
    /// Its tools. `server` is the name that each [`Tool::server`] must carry.
    ///
    /// # Errors
    /// Why it cannot work; the server has failed then, and is tried again as any other.
    fn tools<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<Tool>, String>>;

    /// Answers one call. Dropping the future cancels it.
    fn call<'a>(&'a self, tool: &'a Tool, call: Call, context: CallContext) -> BoxFuture<'a, Answer>;

    /// The items of one of its lists, as MCP has them. A provider that says nothing else has neither resources nor prompts.
    ///
    /// # Errors
    /// As [`ToolProvider::tools`].
    fn list(&self, _kind: ListKind) -> BoxFuture<'_, Result<Vec<Map<String, Value>>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Answers one query. The result's text is in [`tollgate_core::ToolResult::json`]. Dropping the future cancels it.
    fn query(&self, query: Query, _context: CallContext) -> BoxFuture<'_, Answer> {
        let message = format!("`{}` has no {}", query.server, query.kind);
        let error = CallError::Rejected(RpcError { code: NO_METHOD, message, data: None });
        Box::pin(std::future::ready(Answer::refused(error)))
    }
}
