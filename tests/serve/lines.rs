//! Connections of lines: what is no message, what is too long or too much, a client that does not read, 2026-07-28.

use super::{place, serve};
use crate::support::mcp::text;
use crate::support::{SOON, eventually};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

/// The identity and code of an error, and what it says.
type Refusal<'a> = (Value, i32, &'a str);

#[test]
fn one_bad_message_never_ends_the_server_and_is_told_what_is_wrong_with_it() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let no_message = "this is not a message of MCP: ";
    let deep = format!(r#"{{"deep":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let too_deep = format!(r#"{{"jsonrpc":"2.0","id":102,"method":"x","params":{deep}}}"#);
    // What is sent, and what comes back, if anything does.
    let cases: [(&str, Option<Refusal<'_>>); 22] = [
        ("", None),
        ("not json", None),
        (&deep, Some((Value::Null, -32600, no_message))),
        (r#"{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{}}"#, None),
        ("{}", Some((Value::Null, -32600, no_message))),
        ("[]", Some((Value::Null, -32600, "no batch"))),
        ("null", Some((Value::Null, -32600, "not an object"))),
        (r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#, Some((Value::Null, -32600, "`id` is neither"))),
        (r#"{"jsonrpc":"2.0","id":90,"metho":"ping"}"#, Some((json!(90), -32600, "no `method`"))),
        (r#"{"jsonrpc":"1.0","id":"x","method":"ping"}"#, Some((json!("x"), -32600, "not \"2.0\""))),
        (
            r#"{"jsonrpc":"2.0","id":91,"method":"no/such/method"}"#,
            Some((json!(91), -32601, "there is no method `no/such/method`")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":92,"method":"tools/call","params":{"name":7}}"#,
            Some((json!(92), -32602, "the params of tools/call do not fit: invalid type: integer `7`")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":93,"method":"tools/call"}"#,
            Some((json!(93), -32602, "the params of tools/call do not fit: there are none")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":94,"method":"tools/call","params":{"nam":"x"}}"#,
            Some((json!(94), -32602, "missing field `name`")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":95,"method":"tools/call","params":{"name":"x","arguments":[]}}"#,
            Some((json!(95), -32602, "expected a map")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":96,"method":"tools/call","params":{"name":"x","_meta":5}}"#,
            Some((json!(96), -32600, "the `_meta` of its `params` is not")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":97,"method":"resources/read","params":{"url":"x"}}"#,
            Some((json!(97), -32602, "the params of resources/read do not fit: missing field `uri`")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":98,"method":"logging/setLevel","params":{"level":"loud"}}"#,
            Some((json!(98), -32602, "unknown variant `loud`")),
        ),
        (
            r#"{"jsonrpc":"2.0","id":99,"method":"tools/list","params":{"cursor":"nonsense"}}"#,
            Some((json!(99), -32602, "the cursor is none of ours")),
        ),
        (
            // Text that was cut within an emoji, as JavaScript writes it.
            r#"{"jsonrpc":"2.0","id":101,"method":"tools/call","params":{"name":"x","arguments":{"a":"\ud83d"}}}"#,
            Some((json!(101), -32700, "cannot be read: unexpected end of hex escape")),
        ),
        (&too_deep, Some((json!(102), -32700, "recursion limit"))),
        (
            r#"{"jsonrpc":"2.0","id":100,"method":"tools/list","params":[1]}"#,
            Some((json!(100), -32600, "its `params` are not an object")),
        ),
    ];
    for (line, wanted) in cases {
        agent.send_raw(line);
        let Some((id, code, says)) = wanted else { continue };
        let answer = loop {
            let message = agent.message(SOON).unwrap_or_else(|| panic!("no answer to {line}"));
            if message.get("error").is_some() {
                break message;
            }
        };
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{line}: {answer:#}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(says), "{line}: {answer:#}");
    }
    assert!(text(&agent.call("echo__echo", json!({"text": "still here"}))).contains("still here"));
}

#[test]
fn a_message_over_the_limit_is_refused_and_the_next_is_answered() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let long = "x".repeat(16 << 20);
    agent.begin("tools/call", json!({"name": "echo__echo", "arguments": {"text": long}}));
    let next = agent.begin("ping", json!({}));
    agent.answer(next);
    let refusal = agent.unasked.iter().find(|message| message.get("error").is_some()).expect("a refusal");
    assert!(refusal["error"]["message"].as_str().unwrap().contains("over 16 MiB"), "{refusal:#}");
    assert!(text(&agent.call("echo__echo", json!({"text": "still here"}))).contains("still here"));
}

#[test]
fn however_many_requests_come_at_once_all_are_answered() {
    const CALLS: u64 = 5_000;
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let begin = |id: u64| {
        (agent.begin("tools/call", json!({"name": "echo__echo", "arguments": {"text": format!("{id}.")}})), id)
    };
    let mut open: HashMap<u64, u64> = (0..CALLS).map(begin).collect();
    while !open.is_empty() {
        let message = agent.message(SOON).expect("all are answered");
        let Some(number) = message["id"].as_u64().and_then(|id| open.remove(&id)) else { continue };
        assert!(message["result"].to_string().contains(&format!("{number}.")), "{message:#}");
    }
}

/// More requests than are worked on at once, and all of those wait for the client.
#[test]
fn however_many_requests_wait_the_client_s_answers_and_pings_are_read() {
    const CALLS: usize = 2_100;
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({"elicitation": {}}));
    let mut open: HashSet<u64> = (0..CALLS)
        .map(|_| agent.begin("tools/call", json!({"name": "fixture__test_elicitation", "arguments": {"message": "x"}})))
        .collect();
    let first = agent.asked("elicitation/create");
    let ping = agent.begin("ping", json!({}));
    assert_eq!(agent.answer(ping)["result"], json!({}));
    let (mut messages, mut next) = (std::mem::take(&mut agent.unasked).into_iter(), Some(first));
    while !open.is_empty() {
        let message = next.take().or_else(|| messages.next());
        let message = message.unwrap_or_else(|| agent.message(SOON).expect("all are answered"));
        if message["method"] == "elicitation/create" {
            let result = json!({"action": "accept", "content": {"username": "ada", "email": "ada@example.com"}});
            agent.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
        } else if let Some(id) = message["id"].as_u64().filter(|_| message.get("method").is_none()) {
            assert!(message["result"].to_string().contains("accept") && open.remove(&id), "{message:#}");
        }
    }
}

#[test]
fn the_messages_of_a_batch_are_answered_one_by_one() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let ping = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    agent.send(&json!([ping(901), {"jsonrpc": "2.0", "method": "notifications/none"}, 5, ping(902)]));
    let mut answered: Vec<_> = (0..3)
        .map(|_| {
            let message = agent.message(SOON).expect("all but the notice are answered");
            if message.get("error").is_some() { "refused".to_owned() } else { message["id"].to_string() }
        })
        .collect();
    answered.sort();
    assert_eq!(answered, ["901", "902", "refused"]);
}

#[test]
fn a_client_that_does_not_read_is_read_no_further_and_loses_nothing() {
    const PINGS: u32 = 20_000;
    let place = place();
    let mut command = place.tollgate(["--config", "tollgate.json", "serve"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let info = json!({"name": "deaf", "version": "1"});
    let params = json!({"protocolVersion": super::LEGACY, "capabilities": {}, "clientInfo": info});
    writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).unwrap();
    writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).unwrap();
    let (sender, progress) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        for id in 1..=PINGS {
            writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).unwrap();
            sender.send(id).unwrap();
        }
    });
    // It stops when the host does: both pipes are full, and the host holds what it may.
    let mut written = 0;
    while let Ok(id) = progress.recv_timeout(std::time::Duration::from_millis(1_000)) {
        written = id;
    }
    assert!(written < PINGS, "the host takes whatever comes");
    let mut answered = HashSet::new();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).expect(&line);
        let Some(id) = message["id"].as_u64() else { continue };
        assert!(message.get("result").is_some() && answered.insert(id), "{line}");
        if answered.len() > PINGS as usize {
            break;
        }
    }
    assert_eq!(answered.len(), PINGS as usize + 1);
    writer.join().unwrap();
    assert_eq!(eventually("it ends", || child.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn requests_without_a_session_are_answered_and_cancelled_as_those_in_one() {
    let place = place();
    let mut command = place.tollgate(["--config", "tollgate.json", "serve", "--expose", "all"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut send = |message: Value| writeln!(stdin, "{message}").unwrap();
    let call = |id: u32, name: &str, text: &str| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({"name": name, "arguments": {"text": text}, "_meta": meta});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    let mut answer = |id: u32| loop {
        let message: Value = serde_json::from_str(&said.next().expect("an answer").unwrap()).unwrap();
        assert_ne!(message["id"], 3, "what is cancelled is not answered: {message:#}");
        if message["id"] == id {
            return message;
        }
    };
    // The first goes rmcp's way, those after it the short one.
    for id in [1, 2] {
        send(call(id, "echo__echo", &format!("call {id}")));
        let answer = answer(id);
        assert!(answer["result"].to_string().contains(&format!("call {id}")), "{answer:#}");
        assert_eq!(answer["result"]["resultType"], "complete", "{answer:#}");
    }
    let log = place.work().join("stuck.log");
    let noted = |wanted: usize| {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        (text.lines().count() >= wanted).then_some(())
    };
    send(call(3, "stuck__echo", "x"));
    eventually("it is called", || noted(1));
    send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}}));
    eventually("the server hears of the cancellation", || noted(2));
    // One that lacks what the version asks for.
    send(json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "echo__echo"}}));
    let refused = answer(4);
    assert!(refused["error"]["message"].as_str().unwrap().contains("protocolVersion"), "{refused:#}");
    send(call(5, "echo__echo", "still here"));
    assert!(answer(5)["result"].to_string().contains("still here"));
    drop(stdin);
    assert_eq!(eventually("it ends", || child.try_wait().unwrap()).code(), Some(0));
}
