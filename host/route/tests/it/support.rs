//! A backend that does what a test says, and a world whose time goes on only when nothing else can be done.

use futures::FutureExt as _;
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::LocalSpawnExt as _;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate_core::{
    Answer, Approvals, BoxFuture, Budget, Call, CallContext, CallError, Candidates, Clock, EffectClass, Grants, Health,
    Limits, ListKind, Listed, ManualClock, Means, Principal, Query, QueryKind, RunContext, RunId, SeededEntropy,
    Tenant, Tool, ToolResult, TraceContext, Upstream,
};
use tollgate_route::{Attempted, Backend, Freshness, List, Member, RouteSpec, Router, RouterSettings};

/// The longest that anything in these tests may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a server does with one attempt.
#[derive(Clone, Debug)]
pub struct Step {
    pub after: Duration,
    pub result: Result<String, CallError>,
    pub sent: bool,
    pub fuel_used: u64,
    pub freshness: Option<Freshness>,
    pub personal: bool,
}

/// It answers this text.
pub fn says(text: &str) -> Step {
    Step {
        after: Duration::ZERO,
        result: Ok(text.to_owned()),
        sent: true,
        fuel_used: 0,
        freshness: None,
        personal: false,
    }
}

/// It fails, and the request reached it.
pub fn fails(error: CallError) -> Step {
    Step { result: Err(error), ..says("") }
}

/// It fails before anything was sent.
pub fn unsent(error: CallError) -> Step {
    Step { sent: false, ..fails(error) }
}

pub fn lost() -> CallError {
    CallError::OutcomeUnknown("the connection was lost".to_owned())
}

pub fn away() -> CallError {
    CallError::Unavailable("it is not there".to_owned())
}

pub fn slow() -> CallError {
    CallError::TimedOut("it did not answer".to_owned())
}

impl Step {
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub fn fresh(self, ttl: Duration, shared: bool) -> Self {
        Self { freshness: Some(Freshness { ttl, shared }), ..self }
    }

    pub fn personal(self) -> Self {
        Self { personal: true, ..self }
    }
}

/// One server of a test.
#[derive(Default)]
pub struct Server {
    route: Arc<RouteSpec>,
    health: Option<Health>,
    error: Option<String>,
    pub is_starting: bool,
    tools: Vec<Arc<Tool>>,
    /// What comes next; then `default`.
    steps: VecDeque<Step>,
    default: Option<Step>,
    /// How long it takes to find a tool.
    resolves_after: Duration,
    /// Why it finds none.
    resolve_error: Option<CallError>,
    /// How long it takes to be ready after a loss; `None` in the list: it is not.
    ready_after: VecDeque<Option<Duration>>,
    pub running: u32,
    pub running_max: u32,
    pub dropped: u32,
    pub waited_ready: u32,
    /// Each attempt: when, what for, and its `_meta`.
    pub seen: Vec<Seen>,
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Duration,
    pub what: String,
    pub meta: Option<String>,
}

pub struct Backing {
    pub clock: Arc<ManualClock>,
    pub servers: Mutex<BTreeMap<String, Server>>,
}

/// An attempt under way.
struct Under<'a>(&'a Backing, String, bool);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        if let Some(server) = self.0.servers.lock().get_mut(&self.1) {
            // A server may be replaced meanwhile.
            server.running = server.running.saturating_sub(1);
            server.dropped += u32::from(!self.2);
        }
    }
}

impl Backing {
    async fn attempt(&self, server: &str, what: String, meta: Option<String>) -> Step {
        let step = {
            let mut servers = self.servers.lock();
            let found = servers.get_mut(server).unwrap();
            found.running += 1;
            found.running_max = found.running_max.max(found.running);
            found.seen.push(Seen { at: self.clock.monotonic(), what: what.clone(), meta });
            found.steps.pop_front().or_else(|| found.default.clone()).unwrap_or_else(|| says(&what))
        };
        let mut under = Under(self, server.to_owned(), false);
        if !step.after.is_zero() {
            self.clock.sleep(step.after).await;
        }
        under.2 = true;
        step
    }

