//! Tollgate inside your own program: a server of this process, a journal that watches, a direct call, and a
//! run of a policy.
//!
//! `cargo run --release -p tollgate --example embed -- POLICY.wasm`, with a policy that calls `echo:echo`.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::{ServiceExt, tool, tool_router};
use std::sync::Arc;
use tollgate::{Entry, Event, Grants, Host, Journal, JournalError, LimitKind, RunRequest};

/// An ordinary MCP server, as the official SDK makes them.
struct Echo;

#[derive(serde::Deserialize, rmcp::schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct EchoArgs {
    /// Comes back.
    n: u64,
}

#[tool_router(server_handler)]
impl Echo {
    /// Answers with what it was given.
    #[tool]
    async fn echo(&self, Parameters(args): Parameters<EchoArgs>) -> String {
        args.n.to_string()
    }
}

/// Sees every entry of every run, as it is written.
struct Watch;

impl Journal for Watch {
    fn append(&self, entry: Entry) -> std::pin::Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + '_>> {
        if let Event::CallEnded(call) = &entry.event {
            println!("{}:{} {} in {:?}", call.server, call.tool, call.outcome, call.elapsed);
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = std::env::args().nth(1).ok_or("give the path of a policy that calls echo:echo")?;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(async move {
        let running = Echo.serve(theirs).await.map_err(std::io::Error::other)?;
        running.waiting().await.map_err(std::io::Error::other)
    });

    let host = Host::builder().in_process_server("echo", ours).journal(Arc::new(Watch)).build().await?;
    for tool in host.tools().await {
        println!("{}:{}  {}", tool.server, tool.name, tool.description);
    }

    // A direct call takes the same way as a policy's.
    let answer = host.call(&"echo:echo".parse()?, r#"{"n":42}"#).await?;
    println!("{}", answer.json);

    // Nothing is granted by default; this run may call one tool, for two seconds at most.
    let request = RunRequest::file(policy).grants(Grants::parse(["echo:echo"])?).limit(LimitKind::Timeout, 2_000);
    let report = host.run(request).await?;
    println!("{report}");

    host.shutdown().await;
    server.abort();
    if report.status == tollgate::Status::Ok { Ok(()) } else { Err("the run failed".into()) }
}
