//! Routing over servers that fail at random, over real pipes and sockets: no effect happens twice that must not, nobody gets
//! another's answer, every call ends, and nothing is left behind.

use crate::support::*;
use futures::StreamExt as _;
use futures::stream;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate_core::{Answer, BoxFuture, Call, CallError, Clock, SeededEntropy, SystemClock, Upstream};
use tollgate_route::{BreakerPolicy, RetryPolicy, RouteSpec, Router, RouterSettings};
use tollgate_upstream::{Fleet, ServerSpec, Transport};

const CALLS: usize = 300;
const AT_ONCE: usize = 24;
/// How often a caller comes again whose call was not taken up.
const PERSISTENCE: usize = 20;

/// The machine's clock, so many times as fast: pauses after failures are what takes time here.
struct Fast(SystemClock);

const SPEED: u32 = 10;

impl Clock for Fast {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic() * SPEED
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration / SPEED)
    }
}

/// The server over HTTP; it ends with the test.
struct Web(Child);

impl Web {
    fn start(seed: &str, record: &Path) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate-fault-server"))
            .args(["http", seed, record.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        (Self(child), format!("http://127.0.0.1:{}/", port.trim()))
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn routed(spec: ServerSpec) -> ServerSpec {
    let route = RouteSpec {
        domains: vec!["things".into()],
        at_once: 8,
        retry: RetryPolicy { max_retries: 3, first_delay: Duration::from_millis(100), ..RetryPolicy::default() },
        breaker: Some(BreakerPolicy { open_for: Duration::from_secs(2), ..BreakerPolicy::default() }),
        ..RouteSpec::default()
    };
    ServerSpec { route, call_timeout: Duration::from_secs(5), connect_timeout: Duration::from_secs(60), ..spec }
}

/// What became of one call.
struct Done {
    tool: &'static str,
    nonce: String,
    /// `None` where the caller gave it up.
    answer: Option<Answer>,
}

async fn one(
    router: &Router<Fleet>,
    server: &str,
    tool: &'static str,
    nonce: String,
    patience: Option<Duration>,
) -> Done {
    let call = async {
        let candidates = match router.resolve(server, tool, &|_| true).await {
            Ok(candidates) => candidates,
            Err(error) => return Answer::refused(error),
        };
        let args = json!({"nonce": nonce}).to_string();
        let call = Call { server: server.to_owned(), tool: tool.to_owned(), args, meta: None };
        for _ in 0..PERSISTENCE {
            let answer = router.call(&candidates, call.clone(), context()).await;
            // Nothing was done, so whoever wants it done comes again.
            if !matches!(answer.result, Err(CallError::Unavailable(_))) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        router.call(&candidates, call, context()).await
    };
    let answer = match patience {
        Some(patience) => tokio::time::timeout(patience, call).await.ok(),
        None => Some(call.await),
    };
    Done { tool, nonce, answer }
}

/// Makes random calls of servers that fail as `seed` says. Gives how the calls ended, by outcome.
async fn storm(seed: u64) -> BTreeMap<&'static str, usize> {
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str| folder.path().join(name);
    let clock = Arc::new(Fast(SystemClock::default()));
    let entropy = Arc::new(SeededEntropy::new(seed));
    let fleet = Arc::new(Fleet::new(clock.clone(), entropy.clone()));
    let (web, url) = Web::start(&format!("{seed}3"), &record("web"));
    fleet.add_server(routed(faulty("pipe-a", &format!("{seed}1"), &record("pipe-a")))).unwrap();
    fleet.add_server(routed(faulty("pipe-b", &format!("{seed}2"), &record("pipe-b")))).unwrap();
    fleet.add_server(routed(ServerSpec::new("web", Transport::http(url)))).unwrap();
    assert_eq!(fleet.wait_ready(&["pipe-a", "pipe-b", "web"]).await, []);
    let router = Router::new(fleet.clone(), clock, entropy, RouterSettings::default());

    let mut random = StdRng::seed_from_u64(seed);
    let calls: Vec<_> = (0..CALLS)
        .map(|i| {
            let server = ["pipe-a", "pipe-b", "web", "domain:things"][random.random_range(0..4)];
            let tool = ["add_once", "add_once", "set", "get"][random.random_range(0..4)];
            let patience = random.random_ratio(1, 20).then(|| Duration::from_millis(random.random_range(0..8)));
            one(&router, server, tool, format!("{seed}-{i}"), patience)
        })
        .collect();
    let all = stream::iter(calls).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let done = tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    fleet.shutdown().await;
    drop(web);

    let (mut effects, mut faults, mut pids) = (HashMap::<String, usize>::new(), 0, Vec::new());
    for name in ["pipe-a", "pipe-b", "web"] {
        pids.extend(started(&record(name)));
        for line in lines(&record(name)) {
            match line.split_once(' ') {
                Some(("effect", nonce)) => *effects.entry(nonce.to_owned()).or_default() += 1,
                Some(("fault", _)) => faults += 1,
                _ => {}
            }
        }
    }
    let mut outcomes = BTreeMap::new();
    for Done { tool, nonce, answer } in &done {
        let effects = effects.get(nonce).copied().unwrap_or(0);
        assert!(effects <= 1, "{nonce}: {effects} effects of {tool}: {answer:?}");
        let Some(answer) = answer else { continue };
        let outcome = answer.result.as_ref().map_or_else(|error| error.outcome().as_str(), |_| "ok");
        *outcomes.entry(outcome).or_default() += 1;
        match &answer.result {
            Ok(result) => {
                let json: Value = serde_json::from_str(&result.json).unwrap();
                let told = &json["structuredContent"];
                assert_eq!((told["tool"].as_str(), told["nonce"].as_str()), (Some(*tool), Some(nonce.as_str())));
                assert_eq!(effects, usize::from(*tool == "add_once"), "{nonce}: an answer tells of what was done");
            }
            Err(CallError::Unavailable(_) | CallError::RateLimited(_) | CallError::Overloaded) => {
                assert_eq!(effects, 0, "{nonce}: {answer:?}");
            }
            Err(_) => assert!(answer.attempts > 0 || effects == 0, "{nonce}: {answer:?}"),
        }
    }
    assert!(faults > CALLS / 8, "there was something to withstand: {faults}");
    #[cfg(target_os = "linux")]
    for pid in pids {
        eventually(|| Some(()).filter(|()| !is_alive(&pid))).await;
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_effect_happens_twice_and_no_answer_goes_astray_whatever_fails() {
    for seed in 1..=5 {
        let outcomes = storm(seed).await;
        assert!(outcomes["ok"] > CALLS / 2, "seed {seed}: {outcomes:?}");
    }
}

#[tokio::test]
async fn a_call_that_does_no_harm_twice_is_sent_again_over_the_next_connection() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let clock = Arc::new(SystemClock::default());
    let entropy = Arc::new(SeededEntropy::new(1));
    let fleet = Arc::new(Fleet::new(clock.clone(), entropy.clone()));
    fleet.add_server(evil("bad", "dies-once", mark.to_str().unwrap())).unwrap();
    let router = Router::new(fleet.clone(), clock, entropy, RouterSettings::default());
    let tools = router.resolve("bad", "read", &|_| true).await.unwrap();
    let call = Call { server: "bad".into(), tool: "read".into(), args: r#"{"text": "hi"}"#.into(), meta: None };
    let answer = router.call(&tools, call, context()).await;
    assert!(answer.result.is_ok() && answer.attempts == 2, "{answer:?}");
    fleet.shutdown().await;
}
