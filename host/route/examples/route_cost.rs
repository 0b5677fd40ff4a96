//! What routing costs beside the same call made directly at a backend that does nothing:
//! `cargo run --release -p tollgate-route --example route_cost`.

#![allow(clippy::unwrap_used)] // a measurement, not the product

use futures::executor::block_on;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::{
    Approvals, BoxFuture, Budget, Call, CallContext, CallError, EffectClass, Grants, Health, Limits, ListKind, Means,
    Principal, Query, RunContext, RunId, SystemClock, SystemEntropy, Tenant, Tool, ToolResult, TraceContext, Upstream,
};
use tollgate_route::{
    Attempted, Backend, CachePolicy, List, Member, Rate, RouteSpec, Router, RouterSettings, ToolRoute,
};

const ROUNDS: usize = 2_000;
/// Calls between two looks at the clock.
const BATCH: u32 = 50;

/// Three equal servers that answer at once.
struct Trivial {
    members: Vec<Member>,
    tools: Vec<Arc<Tool>>,
}

impl Trivial {
    fn new(route: RouteSpec) -> Self {
        let route = Arc::new(route);
        let names = ["a", "b", "c"];
        let member = |name: &str| Member {
            name: name.into(),
            route: route.clone(),
            health: Health::Ready,
            is_starting: false,
            error: None,
        };
        let tool = |server: &str| {
            Arc::new(Tool {
                server: server.to_owned(),
                name: "find".to_owned(),
                title: None,
                description: String::new(),
                input_schema: serde_json::Value::Null,
                output_schema: None,
                annotations: None,
                other: serde_json::Map::new(),
                effect: EffectClass::Read,
            })
        };
        Self { members: names.map(member).into(), tools: names.map(tool).into() }
    }

    fn answer() -> Attempted {
        let json = r#"{"content":[{"type":"text","text":"hello"}]}"#.to_owned();
        let result = Ok(ToolResult { json, is_error: false });
        Attempted::of(result, true)
    }
}

impl Backend for Trivial {
    fn member(&self, name: &str) -> Option<Member> {
        self.members.iter().find(|member| *member.name == *name).cloned()
    }

    fn members(&self) -> Vec<Member> {
        self.members.clone()
    }

    fn resolve<'a>(&'a self, server: &'a str, _tool: &'a str) -> BoxFuture<'a, Result<Arc<Tool>, CallError>> {
        let tool = self.tools.iter().find(|tool| tool.server == server).cloned();
        Box::pin(std::future::ready(tool.ok_or_else(|| CallError::UnknownTool(Vec::new()))))
    }

    fn attempt<'a>(&'a self, _tool: &'a Tool, _call: &'a Call, _context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(std::future::ready(Self::answer()))
    }

    fn attempt_query<'a>(&'a self, _query: &'a Query, _context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(std::future::ready(Self::answer()))
    }

    fn list_of<'a>(&'a self, _server: &'a str, _kind: ListKind) -> BoxFuture<'a, Result<List, CallError>> {
        Box::pin(std::future::ready(Ok(List { items: Vec::new(), freshness: None })))
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(std::future::ready(self.tools.clone()))
    }

    fn wait_ready<'a>(&'a self, _server: &'a str, _patience: Duration) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn router(route: RouteSpec) -> Router<Trivial> {
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy::default()));
    Router::new(Arc::new(Trivial::new(route)), clock, entropy, RouterSettings::default())
}

fn context() -> CallContext {
    let limits = Limits::default();
    let run = RunContext {
        run: RunId::new(&SystemClock::default(), &SystemEntropy::default()),
        parent: None,
        name: "cost".into(),
        principal: Principal::new("cost"),
        tenant: Tenant::default(),
        depth: 1,
        grants: Grants::all(),
        approvals: Approvals::default(),
        budget: Budget::new(limits.clone(), None),
        limits,
        seed: 0,
        trace: TraceContext::new(1, 1),
        client: None,
    };
    let paid = run.budget.take_call().unwrap();
    CallContext::new(Arc::new(run), &paid, Means::default())
}

fn call(server: &str, nonce: u64) -> Call {
    let args = format!("{{\"query\":\"blue shoes\",\"limit\":{nonce}}}");
    Call { server: server.to_owned(), tool: "find".to_owned(), args, meta: None }
}

fn main() {
    let off = RouteSpec { breaker: None, ..RouteSpec::default() };
    let rate = Some(Rate { calls: 1_000_000_000, per: Duration::from_secs(1), burst: 1_000_000_000 });
    let other = |n| (format!("other_{n}_*"), ToolRoute::default());
    let domains = vec!["shop".to_owned()];
    let on = RouteSpec { rate, domains, tools: (0..5).map(other).collect(), ..RouteSpec::default() };
    let kept = CachePolicy { tools: Some(Duration::from_secs(3600)), ..CachePolicy::default() };
    let all = RouteSpec { cache: kept, ..on.clone() };
    let (off, on, all) = (router(off), router(on), router(all));
    let (context, mut nonce) = (context(), 0_u64);

    let direct = |nonce| {
        let backend = off.backend();
        let _member = backend.member("a");
        let tool = block_on(backend.resolve("a", "find")).unwrap();
        block_on(backend.attempt(&tool, &call("a", nonce), &context.clone())).result.unwrap();
    };
    let through = |router: &Router<Trivial>, server: &str, nonce| {
        let candidates = block_on(router.resolve(server, "find", &|_| true)).unwrap();
        block_on(router.call(&candidates, call(server, nonce), context.clone())).result.unwrap();
    };
    let rows: [(&str, &dyn Fn(u64)); 6] = [
        ("direct", &direct),
        ("all off", &|nonce| through(&off, "a", nonce)),
        ("all on but the cache", &|nonce| through(&on, "a", nonce)),
        ("all on, a domain of three", &|nonce| through(&on, "domain:shop", nonce)),
        ("all on, not in the cache yet", &|nonce| through(&all, "a", nonce)),
        ("all on, in the cache", &|_| through(&all, "a", 0)),
    ];
    // In turns, so that all see the same machine.
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for ((_, row), times) in rows.iter().zip(&mut times) {
            let begun = Instant::now();
            for _ in 0..BATCH {
                nonce += 1;
                row(nonce);
            }
            times.push(begun.elapsed() / BATCH);
        }
    }
    let mut base = Duration::ZERO;
    for ((name, _), mut times) in rows.into_iter().zip(times) {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap();
        base = if name == "direct" { median } else { base };
        println!(
            "{name:30} {:>5} ns a call, {:>5} ns added",
            median.as_nanos(),
            median.saturating_sub(base).as_nanos()
        );
    }
    println!("{:?}", all.cache_stats());
}
