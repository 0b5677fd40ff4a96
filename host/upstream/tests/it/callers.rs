//! Several principals on one stream: nobody is asked or told what may be about another's call.

use crate::support::*;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tollgate_core::{
    Ask, BoxFuture, Call, CallContext, Client, ManualClock, Notice, RpcError, SeededEntropy, SystemClock, Tool,
};
use tollgate_route::{Attempted, Backend};
use tollgate_upstream::{Fleet, FleetOptions, ServerSpec, Transport};

/// An agent's client, whose person accepts everything.
#[derive(Debug, Default)]
struct Person {
    agent: &'static str,
    asked: Mutex<Vec<Ask>>,
    told: Mutex<Vec<Notice>>,
}

impl Client for Person {
    fn agent(&self) -> &str {
        self.agent
    }

    fn capabilities(&self) -> &str {
        r#"{"elicitation":{"form":{}},"sampling":{},"roots":{}}"#
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<String, RpcError>> {
        self.asked.lock().push(ask);
        Box::pin(async { Ok(json!({"action": "accept", "content": {}}).to_string()) })
    }

    fn tell(&self, notice: Notice) {
        self.told.lock().push(notice);
    }
}

fn person(agent: &'static str) -> Arc<Person> {
    Arc::new(Person { agent, ..Person::default() })
}

/// A server of 2025-06-18 on one stream. The test answers its calls, and asks, by hand.
struct World {
    fleet: Arc<Fleet>,
    tool: Arc<Tool>,
    heard: mpsc::UnboundedReceiver<Value>,
    say: mpsc::UnboundedSender<String>,
    clock: Option<Arc<ManualClock>>,
}

async fn world(stands_still: bool) -> World {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (say, mut said) = mpsc::unbounded_channel::<String>();
    let (hear, heard) = mpsc::unbounded_channel();
    let (read, mut write) = tokio::io::split(theirs);
    let answers = say.clone();
    tokio::spawn(async move {
        while let Some(text) = said.recv().await {
            write.write_all(text.as_bytes()).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let result = match message["method"].as_str() {
                Some("server/discover") => {
                    let error = json!({"code": -32601, "message": "?"});
                    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "error": error});
                    answers.send(format!("{answer}\n")).unwrap();
                    continue;
                }
                Some("initialize") => {
                    json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}, "logging": {}},
                    "serverInfo": {"name": "s", "version": "1"}})
                }
                Some("tools/list") => json!({"tools": [{"name": "work", "inputSchema": {"type": "object"}}]}),
                Some(method) if method.starts_with("notifications/") => continue,
                _ => {
                    // The test may be over.
                    let _ = hear.send(message);
                    continue;
                }
            };
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            answers.send(format!("{answer}\n")).unwrap();
        }
    });
    let entropy = Arc::new(SeededEntropy::new(1));
    let options = FleetOptions { has_clients: true, ..FleetOptions::default() };
    let clock = stands_still.then(|| Arc::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH)));
    let fleet = match &clock {
        Some(clock) => Fleet::with_options(clock.clone(), entropy, options),
        None => Fleet::with_options(Arc::new(SystemClock::default()), entropy, options),
    };
    fleet.add_server(ServerSpec::new("s", Transport::stream(ours))).unwrap();
    let tool = fleet.resolve("s", "work").await.unwrap();
    World { fleet: Arc::new(fleet), tool, heard, say, clock }
}

/// A call that is under way.
struct Underway {
    task: tokio::task::JoinHandle<Attempted>,
    id: Value,
}

impl World {
    /// Begins a call, and waits until the server has it.
    async fn call(&mut self, client: Option<&Arc<Person>>) -> Underway {
        let mut context: CallContext = context();
        Arc::get_mut(&mut context.run).unwrap().client = client.map(|client| client.clone() as Arc<dyn Client>);
        let (fleet, tool) = (self.fleet.clone(), self.tool.clone());
        let call = Call::new("s:work".parse().unwrap(), "{}");
        let task = tokio::spawn(async move { fleet.attempt(&tool, &call, &context).await });
        let heard = self.next().await;
        assert_eq!(heard["method"], "tools/call", "{heard}");
        Underway { task, id: heard["id"].clone() }
    }

    async fn next(&mut self) -> Value {
        tokio::time::timeout(SOON, self.heard.recv()).await.unwrap().unwrap()
    }

    /// Sends messages in one piece.
    fn say(&self, messages: &[Value]) {
        let text: String = messages.iter().map(|message| format!("{message}\n")).collect();
        self.say.send(text).unwrap();
    }

    /// Asks, and gives what the host says to that.
    async fn ask(&mut self, question: Value) -> Value {
        self.say(&[question]);
        self.next().await
    }
}

