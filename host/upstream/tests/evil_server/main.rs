//! A small MCP server over standard input and output that breaks the rules: one way a mode.
//!
//! `evil-server MODE [ARG]`. It speaks 2025-06-18 and knows no more of MCP than the tests need.

#![allow(clippy::indexing_slicing)] // of JSON only, which cannot panic where it is read

use serde_json::{Value, json};
use std::io::{BufRead, Write, stdin, stdout};
use std::process::{Command, exit};
use std::time::Duration;

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let arg = args.next().unwrap_or_default();
    match mode.as_str() {
        "dies-at-start" => {
            eprintln!("\u{1b}[31mcannot open the database\u{1b}[0m");
            exit(3);
        }
        "leaks" => {
            eprintln!("the token is {}", std::env::var("TOKEN").unwrap_or_default());
            exit(1);
        }
        "never-initializes" => forever(),
        "prints-logs-only" => {
            println!("Listening on port 3000 \u{1b}[1m:)");
            forever();
        }
        "slow-start" => std::thread::sleep(Duration::from_millis(arg.parse().unwrap_or(0))),
        "grandchild" => {
            let me = std::env::current_exe().unwrap_or_default();
            let child = Command::new(me).arg("never-initializes").spawn();
            note(&arg, &child.map(|c| c.id()).unwrap_or(0).to_string());
        }
        "stderr-spam" => {
            for i in 0..100_000 {
                eprintln!("line {i} {}", "x".repeat(100));
            }
        }
        _ => {}
    }
    let mut server = Server { mode, arg, listed: 0 };
    for line in stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        server.hear(&message);
    }
    if server.mode == "deaf" {
        forever();
    }
}

fn forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// Appends a line to the file `path`.
fn note(path: &str, text: &str) {
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
        let _ = writeln!(file, "{text}");
    }
}

fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

fn answer(id: &Value, result: &Value) {
    say(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": name, "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}})
}

struct Server {
    mode: String,
    arg: String,
    listed: usize,
}

