//! What a call through the fleet costs beside the same call made directly with rmcp, over a duplex in this
//! process: `cargo run --release -p tollgate-upstream --example upstream_cost`.

#![allow(clippy::unwrap_used)] // a measurement, not the product

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt};
use rmcp::{ErrorData, ServerHandler};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::{
    Approvals, Budget, Call, CallContext, Grants, Limits, Means, Principal, RunContext, RunId, SystemClock,
    SystemEntropy, Tenant, TraceContext,
};
use tollgate_route::Backend;
use tollgate_upstream::{Fleet, ServerSpec, Transport};

const ROUNDS: usize = 20_000;

struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _params: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = r#"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}"#;
        let schema: JsonObject = serde_json::from_str(schema).unwrap();
        Ok(ListToolsResult::with_all_items(vec![Tool::new("echo", "echo", Arc::new(schema))]))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = params.arguments.and_then(|a| Some(a.get("text")?.as_str()?.to_owned())).unwrap_or_default();
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

fn serve() -> tokio::io::DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move { Echo.serve(theirs).await.unwrap().waiting().await });
    ours
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap()
}

#[tokio::main]
async fn main() {
    let direct = ().serve(serve()).await.unwrap();
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("s", Transport::stream(serve()))).unwrap();
    let limits = Limits::default();
    let run = Arc::new(RunContext {
        run: RunId::new(&SystemClock::default(), &SystemEntropy::default()),
        parent: None,
        name: "cost".into(),
        principal: Principal::new("cost"),
        tenant: Tenant::default(),
        depth: 1,
        grants: Grants::all(),
        budget: Budget::new(limits.clone(), None),
        limits,
        seed: 0,
        approvals: Approvals::default(),
        trace: TraceContext::new(1, 1),
        client: None,
    });
    let context = CallContext::new(run.clone(), &run.budget.take_call().unwrap(), Means::default());
    let args = r#"{"text":"hello"}"#;
    let arguments: JsonObject = serde_json::from_str(args).unwrap();
    // In turns, so that both see the same machine.
    let (mut direct_times, mut fleet_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        direct.call_tool(CallToolRequestParams::new("echo").with_arguments(arguments.clone())).await.unwrap();
        direct_times.push(begun.elapsed());

        let begun = Instant::now();
        let tool = fleet.resolve("s", "echo").await.unwrap();
        let call = Call { server: "s".into(), tool: "echo".into(), args: args.into(), meta: None };
        fleet.attempt(&tool, &call, &context).await.result.unwrap();
        fleet_times.push(begun.elapsed());
    }
    println!("direct {:?}, through the fleet {:?}", median(direct_times), median(fleet_times));
}
