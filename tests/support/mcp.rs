//! An MCP client of lines, as small as it can be: what it sends is what a test writes.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A server on the other end of a child's standard streams.
pub struct Lines {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    next_id: u64,
    /// What the server said unasked, in order.
    pub unasked: Vec<Value>,
}

impl Lines {
    /// Starts it, and begins a session of `version` with these capabilities.
    pub fn start(mut command: Command, version: &str, capabilities: Value) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut lines = Self { child, stdin, messages, next_id: 0, unasked: Vec::new() };
        let info = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": info});
        let begun = lines.request("initialize", params);
        assert_eq!(begun["result"]["protocolVersion"], version, "{begun:#}");
        lines.notify("notifications/initialized", json!({}));
        lines
    }

    pub fn send(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    pub fn send_raw(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and does not wait for the answer.
    pub fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}));
        self.next_id
    }

    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// The next message.
    pub fn message(&mut self, patience: Duration) -> Option<Value> {
        match self.messages.recv_timeout(patience) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the server has closed its output"),
        }
    }

    /// Waits for the answer to a request; keeps what comes before it.
    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.message(super::SOON).expect("no answer in time");
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.unasked.push(message);
        }
    }

    /// Waits for a request of the server, which must be of this method.
    pub fn asked(&mut self, method: &str) -> Value {
        loop {
            let message = self.message(super::SOON).expect("nothing was asked in time");
            if message["method"] == method {
                return message;
            }
            self.unasked.push(message);
        }
    }

    /// Calls a tool: its result.
    pub fn call(&mut self, name: &str, arguments: Value) -> Value {
        let answer = self.request("tools/call", json!({"name": name, "arguments": arguments}));
        answer.get("result").cloned().unwrap_or_else(|| panic!("{answer:#}"))
    }

    /// The names of the tools.
    pub fn tools(&mut self) -> Vec<String> {
        let answer = self.request("tools/list", json!({}));
        let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    pub fn signal(&self, signal: &str) {
        super::signal(&self.child, signal);
    }

    /// Closes its input, and waits for its end: its exit code.
    pub fn close(mut self) -> i32 {
        self.stdin = None;
        super::eventually("the server ends", || self.child.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The text of a tool's result.
pub fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result:#}"))
}
