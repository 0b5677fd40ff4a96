//! Servers that fail in every way: they are slow, drop requests before and after the effect, answer 429, half answers, an
//! answer twice, and restart.

use crate::support::{ms, secs, tool};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tollgate_core::{
    BoxFuture, Budget, Call, CallContext, CallError, Clock, EffectClass, Entropy as _, Health, ListKind, Listed,
    ManualClock, Means, Query, RpcError, SeededEntropy, Tool, ToolResult,
};
use tollgate_route::{Attempted, Backend, Freshness, List, Member, RouteSpec};

/// Random decisions of one world.
pub struct Dice(SeededEntropy);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed ^ 0x5eed))
    }

    pub fn below(&self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What the servers know of one call, which its nonce names.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    pub attempts: u32,
    pub sent: u32,
    pub effects: u32,
}

#[derive(Clone)]
pub struct Host {
    pub route: Arc<RouteSpec>,
    tools: Vec<Arc<Tool>>,
    /// When it goes down, and when it is up again.
    restarts: Vec<(Duration, Duration)>,
    running: u32,
    pub running_max: u32,
    pub times: Vec<Duration>,
    /// Answers that came, by the request that they name: some come twice.
    mail: Vec<(u64, String)>,
}

impl Host {
    pub fn new(name: &str, route: RouteSpec, dice: &Dice) -> Self {
        let tools = vec![
            tool(name, "find", EffectClass::Read),
            tool(name, "put", EffectClass::Idempotent),
            tool(name, "pay", if dice.percent(50) { EffectClass::NonIdempotent } else { EffectClass::Unknown }),
        ];
        let mut restarts = Vec::new();
        let mut at = secs(dice.below(30));
        for _ in 0..dice.below(8) {
            let up = at + ms(dice.below(8_000));
            restarts.push((at, up));
            at = up + secs(dice.below(30));
        }
        Self { route: Arc::new(route), tools, restarts, running: 0, running_max: 0, times: vec![], mail: vec![] }
    }

    /// When it is up again, if it is down.
    fn down(&self, now: Duration) -> Option<Duration> {
        self.restarts.iter().find(|(from, to)| (*from..*to).contains(&now)).map(|(_, to)| *to)
    }

    fn next_restart(&self, now: Duration) -> Duration {
        self.restarts.iter().map(|(from, _)| *from).find(|from| *from > now).unwrap_or(Duration::MAX)
    }
}

type Nested = Box<dyn Fn(String, &'static str, String, CallContext) -> BoxFuture<'static, ()> + Send + Sync>;

pub struct Faulty {
    clock: Arc<ManualClock>,
    dice: Arc<Dice>,
    hosts: Mutex<BTreeMap<String, Host>>,
    faults: Mutex<HashMap<(String, String), Fault>>,
    nested: OnceLock<Nested>,
    requests: AtomicU64,
    healed: AtomicBool,
}

/// What goes wrong with an attempt.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Nothing,
    NotSent,
    LostBefore,
    LostAfter,
    TooMany(Option<u64>),
    HalfAnswer,
    Broken { effect: bool },
    TimedOut { effect: bool },
    Twice,
    Unauthorised,
    Refused,
    ToolFailed,
}

/// A request at a server. Dropping it cancels it there, now and then too late.
struct Under<'a> {
    faulty: &'a Faulty,
    server: &'a str,
    call: (String, String),
    sent: bool,
    /// Whether its effect is still to come.
    pending: bool,
}

impl Under<'_> {
    fn effect(&mut self) {
        self.pending = false;
        self.faulty.faults.lock().entry(self.call.clone()).or_default().effects += 1;
    }
}

impl Drop for Under<'_> {
    fn drop(&mut self) {
        if self.pending && self.sent && self.faulty.dice.percent(50) {
            self.effect();
        }
        self.faulty.hosts.lock().get_mut(self.server).unwrap().running -= 1;
    }
}

impl Faulty {
    pub fn new(clock: Arc<ManualClock>, dice: Arc<Dice>, hosts: BTreeMap<String, Host>) -> Self {
        let (faults, nested) = (Mutex::default(), OnceLock::new());
        let (requests, healed) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { clock, dice, hosts: Mutex::new(hosts), faults, nested, requests, healed }
    }

