//! The HTTP front end: who may come in.

use super::place;
use crate::support::mcp::{Lines, text};
use crate::support::{Place, Running};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

pub(super) struct Served {
    pub(super) running: Running,
    pub(super) url: String,
}

pub(super) fn serve(place: &Place, args: &[&str]) -> Served {
    let base = ["--config", "tollgate.json", "serve", "--http", "127.0.0.1:0", "--expose", "all"];
    let mut running = Running::start(place.tollgate(base.iter().chain(args)));
    let mut url = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    Served { running, url: url.trim().to_owned() }
}

impl Served {
    /// One exchange: the status and the whole answer.
    pub(super) fn exchange(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let address = self.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(crate::support::SOON)).unwrap();
        let host = headers.iter().find(|(name, _)| *name == "Host").map_or(address, |(_, value)| value);
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in headers.iter().filter(|(name, _)| *name != "Host") {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    fn initialize(&self, headers: &[(&str, &str)]) -> (u16, String) {
        let params =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).to_string();
        let mut all = vec![("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
        all.extend(headers);
        self.exchange("POST", "/mcp", &all, &body)
    }
}

#[test]
fn health_is_told_and_other_paths_are_not_there() {
    let place = place();
    let served = serve(&place, &[]);
    assert_eq!(served.exchange("GET", "/healthz", &[], "").0, 200);
    crate::support::eventually("it is ready", || (served.exchange("GET", "/readyz", &[], "").0 == 200).then_some(()));
    assert_eq!(served.exchange("GET", "/nothing", &[], "").0, 404);
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let place = place();
    let served = serve(&place, &["--allow-host", "tollgate.example.com", "--allow-origin", "https://app.example.com"]);
    assert_eq!(served.initialize(&[]).0, 200);
    assert_eq!(served.initialize(&[("Host", "localhost")]).0, 200);
    assert_eq!(served.initialize(&[("Host", "evil.example.com")]).0, 403);
    assert_eq!(served.initialize(&[("Host", "tollgate.example.com")]).0, 200);
    assert_eq!(served.initialize(&[("Host", "localhost.evil.example.com")]).0, 403);
    assert_eq!(served.initialize(&[("Origin", "https://evil.example.com")]).0, 403);
    assert_eq!(served.initialize(&[("Origin", "null")]).0, 403);
    assert_eq!(served.initialize(&[("Origin", "http://localhost:3000")]).0, 200);
    assert_eq!(served.initialize(&[("Origin", "https://app.example.com")]).0, 200);
    assert_eq!(served.exchange("GET", "/healthz", &[("Host", "evil.example.com")], "").0, 403);
}

#[test]
fn a_token_lets_in_and_a_session_belongs_to_who_began_it() {
    let place = place();
    let file = place.write("tokens", "# who, and what they show\nada correct-horse-battery\nbob sha256:8e9dc3ecb6e3c3a5e0b1b6aef8d1b3d1b7f4a1e1f7d6c0e9c9e5f2a4b1c3d4e5\n");
    let open = place.run(["--config", "tollgate.json", "serve", "--http", "127.0.0.1:0", "--token-file", "tokens"]);
    assert_eq!(open.code, 2);
    assert!(open.stderr.contains("chmod 600"), "{}", open.stderr);
    std::fs::write(&file, "ada correct-horse-battery\nbob another-long-token-of-bob\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();

    let served = serve(&place, &["--token-file", "tokens"]);
    assert_eq!(served.initialize(&[]).0, 401);
    assert_eq!(served.initialize(&[("Authorization", "Bearer wrong-horse-battery")]).0, 401);
    assert_eq!(served.initialize(&[("Authorization", "Basic correct-horse-battery")]).0, 401);
    let (status, answer) = served.initialize(&[("Authorization", "Bearer correct-horse-battery")]);
    assert_eq!(status, 200, "{answer}");
    let session = answer.lines().find_map(|l| l.to_lowercase().strip_prefix("mcp-session-id: ").map(str::to_owned));
    let session = session.unwrap_or_else(|| panic!("{answer}"));
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).to_string();
    let ask = |method: &str, token: &str| {
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", "2025-11-25"),
            ("Mcp-Session-Id", session.as_str()),
            ("Authorization", token),
        ];
        served.exchange(method, "/mcp", &headers, &list).1
    };
    assert!(ask("POST", "Bearer correct-horse-battery").contains("echo__echo"));
    for method in ["POST", "GET", "DELETE"] {
        let stolen = ask(method, "Bearer another-long-token-of-bob");
        assert!(stolen.contains("somebody else's"), "{method}: {stolen}");
    }
    assert!(ask("POST", "Bearer correct-horse-battery").contains("echo__echo"));
}

#[test]
fn what_other_machines_can_reach_wants_a_token() {
    let place = place();
    let refused = place.run(["--config", "tollgate.json", "serve", "--http", "0.0.0.0:0"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("token is required"), "{}", refused.stderr);
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let place = place();
    let served = serve(&place, &[]);
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let (status, _) = served.exchange("POST", "/mcp", &headers, &" ".repeat((4 << 20) + 1));
    assert_eq!(status, 413);
}

#[test]
fn a_signal_ends_it_and_the_servers() {
    let place = place();
    let served = serve(&place, &[]);
    assert_eq!(served.initialize(&[]).0, 200);
    served.running.signal("-TERM");
    let ended = served.running.ended();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let home = place.dir.path().display().to_string();
    assert!(crate::support::processes_with(&home).is_empty());
}

#[test]
fn several_clients_share_one_host_over_a_bridge() {
    let place = place();
    let served = serve(&place, &[]);
    let mut agents: Vec<Lines> = (0..3)
        .map(|_| Lines::start(place.tollgate(["serve", "--stdio", "--to", &served.url]), super::LEGACY, json!({})))
        .collect();
    for (i, agent) in agents.iter_mut().enumerate() {
        let said = format!("agent {i}");
        let result: Value = agent.call("echo__echo", json!({"text": said}));
        assert!(text(&result).contains(&said), "{result:#}");
    }
    for agent in agents {
        assert_eq!(agent.close(), 0);
    }
}
