//! Ten thousand random scripts of calls against servers that fail in every way, in virtual time, held against what must be
//! true of each call.

mod faulty;

use crate::support::{ANN, BOB, Who, context, ms, secs};
use faulty::{Dice, Fault, Faulty, Host};
use futures::executor::LocalPool;
use futures::future::{Either, select};
use futures::task::LocalSpawnExt as _;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate_core::{
    Answer, Call, CallContext, CallError, Clock, ListKind, ManualClock, Query, QueryKind, SeededEntropy, Upstream,
};
use tollgate_route::{BreakerPolicy, CachePolicy, CacheSettings, Rate, RouteSpec, Router, RouterSettings};

/// The longest that one call may take. Four servers, each with three turns of at most a minute and its waits, behind
/// another of the same kind.
const CALL_MAX: Duration = Duration::from_secs(4 * 3 * 150 * 2);

const SERVERS: [&str; 4] = ["a", "b", "c", "nest"];

fn any_route(dice: &Dice, nests: bool) -> RouteSpec {
    let mut route = RouteSpec {
        priority: 1 + dice.below(3) as u16,
        domains: if dice.percent(75) { vec!["shop".to_owned()] } else { vec![] },
        at_once: 1 + dice.below(8) as u32,
        queue: dice.below(40) as u32,
        ..RouteSpec::default()
    };
    route.retry.max_retries = dice.below(3) as u32;
    route.retry.jitter = dice.percent(70);
    if dice.percent(30) {
        route.breaker = None;
    } else {
        let failures = 1 + dice.below(6) as u32;
        route.breaker =
            Some(BreakerPolicy { failures, open_for: secs(dice.below(40)), probes: 1 + dice.below(3) as u32 });
    }
    if !nests && dice.percent(30) {
        route.rate = Some(Rate { calls: 1 + dice.below(20) as u32, per: secs(1), burst: 1 + dice.below(5) as u32 });
    }
    if dice.percent(50) {
        let ttl = Some(secs(1 + dice.below(20)));
        route.cache = CachePolicy { tools: ttl, resources: ttl, prompts: ttl, lists: ttl };
    }
    route
}

/// What one call of a script was, and what came of it.
struct Record {
    server: String,
    tool: &'static str,
    nonce: String,
    /// Whether no other call has its arguments.
    unique: bool,
    /// `None`: it was cancelled.
    answer: Option<Answer>,
    elapsed: Duration,
}

type Records = Rc<RefCell<Vec<Record>>>;

struct World {
    clock: Arc<ManualClock>,
    faulty: Arc<Faulty>,
    router: Arc<Router<Faulty>>,
    dice: Arc<Dice>,
}