    fn member_of(name: &str, server: &Server) -> Member {
        Member {
            name: name.into(),
            route: server.route.clone(),
            health: server.health.unwrap_or(Health::Ready),
            is_starting: server.is_starting,
            error: server.error.clone(),
        }
    }
}

fn attempted(step: Step) -> Attempted {
    let Step { result, sent, fuel_used, freshness, personal, .. } = step;
    let result = result.map(|json| ToolResult { json, is_error: false });
    Attempted { fuel_used, freshness, personal, ..Attempted::of(result, sent) }
}

impl Backend for Backing {
    fn member(&self, name: &str) -> Option<Member> {
        self.servers.lock().get(name).map(|server| Self::member_of(name, server))
    }

    fn members(&self) -> Vec<Member> {
        self.servers.lock().iter().map(|(name, server)| Self::member_of(name, server)).collect()
    }

    fn resolve<'a>(&'a self, server: &'a str, tool: &'a str) -> BoxFuture<'a, Result<Arc<Tool>, CallError>> {
        Box::pin(async move {
            let (wait, error) = match self.servers.lock().get(server) {
                Some(server) => (server.resolves_after, server.resolve_error.clone()),
                None => return Err(CallError::UnknownTool(Vec::new())),
            };
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            if let Some(error) = error {
                return Err(error);
            }
            let servers = self.servers.lock();
            let found = servers.get(server).and_then(|found| found.tools.iter().find(|t| t.name == tool));
            found.cloned().ok_or_else(|| CallError::UnknownTool(vec![format!("{server}:{tool}s")]))
        })
    }

    fn attempt<'a>(&'a self, tool: &'a Tool, call: &'a Call, _context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(async move {
            assert_eq!(tool.server, call.server, "an attempt names its server");
            let what = format!("{} {}", tool.name, call.args);
            attempted(self.attempt(&tool.server, what, call.meta.clone()).await)
        })
    }

    fn attempt_query<'a>(&'a self, query: &'a Query, _context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(async move {
            if !self.servers.lock().contains_key(&query.server) {
                return attempted(unsent(CallError::Unavailable("there is no such server; near names".to_owned())));
            }
            let what = format!("{} {}", query.kind, query.name);
            attempted(self.attempt(&query.server, what, Some(query.params.clone())).await)
        })
    }

    fn list_of<'a>(&'a self, server: &'a str, kind: ListKind) -> BoxFuture<'a, Result<List, CallError>> {
        Box::pin(async move {
            let step = self.attempt(server, kind.method().to_owned(), None).await;
            let mut item = serde_json::Map::new();
            item.insert("uri".to_owned(), step.result?.into());
            Ok(List { items: vec![Listed { server: server.to_owned(), item }], freshness: step.freshness })
        })
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(async move { self.servers.lock().values().flat_map(|server| server.tools.clone()).collect() })
    }

    fn wait_ready<'a>(&'a self, server: &'a str, patience: Duration) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(async move {
            let after = {
                let mut servers = self.servers.lock();
                let found = servers.get_mut(server).unwrap();
                found.waited_ready += 1;
                found.ready_after.pop_front().unwrap_or(Some(Duration::ZERO))
            };
            match after {
                Some(after) if after <= patience => {
                    self.clock.sleep(after).await;
                    Ok(())
                }
                _ => {
                    self.clock.sleep(patience).await;
                    Err(away())
                }
            }
        })
    }
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub backing: Arc<Backing>,
    pub router: Arc<Router<Backing>>,
    pool: RefCell<LocalPool>,
    spawner: LocalSpawner,
}

/// Something that was begun. Dropping it cancels it.
pub struct Begun<T: 'static>(RemoteHandle<T>);

impl<T> Begun<T> {
    /// What it gave, if it has ended. To be asked once it has.
    pub fn ended(&mut self) -> Option<T> {
        (&mut self.0).now_or_never()
    }
}

