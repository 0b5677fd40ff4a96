//! Callers of one host over HTTP, each with a token of its own.

use super::{Place, Running, SOON};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A host that serves HTTP.
pub struct Serving {
    pub running: Running,
    pub address: String,
}

/// The token of a caller, in clear.
pub fn token(name: &str) -> String {
    format!("the-long-token-of-{name}")
}

/// `serve.http.tokens` for these.
pub fn tokens(names: &[&str]) -> Value {
    use sha2::Digest as _;
    let hash = |name: &&str| json!({"name": name, "sha256": hex::encode(sha2::Sha256::digest(token(name)))});
    names.iter().map(hash).collect()
}

/// Serves `config` of the place over HTTP, and waits until its servers are there.
pub fn serve(place: &Place, config: &Value, args: &[&str]) -> Serving {
    place.write("callers.json", config.to_string());
    let base = ["--config", "callers.json", "serve", "--http", "127.0.0.1:0"];
    let mut running = Running::start(place.tollgate(base.iter().chain(args)));
    let mut url = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    let address = url.trim().trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
    let serving = Serving { running, address };
    super::eventually("the servers are ready", || {
        (serving.exchange("GET", "/readyz", "", &[], "").0 == 200).then_some(())
    });
    serving
}

impl Serving {
    /// One exchange on behalf of somebody: the status, and the whole answer with its head.
    pub fn exchange(&self, method: &str, path: &str, who: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut stream = self.open(method, path, who, headers, body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// Sends a request, and reads nothing.
    pub fn open(&self, method: &str, path: &str, who: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        if !who.is_empty() {
            request += &format!("Authorization: Bearer {}\r\n", token(who));
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// A request of the HTTP API: the status and the body's text.
    pub fn api(&self, who: &str, method: &str, path: &str, body: &Value) -> (u16, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.exchange(method, path, who, &[("Content-Type", "application/json")], &body);
        (status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
    }

    /// Begins a session. `None` when it is refused for want of a place.
    pub fn try_caller(&self, who: &str) -> Option<Caller<'_>> {
        let mut caller = Caller { serving: self, who: who.to_owned(), session: String::new(), next_id: 1 };
        let info = json!({"name": "t", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
        let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let (status, answer) = caller.post(&begin, &[]);
        if status == 503 {
            return None;
        }
        let id =
            answer.lines().find_map(|line| line.to_lowercase().strip_prefix("mcp-session-id: ").map(str::to_owned));
        caller.session = id.unwrap_or_else(|| panic!("{status}: {answer}"));
        let begun = caller.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), &[]);
        assert_eq!(begun.0, 202, "{}", begun.1);
        Some(caller)
    }

    /// Begins a session.
    pub fn caller(&self, who: &str) -> Caller<'_> {
        self.try_caller(who).expect("a place for a session")
    }
}

/// A session of somebody.
pub struct Caller<'a> {
    pub serving: &'a Serving,
    pub who: String,
    pub session: String,
    next_id: u64,
}

/// What each request of 2026-07-28 says.
pub fn stateless() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

const BOTH: [(&str, &str); 2] =
    [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];

impl Caller<'_> {
    pub fn post(&self, message: &Value, headers: &[(&str, &str)]) -> (u16, String) {
        let mut all = BOTH.to_vec();
        if !self.session.is_empty() {
            all.extend([("Mcp-Session-Id", self.session.as_str()), ("MCP-Protocol-Version", "2025-11-25")]);
        }
        all.extend(headers);
        self.serving.exchange("POST", "/mcp", &self.who, &all, &message.to_string())
    }

    /// A request in the session: the whole answer of JSON-RPC.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let message = json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params});
        let (status, answer) = self.post(&message, &[]);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let mut messages = body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
        let found = messages.find_map(|text| {
            let message: Value = serde_json::from_str(text).ok()?;
            (message["id"] == self.next_id).then_some(message)
        });
        found.unwrap_or_else(|| panic!("{} {method}: {status}: {answer}", self.who))
    }

    pub fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": name, "arguments": arguments}))
    }

    /// A request of 2026-07-28, without the session: its stream or answer, as far as it comes within a time.
    pub fn stateless(&self, method: &str, name: &str, mut params: Value, patience: Duration) -> String {
        params["_meta"] = stateless();
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut headers = BOTH.to_vec();
        headers.extend([("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)]);
        if !name.is_empty() {
            headers.push(("Mcp-Name", name));
        }
        heard(self.serving.open("POST", "/mcp", &self.who, &headers, &message.to_string()), patience)
    }

    /// The stream on which the session hears what it did not ask for.
    pub fn listen(&self) -> TcpStream {
        let session = self.session.as_str();
        let headers =
            [("Accept", "text/event-stream"), ("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
        self.serving.open("GET", "/mcp", &self.who, &headers, "")
    }
}

/// What comes within a time, or until the end.
pub fn heard(mut stream: TcpStream, patience: Duration) -> String {
    stream.set_read_timeout(Some(patience)).unwrap();
    let (mut all, mut some) = (String::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut some) {
        all.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    all
}