impl World {
    fn new(seed: u64) -> Self {
        crate::spans::listen();
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let dice = Arc::new(Dice::new(seed));
        let hosts = SERVERS.map(|name| (name.to_owned(), Host::new(name, any_route(&dice, name == "nest"), &dice)));
        let faulty = Arc::new(Faulty::new(clock.clone(), dice.clone(), hosts.into()));
        let cache = CacheSettings { entries: dice.below(30) as usize, bytes: 1 << 16 };
        let entropy = Arc::new(SeededEntropy::new(seed));
        let router = Arc::new(Router::new(faulty.clone(), clock.clone(), entropy, RouterSettings { cache }));
        let weak = Arc::downgrade(&router);
        faulty.nest(Box::new(move |server: String, tool: &'static str, nonce: String, context: CallContext| {
            let router = weak.upgrade();
            Box::pin(async move {
                if let Some(router) = router {
                    call(&router, &server, tool, nonce, context).await;
                }
            })
        }));
        Self { clock, faulty, router, dice }
    }

    /// One script: a few calls, one after the other.
    async fn script(self: Rc<Self>, number: u64, records: Records) {
        let dice = self.dice.clone();
        self.clock.sleep(ms(dice.below(20_000))).await;
        for step in 0..1 + dice.below(5) {
            let server = match dice.below(6) {
                at @ 0..4 => SERVERS[at as usize].to_owned(),
                4 => "domain:shop".to_owned(),
                _ => "domain:shop".to_owned(),
            };
            let tool = ["find", "put", "pay"][dice.below(3) as usize];
            let unique = tool != "find" || dice.percent(50);
            let nonce = if unique { format!("{number}-{step}") } else { format!("any-{}", dice.below(5)) };
            let who = if dice.percent(50) { ANN } else { BOB };
            let begun = self.clock.monotonic();
            let patience = if dice.percent(15) { ms(dice.below(5_000)) } else { Duration::MAX };
            let answer = {
                let calling = std::pin::pin!(call(&self.router, &server, tool, nonce.clone(), context(who)));
                match select(calling, self.clock.sleep(patience)).await {
                    Either::Left((answer, _)) => Some(answer),
                    Either::Right(_) => None,
                }
            };
            let elapsed = self.clock.monotonic() - begun;
            records.borrow_mut().push(Record { server, tool, nonce, unique, answer, elapsed });
            if dice.percent(10) {
                self.router.invalidate(None);
            }
            if dice.percent(20) {
                let at = SERVERS[dice.below(4) as usize];
                let _ = self.router.list_of(at, ListKind::Resources, context(who)).await;
                let params = r#"{"uri":"x:1"}"#.to_owned();
                let query = Query { server: at.to_owned(), kind: QueryKind::ReadResource, name: "x:1".into(), params };
                self.router.query(query, context(who)).await;
            }
            self.clock.sleep(ms(dice.below(3_000))).await;
        }
    }

    fn run_scripts(self: &Rc<Self>, scripts: u64) -> Vec<Record> {
        let records = Records::default();
        let mut pool = LocalPool::new();
        let left = Rc::new(RefCell::new(scripts));
        for number in 0..scripts {
            let (world, records, left) = (self.clone(), records.clone(), left.clone());
            let script = async move {
                world.script(number, records).await;
                *left.borrow_mut() -= 1;
            };
            pool.spawner().spawn_local(script).unwrap();
        }
        self.drive(&mut pool, || *left.borrow() == 0);
        drop(pool);
        records.take()
    }

    /// Goes on to the next moment whenever nothing else can be done.
    fn drive(&self, pool: &mut LocalPool, done: impl Fn() -> bool) {
        loop {
            pool.run_until_stalled();
            if done() {
                return;
            }
            let at = self.clock.next_wake().expect("somebody waits for what never comes");
            assert!(at < secs(24 * 3600), "a call does not end");
            self.clock.advance(at - self.clock.monotonic());
        }
    }

    fn one_call(self: &Rc<Self>, server: &str, who: Who, nonce: &str) -> Answer {
        let mut pool = LocalPool::new();
        let output = Rc::new(RefCell::new(None));
        let (world, server, nonce, into) = (self.clone(), server.to_owned(), nonce.to_owned(), output.clone());
        let calling = async move {
            let answer = call(&world.router, &server, "find", nonce, context(who)).await;
            *into.borrow_mut() = Some(answer);
        };
        pool.spawner().spawn_local(calling).unwrap();
        self.drive(&mut pool, || output.borrow().is_some());
        output.take().unwrap()
    }
}

async fn call(router: &Router<Faulty>, server: &str, tool: &str, nonce: String, context: CallContext) -> Answer {
    let candidates = match router.resolve(server, tool, &|_| true).await {
        Ok(candidates) => candidates,
        Err(error) => return Answer::refused(error),
    };
    let args = serde_json::json!({"nonce": nonce}).to_string();
    let call = Call { server: server.to_owned(), tool: tool.to_owned(), args, meta: None };
    router.call(&candidates, call, context).await
}