/// Who calls.
#[derive(Clone, Copy)]
pub struct Who {
    pub tenant: &'static str,
    pub principal: &'static str,
    pub depth: u64,
}

pub const ANN: Who = Who { tenant: "t", principal: "ann", depth: 1 };
pub const BOB: Who = Who { tenant: "t", principal: "bob", depth: 1 };

pub fn context(who: Who) -> CallContext {
    let limits = Limits::default();
    let run = RunContext {
        run: RunId::new(&ManualClock::new(SystemTime::UNIX_EPOCH), &SeededEntropy::new(1)),
        parent: None,
        name: "test".into(),
        principal: Principal::new(who.principal),
        tenant: Tenant::new(who.tenant),
        depth: who.depth,
        grants: Grants::all(),
        approvals: Approvals::default(),
        budget: Budget::new(limits.clone(), None),
        limits,
        seed: 7,
        trace: TraceContext::new(0xabc, 0xdef),
        client: None,
    };
    let paid = run.budget.take_call().unwrap();
    CallContext::new(Arc::new(run), &paid, Means { fuel: 1_000, memory: None })
}

pub fn tool(server: &str, name: &str, effect: EffectClass) -> Arc<Tool> {
    Arc::new(Tool {
        server: server.to_owned(),
        name: name.to_owned(),
        title: None,
        description: String::new(),
        input_schema: serde_json::json!({"type": "object"}),
        output_schema: None,
        annotations: None,
        other: serde_json::Map::new(),
        effect,
    })
}

impl World {
    pub fn new() -> Self {
        Self::with(RouterSettings::default())
    }

    pub fn with(settings: RouterSettings) -> Self {
        crate::spans::listen();
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let backing = Arc::new(Backing { clock: clock.clone(), servers: Mutex::default() });
        let router = Router::new(backing.clone(), clock.clone(), Arc::new(SeededEntropy::new(1)), settings);
        let pool = LocalPool::new();
        let spawner = pool.spawner();
        Self { clock, backing, router: Arc::new(router), pool: RefCell::new(pool), spawner }
    }

    /// Adds a server with the tools `find` (a read), `put` (idempotent) and `pay` (neither).
    pub fn add(&self, name: &str, route: RouteSpec) {
        let tools = vec![
            tool(name, "find", EffectClass::Read),
            tool(name, "put", EffectClass::Idempotent),
            tool(name, "pay", EffectClass::NonIdempotent),
        ];
        let server = Server { route: Arc::new(route), tools, ..Server::default() };
        self.backing.servers.lock().insert(name.to_owned(), server);
    }

    pub fn edit<T>(&self, name: &str, edit: impl FnOnce(&mut Server) -> T) -> T {
        edit(self.backing.servers.lock().get_mut(name).unwrap())
    }

    /// What a server does next, and then always (with `says` its own echo).
    pub fn next(&self, name: &str, steps: impl IntoIterator<Item = Step>) {
        self.edit(name, |server| server.steps.extend(steps));
    }

    pub fn always(&self, name: &str, step: Step) {
        self.edit(name, |server| server.default = Some(step));
    }

    pub fn health(&self, name: &str, health: Health) {
        self.edit(name, |server| server.health = Some(health));
    }

    pub fn route(&self, name: &str, route: RouteSpec) {
        self.edit(name, |server| server.route = Arc::new(route));
    }

    pub fn resolves(&self, name: &str, after: Duration, error: Option<CallError>) {
        self.edit(name, |server| (server.resolves_after, server.resolve_error) = (after, error));
    }

    pub fn ready(&self, name: &str, after: impl IntoIterator<Item = Option<Duration>>) {
        self.edit(name, |server| server.ready_after.extend(after));
    }

    pub fn has_tools(&self, name: &str, tools: Vec<Arc<Tool>>) {
        self.edit(name, |server| server.tools = tools);
    }

    pub fn remove(&self, name: &str) {
        self.backing.servers.lock().remove(name);
    }