fn question(method: &str) -> Value {
    let params = json!({"mode": "form", "message": "Delete account of ALICE's customer?", "maxTokens": 10, "messages": [],
        "requestedSchema": {"type": "object", "properties": {}}});
    json!({"jsonrpc": "2.0", "id": format!("q-{method}"), "method": method, "params": params})
}

fn answer_to(underway: &Underway) -> Value {
    json!({"jsonrpc": "2.0", "id": underway.id, "result": {"content": []}})
}

const ELICIT: &str = "elicitation/create";

#[tokio::test]
async fn a_question_while_a_call_without_a_client_is_in_flight_reaches_nobody() {
    let mut world = world(false).await;
    let bob = person("bob");
    // Alice calls by REST, Bob by MCP, in both orders.
    for alice_is_first in [true, false] {
        let first = world.call((!alice_is_first).then_some(&bob)).await;
        let second = world.call(alice_is_first.then_some(&bob)).await;
        for method in [ELICIT, "sampling/createMessage"] {
            let said = world.ask(question(method)).await;
            assert!(said["error"]["message"].as_str().unwrap().contains("cannot be answered"), "{said}");
        }
        let log = json!({"level": "info", "data": "ALICE's customer"});
        world.say(&[
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": log}),
            answer_to(&first),
            answer_to(&second),
        ]);
        for underway in [first, second] {
            assert!(underway.task.await.unwrap().result.is_ok());
        }
    }
    assert!(bob.asked.lock().is_empty() && bob.told.lock().is_empty(), "{bob:?}");

    // Alone he is asked and told.
    let alone = world.call(Some(&bob)).await;
    let said = world.ask(question(ELICIT)).await;
    assert_eq!(said["result"]["action"], "accept", "{said}");
    world.say(&[json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}})]);
    world.say(&[answer_to(&alone)]);
    alone.task.await.unwrap();
    assert_eq!((bob.asked.lock().len(), bob.told.lock().len()), (1, 1));
}

#[tokio::test]
async fn a_question_belongs_to_the_calls_that_were_in_flight_when_it_was_read() {
    let mut world = world(false).await;
    let (alice, bob) = (person("alice"), person("bob"));
    for client in [Some(&alice), None] {
        for _ in 0..20 {
            let (hers, his) = (world.call(client).await, world.call(Some(&bob)).await);
            // Her call is over when anybody looks at the question.
            world.say(&[question(ELICIT), answer_to(&hers)]);
            let said = world.next().await;
            assert!(said["error"].is_object(), "{said}");
            world.say(&[answer_to(&his)]);
            hers.task.await.unwrap();
            his.task.await.unwrap();
        }
    }
    assert!(bob.asked.lock().is_empty() && alice.asked.lock().is_empty());
}

#[tokio::test]
async fn a_call_that_was_given_up_counts_for_others_as_if_it_were_in_flight() {
    let mut world = world(true).await;
    let (alice, bob) = (person("alice"), person("bob"));
    let given_up = world.call(Some(&bob)).await;
    given_up.task.abort();
    let own = world.call(Some(&bob)).await;
    let said = world.ask(question(ELICIT)).await;
    assert_eq!(said["result"]["action"], "accept", "what he gave up is his own: {said}");
    world.say(&[answer_to(&own)]);
    own.task.await.unwrap();

    for client in [Some(&alice), None] {
        let given_up = world.call(client).await;
        given_up.task.abort();
        assert!(given_up.task.await.is_err());
        let his = world.call(Some(&bob)).await;
        let said = world.ask(question(ELICIT)).await;
        assert!(said["error"].is_object(), "{said}");
        world.say(&[answer_to(&his)]);
        his.task.await.unwrap();
    }
    assert_eq!(bob.asked.lock().len(), 1);

    // Not for ever: a person's patience later the server does not go on with it.
    world.clock.as_ref().unwrap().advance(Duration::from_secs(601));
    let his = world.call(Some(&bob)).await;
    let said = world.ask(question(ELICIT)).await;
    assert_eq!(said["result"]["action"], "accept", "{said}");
    world.say(&[answer_to(&his)]);
    his.task.await.unwrap();
}

#[tokio::test]
async fn what_came_after_a_refused_question_is_not_for_others_either() {
    let mut world = world(false).await;
    let plain = world.call(None).await;
    world.say(&[answer_to(&plain)]);
    assert!(!plain.task.await.unwrap().personal);
    let asked = world.call(None).await;
    // In one piece: the question is noted before the answer is handed on.
    world.say(&[question(ELICIT), answer_to(&asked)]);
    assert!(asked.task.await.unwrap().personal);
}