    /// How the adapter makes calls of its own.
    pub fn nest(&self, nested: Nested) {
        assert!(self.nested.set(nested).is_ok());
    }

    /// Nothing goes wrong from here on.
    pub fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        self.hosts.lock().values_mut().for_each(|host| host.restarts.clear());
    }

    pub fn fault(&self, tool: &str, nonce: &str) -> Fault {
        self.faults.lock().get(&(tool.to_owned(), nonce.to_owned())).cloned().unwrap_or_default()
    }

    pub fn host(&self, name: &str) -> Host {
        self.hosts.lock()[name].clone()
    }

    fn what_goes_wrong(&self) -> Kind {
        if self.healed.load(Ordering::Relaxed) {
            return Kind::Nothing;
        }
        match self.dice.below(100) {
            0..6 => Kind::NotSent,
            6..11 => Kind::LostBefore,
            11..16 => Kind::LostAfter,
            16..22 => Kind::TooMany(self.dice.percent(60).then(|| self.dice.below(12_000))),
            22..26 => Kind::HalfAnswer,
            26..32 => Kind::Broken { effect: self.dice.percent(50) },
            32..37 => Kind::TimedOut { effect: self.dice.percent(50) },
            37..43 => Kind::Twice,
            43..45 => Kind::Unauthorised,
            45..47 => Kind::Refused,
            47..50 => Kind::ToolFailed,
            _ => Kind::Nothing,
        }
    }

    async fn request(&self, server: &str, name: &str, nonce: &str, context: Option<&CallContext>) -> Attempted {
        let kind = self.what_goes_wrong();
        let call = (name.to_owned(), nonce.to_owned());
        let now = self.clock.monotonic();
        let (down, restart) = {
            let mut hosts = self.hosts.lock();
            let host = hosts.get_mut(server).unwrap();
            host.times.push(now);
            host.running += 1;
            host.running_max = host.running_max.max(host.running);
            (host.down(now).is_some(), host.next_restart(now))
        };
        self.faults.lock().entry(call.clone()).or_default().attempts += 1;
        let mut under = Under { faulty: self, server, call, sent: false, pending: true };
        if down || kind == Kind::NotSent {
            self.clock.sleep(ms(self.dice.below(50))).await;
            let error = CallError::Unavailable(format!("`{server}` is not there"));
            return Attempted::unsent(error);
        }
        under.sent = true;
        self.faults.lock().entry(under.call.clone()).or_default().sent += 1;
        let work = async {
            if let (Some(context), "nest", Some(nested)) = (context, server, self.nested.get())
                && context.run.depth < 3
            {
                let mut run = (*context.run).clone();
                run.depth += 1;
                let paid = Budget::new(run.limits.clone(), None).take_call().unwrap();
                let below = CallContext::new(Arc::new(run), &paid, Means::default());
                let to = ["a", "b", "nest", "domain:shop"][self.dice.below(4) as usize].to_owned();
                let nonce = format!("any-{}", self.dice.below(5));
                nested(to, "find", nonce, below).await;
            }
            self.work(kind, &mut under).await
        };
        let until_restart = self.clock.sleep(restart.saturating_sub(now));
        let result = match futures::future::select(std::pin::pin!(work), until_restart).await {
            futures::future::Either::Left((result, _)) => result,
            futures::future::Either::Right(_) => Err(CallError::OutcomeUnknown(format!("`{server}` restarted"))),
        };
        let freshness = match self.dice.below(10) {
            0 => Some(Freshness { ttl: ms(self.dice.below(5_000)), shared: self.dice.percent(50) }),
            _ => None,
        };
        Attempted {
            fuel_used: self.dice.below(10),
            freshness,
            ..Attempted::of(result.map(|json| ToolResult { json, is_error: false }), true)
        }
    }

    async fn work(&self, kind: Kind, under: &mut Under<'_>) -> Result<String, CallError> {
        let takes = |most| self.clock.sleep(ms(self.dice.below(most)));
        takes(400).await;
        let has_effect = match kind {
            Kind::LostBefore | Kind::TooMany(_) | Kind::Unauthorised | Kind::Refused => false,
            Kind::Broken { effect } | Kind::TimedOut { effect } => effect,
            _ => true,
        };
        under.pending = false;
        if has_effect {
            under.effect();
        }
        takes(if self.dice.percent(5) { 20_000 } else { 400 }).await;
        match kind {
            Kind::LostBefore | Kind::LostAfter => Err(CallError::OutcomeUnknown("the connection was lost".to_owned())),
            Kind::TooMany(wait_ms) => Err(CallError::RateLimited(wait_ms)),
            Kind::HalfAnswer => Err(CallError::InvalidResponse("the answer ends in the middle".to_owned())),
            Kind::Broken { .. } => {
                Err(CallError::Rejected(RpcError { code: -32603, message: "broken".to_owned(), data: None }))
            }
            Kind::TimedOut { .. } => {
                self.clock.sleep(secs(30)).await;
                Err(CallError::TimedOut("no answer within 30 s".to_owned()))
            }
            Kind::Unauthorised => Err(CallError::AuthRequired("log in".to_owned())),
            Kind::Refused => Err(CallError::Rejected(RpcError { code: -32602, message: "no".to_owned(), data: None })),
            Kind::ToolFailed => Err(CallError::Failed(ToolResult { json: "{}".to_owned(), is_error: true })),
            Kind::Nothing | Kind::NotSent | Kind::Twice => {
                let (tool, nonce) = &under.call;
                let answer = serde_json::json!({"nonce": nonce, "tool": tool}).to_string();
                // The answer comes under the request's number, and who asked takes his own.
                let request = self.requests.fetch_add(1, Ordering::Relaxed);
                let mut hosts = self.hosts.lock();
                let mail = &mut hosts.get_mut(under.server).unwrap().mail;
                for _ in 0..if kind == Kind::Twice { 2 } else { 1 } {
                    mail.push((request, answer.clone()));
                }
                let at = mail.iter().position(|(of, _)| *of == request).unwrap();
                Ok(mail.remove(at).1)
            }
        }
    }
}