    /// How many attempts reached a server.
    pub fn seen(&self, name: &str) -> usize {
        self.edit(name, |server| server.seen.len())
    }

    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Begins something. It goes on only in [`World::settle`] and what goes on to later moments.
    pub fn begin<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Begun<T> {
        Begun(self.spawner.spawn_local_with_handle(future).unwrap())
    }

    pub fn begin_call(&self, who: Who, server: &str, tool: &str, args: &str) -> Begun<Answer> {
        let (router, server, tool, args) = (self.router.clone(), server.to_owned(), tool.to_owned(), args.to_owned());
        self.begin(async move {
            let candidates = match router.resolve(&server, &tool, &|_| true).await {
                Ok(candidates) => candidates,
                Err(error) => return Answer::refused(error),
            };
            let call = Call { server, tool, args, meta: None };
            router.call(&candidates, call, context(who)).await
        })
    }

    /// All that can be done now.
    pub fn settle(&self) {
        self.pool.borrow_mut().run_until_stalled();
    }

    /// Goes on by so much, stopping at each moment that somebody waits for.
    pub fn advance(&self, step: Duration) {
        let end = self.now() + step;
        loop {
            self.settle();
            match self.clock.next_wake().filter(|at| *at <= end) {
                Some(at) => self.clock.advance(at - self.now()),
                None => break,
            }
        }
        self.clock.advance(end - self.now());
        self.settle();
    }

    /// Goes on until it has ended.
    pub fn finish<T>(&self, mut begun: Begun<T>) -> T {
        loop {
            self.settle();
            if let Some(output) = begun.ended() {
                return output;
            }
            let at = self.clock.next_wake().expect("it waits for nothing that comes");
            assert!(at < PATIENCE, "it takes for ever");
            self.clock.advance(at - self.now());
        }
    }

    pub fn call_as(&self, who: Who, server: &str, tool: &str, args: &str) -> Answer {
        self.finish(self.begin_call(who, server, tool, args))
    }

    pub fn call(&self, server: &str, tool: &str) -> Answer {
        self.call_as(ANN, server, tool, "{}")
    }

    pub fn resolve(&self, server: &str, tool: &str) -> Result<Candidates, CallError> {
        let (router, server, tool) = (self.router.clone(), server.to_owned(), tool.to_owned());
        self.finish(self.begin(async move { router.resolve(&server, &tool, &|_| true).await }))
    }

    pub fn query_as(&self, who: Who, server: &str, kind: QueryKind, name: &str) -> Answer {
        let query = Query {
            server: server.to_owned(),
            kind,
            name: name.to_owned(),
            params: serde_json::json!({"uri": name}).to_string(),
        };
        let router = self.router.clone();
        self.finish(self.begin(async move { router.query(query, context(who)).await }))
    }

    pub fn read(&self, server: &str, uri: &str) -> Answer {
        self.query_as(ANN, server, QueryKind::ReadResource, uri)
    }

    pub fn list_of(&self, server: &str, kind: ListKind) -> Result<Vec<Listed>, CallError> {
        let (router, server) = (self.router.clone(), server.to_owned());
        self.finish(self.begin(async move { router.list_of(&server, kind, context(ANN)).await }))
    }
}

/// The text that an answer has.
pub fn text(answer: &Answer) -> &str {
    match &answer.result {
        Ok(result) => &result.json,
        Err(error) => panic!("{error}"),
    }
}

/// The error that an answer has.
pub fn error(answer: Answer) -> CallError {
    answer.result.unwrap_err()
}

/// A server that is tried once, and has no breaker.
pub fn plain() -> RouteSpec {
    let mut route = RouteSpec { breaker: None, ..RouteSpec::default() };
    route.retry.max_retries = 0;
    route
}

/// A server of a domain.
pub fn of(domain: &str, priority: u16) -> RouteSpec {
    RouteSpec { priority, domains: vec![domain.to_owned()], ..plain() }
}
