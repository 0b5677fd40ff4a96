//! A small MCP server that fails at random, and keeps a record of what it did.
//!
//! `fault-server stdio|http SEED RECORD`; without faults where SEED is no number. Its tools answer with the `nonce` that they got: `add_once` has an effect each time,
//! `set` one that a second time changes nothing, `get` none. Each line of the file RECORD is `start PID`, `fault NAME` or
//! `effect NONCE`; it outlives the process. Over HTTP it says its port in a line, and ends when its standard input does.

#![allow(clippy::indexing_slicing)] // of JSON only, which cannot panic where it is read

mod dice;
mod stdio;
mod web;

use dice::{Dice, Fault};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

/// Identities of requests that were answered, kept for wrong answers.
const KEPT_IDS: usize = 64;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(mode), Some(seed), Some(record)) = (args.next(), args.next(), args.next()) else {
        eprintln!("fault-server stdio|http SEED RECORD");
        std::process::exit(2);
    };
    // A process that follows another fails in another way, else it would do so for ever.
    let starts =
        std::fs::read_to_string(&record).unwrap_or_default().lines().filter(|l| l.starts_with("start")).count();
    let seed = seed.parse::<u64>().ok().map(|seed| seed.wrapping_mul(1_000_003).wrapping_add(starts as u64));
    let server = Server { record, dice: Mutex::new(Dice::new(seed)), answered: Mutex::default() };
    server.note(&format!("start {}", std::process::id()));
    match mode.as_str() {
        "stdio" => stdio::serve(server.into()),
        _ => web::serve(server.into()),
    }
}

/// What both transports share.
struct Server {
    record: String,
    dice: Mutex<Dice>,
    answered: Mutex<VecDeque<Value>>,
}

/// One call of a tool, and how it is to fail.
struct Planned {
    id: Value,
    tool: String,
    nonce: String,
    fault: Fault,
    pause: Duration,
}

impl Server {
    /// Appends a line, whole: other processes write to the file too.
    fn note(&self, line: &str) {
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(&self.record) {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// The answer to what is no call; `None` to a notification.
    fn plain(&self, message: &Value) -> Option<Value> {
        let id = message.get("id")?;
        let tool = |name: &str, annotations: Value| {
            json!({"name": name, "annotations": annotations, "inputSchema": {
                "type": "object", "properties": {"nonce": {"type": "string"}}, "required": ["nonce"]}})
        };
        let method = message["method"].as_str().unwrap_or_default();
        if matches!(method, "initialize" | "server/discover") {
            // A new session counts its requests anew: what was answered in the last one may be under way in this one.
            self.answered.lock().clear();
        }
        let result = match method {
            "initialize" => json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "fault", "version": "1"},
            }),
            "tools/list" => json!({"tools": [
                tool("add_once", json!({"readOnlyHint": false, "idempotentHint": false})),
                tool("set", json!({"idempotentHint": true})),
                tool("get", json!({"readOnlyHint": true})),
            ]}),
            "ping" => json!({}),
            _ => return Some(error(id, -32601, "Method not found", &Value::Null)),
        };
        Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    /// Reads a call and throws the dice. `None` of any other message.
    fn plan(&self, message: &Value) -> Option<Planned> {
        let (id, params) = (message.get("id")?.clone(), &message["params"]);
        let tool = params["name"].as_str().filter(|_| message["method"] == "tools/call")?.to_owned();
        let nonce = params["arguments"]["nonce"].as_str().unwrap_or_default().to_owned();
        let (fault, pause) = self.dice.lock().fault();
        if fault != Fault::None {
            self.note(&format!("fault {fault:?}"));
        }
        Some(Planned { id, tool, nonce, fault, pause })
    }

    /// Does what the tool does, and makes its answer.
    fn act(&self, planned: &Planned) -> Value {
        if planned.tool == "add_once" {
            self.note(&format!("effect {}", planned.nonce));
        }
        answer(&planned.id, &planned.tool, &planned.nonce)
    }

    /// Notes that the answer to a request is written.
    fn is_answered(&self, id: &Value) {
        let mut answered = self.answered.lock();
        answered.push_back(id.clone());
        if answered.len() > KEPT_IDS {
            answered.pop_front();
        }
    }

    /// Answers to requests that nobody waits for: one that was answered before, one that never was.
    fn wrong(&self) -> Vec<Value> {
        let old = self.answered.lock().front().cloned();
        let ids = old.into_iter().chain([json!(900_000_001), json!("nobody"), Value::Null]);
        ids.map(|id| answer(&id, "get", "another's")).collect()
    }
}

fn answer(id: &Value, tool: &str, nonce: &str) -> Value {
    let content = json!([{"type": "text", "text": nonce}]);
    json!({"jsonrpc": "2.0", "id": id,
        "result": {"content": content, "structuredContent": {"tool": tool, "nonce": nonce}}})
}

fn error(id: &Value, code: i64, message: &str, data: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message, "data": data}})
}