impl Backend for Faulty {
    fn member(&self, name: &str) -> Option<Member> {
        self.members().into_iter().find(|member| *member.name == *name)
    }

    fn members(&self) -> Vec<Member> {
        let now = self.clock.monotonic();
        let member = |(name, host): (&String, &Host)| Member {
            name: name.as_str().into(),
            route: host.route.clone(),
            health: if host.down(now).is_some() { Health::Failed } else { Health::Ready },
            is_starting: false,
            error: None,
        };
        self.hosts.lock().iter().map(member).collect()
    }

    fn resolve<'a>(&'a self, server: &'a str, tool: &'a str) -> BoxFuture<'a, Result<Arc<Tool>, CallError>> {
        Box::pin(async move {
            let hosts = self.hosts.lock();
            let tool = hosts.get(server).and_then(|host| host.tools.iter().find(|found| found.name == tool));
            tool.cloned().ok_or_else(|| CallError::UnknownTool(vec![]))
        })
    }

    fn attempt<'a>(&'a self, tool: &'a Tool, call: &'a Call, context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(async move {
            let args: serde_json::Value = serde_json::from_str(&call.args).unwrap();
            self.request(&tool.server, &tool.name, args["nonce"].as_str().unwrap(), Some(context)).await
        })
    }

    fn attempt_query<'a>(&'a self, query: &'a Query, _context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(self.request(&query.server, "query", &query.name, None))
    }

    fn list_of<'a>(&'a self, server: &'a str, kind: ListKind) -> BoxFuture<'a, Result<List, CallError>> {
        Box::pin(async move {
            let Attempted { result, freshness, .. } = self.request(server, "list", kind.method(), None).await;
            result.map(|_| List {
                items: vec![Listed { server: server.to_owned(), item: Default::default() }],
                freshness,
            })
        })
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(async move { self.hosts.lock().values().flat_map(|host| host.tools.clone()).collect() })
    }

    fn wait_ready<'a>(&'a self, server: &'a str, patience: Duration) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(async move {
            let now = self.clock.monotonic();
            let up = self.host(server).down(now).unwrap_or(now);
            if up - now > patience {
                self.clock.sleep(patience).await;
                return Err(CallError::Unavailable(format!("`{server}` is not back")));
            }
            self.clock.sleep(up - now).await;
            Ok(())
        })
    }
}