impl Server {
    fn hear(&mut self, message: &Value) {
        let id = &message["id"];
        match message["method"].as_str().unwrap_or_default() {
            "server/discover" if self.mode == "late-discover" => {}
            "server/discover" => {
                say(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}})
                    .to_string());
            }
            "initialize" => {
                if self.mode == "chatty" {
                    say("Welcome to the chatty server!");
                    say("{\"half\": ");
                    say("\u{feff}");
                }
                answer(
                    id,
                    &json!({
                        "protocolVersion": "2025-06-18",
                        "capabilities": {"tools": {"listChanged": true}},
                        "serverInfo": {"name": "evil", "version": "6.6.6"},
                    }),
                );
            }
            "tools/list" => self.list(id, &message["params"]["cursor"]),
            "tools/call" => self.call(id, &message["params"]),
            "notifications/cancelled" if self.mode == "never-answers" => {
                note(&self.arg, &message["params"]["requestId"].to_string());
            }
            _ => {}
        }
    }

    fn list(&mut self, id: &Value, cursor: &Value) {
        self.listed += 1;
        let mut read = tool("read");
        read["annotations"] = json!({"readOnlyHint": true});
        let mut tools = vec![tool("echo"), read];
        let mut result = json!({});
        match self.mode.as_str() {
            "endless-list" => {
                let page = cursor.as_str().and_then(|c| c.parse::<u64>().ok()).unwrap_or(0);
                tools = vec![tool(&format!("tool-{page}"))];
                result["nextCursor"] = json!((page + 1).to_string());
            }
            "lies" => {
                tools.push(tool("echo"));
                tools.push(tool("bad\u{7}name"));
                tools.push(json!({"name": "no-schema"}));
                tools.push(json!({"name": "odd-schema", "inputSchema": "anything"}));
                tools.push(json!({"inputSchema": {}}));
                tools.push(json!(17));
                tools.push(json!({"name": "odd-members", "inputSchema": {"type": "object"}, "annotations": 3, "title": 4, "icons": "x"}));
                tools.push(json!({"name": "bad-ref", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema"}}}}));
            }
            "tools-of-file" => {
                let text = std::fs::read_to_string(&self.arg).unwrap_or_default();
                tools = serde_json::from_str(&text).unwrap_or_default();
            }
            // Each value takes two bytes of text.
            "grows" => {
                let values = self.arg.parse().unwrap_or(0);
                tools = vec![json!({"name": "echo", "inputSchema": {"type": "object", "default": vec![0; values]}})];
            }
            "list-changed" if self.listed > 1 => tools.push(tool("new")),
            "odd-list" => {
                answer(id, &json!({"gadgets": []}));
                return;
            }
            _ => {}
        }
        result["tools"] = json!(tools);
        answer(id, &result);
    }

    fn call(&mut self, id: &Value, params: &Value) {
        let text = params["arguments"]["text"].as_str().unwrap_or_default().to_owned();
        let result = json!({"content": [{"type": "text", "text": text}]});
        match self.mode.as_str() {
            "dies-mid-call" => {
                eprintln!("out of cheese");
                exit(1);
            }
            // Dies once; the file tells the next process that it was done.
            "dies-once" if !std::path::Path::new(&self.arg).exists() => {
                note(&self.arg, "died");
                exit(1);
            }
            "huge-line" => {
                let chunk = "x".repeat(1 << 20);
                for _ in 0..8 {
                    let _ = stdout().lock().write_all(chunk.as_bytes());
                }
                say("");
            }
            "large" => {
                let text = "x".repeat(self.arg.parse().unwrap_or(0));
                answer(id, &json!({"content": [{"type": "text", "text": text}]}));
            }
            "never-answers" => note(&self.arg, &format!("called {id}")),
            "odd-results" => match text.as_str() {
                "number" => answer(id, &json!(42)),
                "empty" => answer(id, &json!({})),
                "content" => answer(id, &json!({"content": "text"})),
                "null" => answer(id, &Value::Null),
                "input" => answer(id, &json!({"resultType": "input_required", "inputRequests": {}})),
                "task" => answer(id, &json!({"resultType": "task", "taskId": "1"})),
                "neither" => say(&json!({"jsonrpc": "2.0", "id": id}).to_string()),
                "error" => say(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "\u{1b}[2Jno", "data": {"a": 1}}}).to_string()),
                "failed" => answer(id, &json!({"isError": true, "content": [{"type": "text", "text": "no luck"}]})),
                "deep" => {
                    let depth = 50_000;
                    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
                    say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"structuredContent":{nested}}}}}"#));
                }
                _ => answer(id, &result),
            },
            "exact" => {
                // What a typed reading would change: unknown members, their order, numbers, spaces.
                say(&format!(r#"{{"id":{id},"jsonrpc":"2.0","result":{EXACT}}}"#));
            }
            "duplicates" => {
                say(&json!({"jsonrpc": "2.0", "id": 987_654, "result": {}}).to_string());
                say(&json!({"jsonrpc": "2.0", "id": id.to_string(), "result": result}).to_string());
                answer(id, &result);
                answer(id, &result);
            }
            "list-changed" | "tools-of-file" => {
                say(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}).to_string());
                answer(id, &result);
            }
            "environment" => {
                let names: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
                answer(id, &json!({"content": [], "structuredContent": names}));
            }
            "meta" => answer(id, &json!({"content": [], "structuredContent": params["_meta"]})),
            _ => answer(id, &result),
        }
    }
}

/// What mode `exact` answers.
const EXACT: &str = r#"{"zeta": 1,  "content":[{"type":"hologram","x":1.0,"big":123456789012345678901234567890}],"structuredContent":{"b":1e2,"a":null},"_meta":{"k":[]},"resultType":"complete","isError":false}"#;
