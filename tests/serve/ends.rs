//! How a connection of lines ends: what is worked on then is answered, or said to be cancelled.

use super::{LEGACY, place, serve};
use crate::support::{Ended, Place, Running, SOON, eventually};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Instant;

fn call(id: u32, name: &str, arguments: Value, meta: Value) -> Value {
    let mut meta = meta;
    meta["progressToken"] = json!(name);
    let params = json!({"name": name, "arguments": arguments, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

/// What a client before 2026-07-28 says first.
fn beginning() -> [Value; 2] {
    let info = json!({"name": "pipe", "version": "1"});
    let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": info});
    [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ]
}

/// What each request of 2026-07-28 says.
fn stateless() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// Says all of it and closes its end, as `printf … | tollgate serve` does: what came.
fn piped(place: &Place, expose: &str, messages: &[Value]) -> Vec<Value> {
    let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let mut command = place.tollgate(["--config", "tollgate.json", "serve", "--expose", expose]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap()).expect(0);
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn answer(said: &[Value], id: u32) -> &Value {
    said.iter().find(|m| m["id"] == id && m.get("method").is_none()).unwrap_or_else(|| panic!("no {id}: {said:#?}"))
}

fn is_progress(message: &Value) -> bool {
    message["method"] == "notifications/progress"
}

#[test]
fn what_is_worked_on_when_the_client_closes_its_end_is_answered() {
    let [begin, begun] = beginning();
    let echo = call(2, "echo__echo", json!({"text": "last words"}), json!({}));
    let tells = call(3, "fixture__test_tool_with_progress", json!({}), json!({}));
    let said = piped(&place(), "all", &[begin, begun, echo, tells]);
    assert!(answer(&said, 2)["result"].to_string().contains("last words"));
    assert!(answer(&said, 3).get("result").is_some(), "{said:#?}");
    assert_eq!(said.iter().filter(|m| is_progress(m)).count(), 3, "{said:#?}");
}

#[test]
fn the_only_request_of_a_client_without_a_session_is_answered() {
    let said = piped(&place(), "all", &[call(1, "fixture__test_tool_with_progress", json!({}), stateless())]);
    assert!(answer(&said, 1).get("result").is_some(), "{said:#?}");
    assert_eq!(said.iter().filter(|m| is_progress(m)).count(), 3, "{said:#?}");
}

#[test]
fn what_a_client_without_a_session_asked_is_said_to_be_cancelled() {
    let code = "await sleep(60000)";
    let script = call(1, "execute_code", json!({"language": "javascript", "code": code}), stateless());
    let began = Instant::now();
    let said = piped(&place(), "meta", &[script]);
    assert!(answer(&said, 1).to_string().contains("cancelled"), "{said:#?}");
    assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
}

#[test]
fn subscriptions_end_with_the_connection() {
    let params = json!({"notifications": {"toolsListChanged": true}, "_meta": stateless()});
    let listen = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params});
    let said = piped(&place(), "all", &[listen]);
    assert_eq!(said[0]["method"], "notifications/subscriptions/acknowledged", "{said:#?}");
    assert!(answer(&said, 1).get("result").is_some(), "{said:#?}");
}

#[test]
fn what_goes_on_and_on_is_given_up_though_it_tells_of_its_progress() {
    let code = "for (let n = 1;; n++) { progress(n); await sleep(100) }";
    let script = call(2, "execute_code", json!({"language": "javascript", "code": code}), json!({}));
    let [begin, begun] = beginning();
    let began = Instant::now();
    let said = piped(&place(), "meta", &[begin, begun, script]);
    let refused = answer(&said, 2)["error"]["message"].as_str().unwrap_or_else(|| panic!("{said:#?}"));
    assert_eq!(refused, "cancelled: the connection ends");
    assert!(said.iter().filter(|m| is_progress(m)).count() > 10, "{said:#?}");
    // It is given five seconds, counted once.
    assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
}

#[test]
fn at_the_stop_what_is_worked_on_is_answered_or_said_to_be_cancelled() {
    let place = place();
    let mut command = place.tollgate(["--config", "tollgate.json", "serve", "--expose", "all"]);
    command.stdin(Stdio::piped());
    let mut host = Running::start(command);
    let mut stdin = host.0.stdin.take().unwrap();
    let mut said = BufReader::new(host.0.stdout.take().unwrap()).lines();
    let [begin, begun] = beginning();
    let log = place.work().join("stuck.log");
    for message in [begin, begun, call(2, "stuck__echo", json!({"text": "x"}), json!({}))] {
        writeln!(stdin, "{message}").unwrap();
    }
    eventually("it is called", || std::fs::read_to_string(&log).is_ok_and(|text| !text.is_empty()).then_some(()));
    host.signal("-TERM");
    let answer = loop {
        let message: Value = serde_json::from_str(&said.next().expect("an answer").unwrap()).unwrap();
        if message["id"] == 2 {
            break message;
        }
    };
    assert_eq!(answer["error"]["message"], "cancelled: the connection ends", "{answer:#}");
    assert_eq!(eventually("it ends", || host.0.try_wait().unwrap()).code(), Some(0));
    drop(stdin);
}

#[test]
fn what_is_told_at_the_stop_holds_up_no_answer() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    // It tells when the host has long been told to stop, and ends within the time that it is given.
    let code = "console.log('begun'); await sleep(700); progress(50); await sleep(100); 'done'";
    let params = json!({"name": "execute_code", "arguments": {"language": "javascript", "code": code},
        "_meta": {"progressToken": "p"}});
    let id = agent.begin("tools/call", params);
    while !agent.message(SOON).is_some_and(|message| is_progress(&message)) {}
    agent.signal("-TERM");
    let answer = agent.answer(id);
    assert!(answer.to_string().contains("done"), "{answer:#}");
    assert_eq!(agent.close(), 0);
}
