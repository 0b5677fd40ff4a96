//! What routing costs a call, what a kept answer costs, how long failover takes, and what asking several servers at once adds.

use crate::server::{self, Direct};
use crate::{line, line_over, median};
use std::time::{Duration, Instant};
use tollgate::route::{BreakerPolicy, CachePolicy, Rate, RetryPolicy, RouteSpec, ToolRoute};
use tollgate::{
    Approvals, Behalf, Call, EffectClass, Grants, Host, RunRequest, ServerSpec, Status, ToolName, Transport,
};
use tollgate_test_guests as guests;

const CALLS: u32 = 500;
const ROUNDS: usize = 42;

fn spec(name: &str, route: RouteSpec) -> ServerSpec {
    let transport = Transport::stream_source(|| async {
        let stream: Box<dyn tollgate::Duplex> = Box::new(server::start());
        Ok(stream)
    });
    ServerSpec { route, ..ServerSpec::new(name, transport) }
}

/// Everything that can be off is.
fn off() -> RouteSpec {
    let retry = RetryPolicy { max_retries: 0, ..RetryPolicy::default() };
    RouteSpec { retry, breaker: None, ..RouteSpec::default() }
}

/// Everything that does not answer in the server's place is on.
fn on() -> RouteSpec {
    RouteSpec {
        domains: vec!["echo".to_owned()],
        rate: Some(Rate { calls: 1_000_000, per: Duration::from_secs(1), burst: 1_000_000 }),
        breaker: Some(BreakerPolicy::default()),
        cache: CachePolicy { resources: Some(Duration::from_secs(60)), ..CachePolicy::default() },
        tools: vec![("e*".to_owned(), ToolRoute { timeout: Some(Duration::from_secs(30)), ..ToolRoute::default() })],
        ..RouteSpec::default()
    }
}

/// Everything is on, and answers are kept.
fn kept() -> RouteSpec {
    let tool = ToolRoute {
        effect: Some(EffectClass::Read),
        cache: Some(Some(Duration::from_secs(600))),
        ..ToolRoute::default()
    };
    // Of no domain: a call of one is to be made.
    RouteSpec { domains: Vec::new(), tools: vec![("*".to_owned(), tool)], ..on() }
}

async fn ready(builder: tollgate::HostBuilder) -> Host {
    let host = builder.build().await.unwrap();
    host.settled().await;
    host
}

async fn per_call(host: &Host, server: &str, behalf: &Behalf) -> Duration {
    let start = Instant::now();
    for _ in 0..CALLS {
        let name = ToolName { server: server.to_owned(), tool: "echo".to_owned() };
        host.call_as(behalf.clone(), Call::new(name, r#"{"message":"hello"}"#)).await.unwrap();
    }
    start.elapsed() / CALLS
}

/// A call with every feature off, with every feature on, of a domain, and answered from memory.
pub(crate) async fn calls() {
    let host = Host::builder().server(spec("off", off())).server(spec("on", on())).server(spec("kept", kept()));
    let host = ready(host).await;
    let direct = Direct::connect().await;
    let plain = Behalf::default();
    let approvals = Approvals::parse(["other:delete_*"]).unwrap();
    let careful = Behalf { approvals, ..Behalf::default() };
    let mut times = vec![Vec::new(); 5];
    for round in 0..crate::times(ROUNDS) + 2 {
        let start = Instant::now();
        for _ in 0..CALLS {
            direct.call().await;
        }
        let took = [
            start.elapsed() / CALLS,
            per_call(&host, "off", &plain).await,
            per_call(&host, "on", &careful).await,
            per_call(&host, "domain:echo", &careful).await,
            per_call(&host, "kept", &careful).await,
        ];
        if round >= 2 {
            times.iter_mut().zip(took).for_each(|(all, one)| all.push(one));
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    line("direct rmcp call, in process", medians[0], None, "");
    line_over("host.call, all features off", medians[1], medians[0], "");
    line_over("host.call, all features on", medians[2], medians[1], "≤ 5 µs");
    line_over("host.call of a domain", medians[3], medians[1], "");
    line("host.call, answered from memory", medians[4], None, "≤ 10 µs");
    host.shutdown().await;
}

/// From the death of the first server of a domain to the first answer of the second.
pub(crate) async fn failover() {
    const TRIES: usize = 15;
    let mut times = Vec::new();
    for _ in 0..crate::times(TRIES) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = server::serve(theirs);
        let first = ServerSpec {
            route: RouteSpec { priority: 1, ..kept_off() },
            ..ServerSpec::new("first", Transport::stream(ours))
        };
        let second = spec("second", RouteSpec { priority: 2, ..kept_off() });
        let host = ready(Host::builder().server(first).server(second)).await;
        let behalf = Behalf::default();
        per_call(&host, "domain:echo", &behalf).await;
        serving.abort();
        let start = Instant::now();
        let name = ToolName { server: "domain:echo".to_owned(), tool: "echo".to_owned() };
        // A call that was on its way may have had its effect: its author sees that, and the next goes elsewhere.
        while host.call_as(behalf.clone(), Call::new(name.clone(), r#"{"message":"hello"}"#)).await.is_err() {}
        times.push(start.elapsed());
        host.shutdown().await;
    }
    line("failover after a server's death, to an answer", median(times), None, "");
}

fn kept_off() -> RouteSpec {
    RouteSpec { domains: vec!["echo".to_owned()], ..RouteSpec::default() }
}

/// A policy that asks five servers at once, the slowest of which takes 50 ms.
pub(crate) async fn hub() {
    let mut builder = Host::builder();
    for name in ["a", "b", "c", "d", "e"] {
        builder = builder.server(spec(name, RouteSpec::default()));
    }
    let host = ready(builder).await;
    let waits = [10, 20, 30, 40, 50];
    let calls: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .zip(waits)
        .map(|(server, ms)| serde_json::json!({"server": server, "tool": "wait", "args": {"ms": ms}}))
        .collect();
    let input = serde_json::json!({"mode": "at_once", "calls": calls}).to_string();
    let mut times = Vec::new();
    for round in 0..crate::times(20) + 3 {
        let request = RunRequest::file(guests::POLICY_CALLS).input(&*input).grants(Grants::parse(["*:*"]).unwrap());
        let start = Instant::now();
        let report = host.run(request).await.unwrap();
        assert_eq!(report.status, Status::Ok, "{:?}", report.error);
        if round >= 2 {
            times.push(start.elapsed());
        }
    }
    line("a query to five servers at once", median(times), Some(Duration::from_millis(50)), "slowest + 5 ms");
    host.shutdown().await;
}