/// What must be true of one call.
fn check(seed: u64, record: &Record, fault: &Fault) {
    let Record { server, tool, nonce, unique, answer, elapsed } = record;
    let at = format!("seed {seed}: {server} {tool} {nonce} {answer:?} {fault:?}");
    assert!(*elapsed <= CALL_MAX, "it took {elapsed:?}: {at}");
    if *tool == "pay" {
        assert!(fault.effects <= 1, "it had its effect twice: {at}");
    }
    let Some(answer) = answer else { return };
    if let Ok(result) = &answer.result {
        let value: serde_json::Value = serde_json::from_str(&result.json).unwrap();
        assert_eq!(value["nonce"], **nonce, "it is another's answer: {at}");
        assert_eq!(value["tool"], *tool, "{at}");
        assert!(answer.cached || answer.attempts > 0, "{at}");
    }
    let names_domain = server.starts_with("domain:");
    assert!(names_domain || answer.tries.len() != 1, "{at}");
    assert!(
        answer.tries.len() >= answer.attempts as usize || (answer.tries.is_empty() && answer.attempts == 1),
        "{at}"
    );
    if !unique {
        return;
    }
    assert_eq!(answer.attempts, fault.sent, "{at}");
    match answer.tries.len() {
        0 => assert!(fault.attempts <= 1, "{at}"),
        tries => assert!(fault.attempts as usize <= tries, "{at}"),
    }
    match &answer.result {
        Ok(_) => assert!(fault.effects >= 1 && !answer.cached, "{at}"),
        // Nothing happened, as far as the caller is told.
        Err(CallError::Unavailable(_) | CallError::Overloaded) if *tool == "pay" => {
            assert_eq!((fault.effects, answer.attempts), (0, 0), "{at}");
        }
        Err(_) if answer.attempts == 0 => assert_eq!(fault.effects, 0, "{at}"),
        Err(_) => {}
    }
}

/// One world with so many scripts. Gives what makes two worlds differ.
fn simulate(seed: u64, scripts: u64) -> String {
    let world = Rc::new(World::new(seed));
    let records = world.run_scripts(scripts);
    for record in &records {
        check(seed, record, &world.faulty.fault(record.tool, &record.nonce));
    }
    for status in world.router.statuses() {
        let host = world.faulty.host(&status.server);
        assert_eq!((status.in_flight, status.queued), (0, 0), "seed {seed}: {status:?}");
        assert_eq!(status.attempts, host.times.len() as u64, "seed {seed}: {status:?}");
        assert!(host.running_max <= host.route.at_once, "seed {seed}: {}", status.server);
        if let Some(rate) = &host.route.rate {
            let interval = rate.per / rate.calls;
            for pair in host.times.windows(rate.burst as usize + 1) {
                assert!(pair[pair.len() - 1] - pair[0] >= interval, "seed {seed}: {} {pair:?}", status.server);
            }
        }
    }
    // Whatever happened, a server that works again is called again.
    world.faulty.heal();
    world.clock.advance(secs(3600));
    for server in SERVERS {
        for again in 0..3 {
            let answer = world.one_call(server, ANN, &format!("last-{again}"));
            assert!(answer.result.is_ok(), "seed {seed}: {server} {answer:?}");
        }
    }
    let told = records.iter().map(|r| format!("{} {} {:?} {:?}\n", r.server, r.nonce, r.elapsed, r.answer));
    told.collect()
}

#[test]
fn ten_thousand_scripts_keep_the_promises() {
    let mut outcomes = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..100 {
        let told = simulate(seed, 100);
        for word in
            ["Ok(", "OutcomeUnknown", "TimedOut", "RateLimited", "Unavailable", "Overloaded", "cached: true", "None\n"]
        {
            *outcomes.entry(word).or_default() += u32::from(told.contains(word));
        }
    }
    // A simulation in which nothing goes wrong proves nothing.
    assert!(outcomes.values().all(|worlds| *worlds >= 10), "{outcomes:?}");
}

#[test]
fn equal_seeds_give_equal_courses() {
    for seed in [3, 44] {
        assert!(simulate(seed, 60) == simulate(seed, 60), "seed {seed}");
    }
    assert!(simulate(3, 60) != simulate(44, 60));
}
