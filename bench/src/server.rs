//! An MCP server in this process, and a raw rmcp client to it.

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RunningService};
use rmcp::{ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// `echo` answers at once; `wait` after `ms` milliseconds.
#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = serde_json::json!({"type": "object", "properties": {"message": {"type": "string"}, "ms": {"type": "integer"}}});
        let schema = Arc::new(schema.as_object().unwrap().clone());
        let tools = ["echo", "wait"].map(|name| Tool::new(name, "for measurements", schema.clone()));
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<rmcp::model::CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        if let Some(ms) = arguments.get("ms").and_then(|ms| ms.as_u64()) {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        Ok(CallToolResult::success(vec![ContentBlock::text("hello")]).into())
    }
}

/// Starts a server, and gives the client's end.
pub(crate) fn start() -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    drop(serve(theirs));
    ours
}

/// Serves one stream, until it closes or the task is aborted.
pub(crate) fn serve(stream: DuplexStream) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Ok(running) = Echo.serve(stream).await {
            drop(running.waiting().await);
        }
    })
}

/// A raw client: what a call costs with nothing between.
pub(crate) struct Direct(
    RunningService<RoleClient, ()>,
    #[expect(dead_code, reason = "a server of its own ends with it")] Option<Child>,
);

impl Direct {
    pub(crate) async fn connect() -> Self {
        Self(().serve(start()).await.unwrap(), None)
    }

    /// To a server of its own, over stdio.
    pub(crate) async fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let pipes = (child.stdout.take().expect("a pipe"), child.stdin.take().expect("a pipe"));
        Self(().serve(pipes).await.expect("it answers"), Some(child))
    }

    /// Calls its `echo`.
    pub(crate) async fn call(&self) {
        let arguments = serde_json::json!({"message": "hello"}).as_object().unwrap().clone();
        self.0.call_tool(CallToolRequestParams::new("echo").with_arguments(arguments)).await.unwrap();
    }
}
