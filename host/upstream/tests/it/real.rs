//! Real servers from npm and PyPI, pinned in tests/fleet. They must be installed; see its README.

use crate::support::*;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tollgate_core::EffectClass;
use tollgate_route::Backend;
use tollgate_upstream::{Fleet, HttpKind, ServerSpec, ServerState, Transport};

fn installed(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fleet").join(path);
    assert!(path.exists(), "{} is not installed: run `cargo xtask test`, or see tests/fleet/README.md", path.display());
    path.to_str().unwrap().to_owned()
}

fn npm(server: &str) -> String {
    installed(&format!("node_modules/@modelcontextprotocol/server-{server}/dist/index.js"))
}

fn node(name: &str, args: &[&str]) -> ServerSpec {
    ServerSpec::new(name, Transport::stdio("node", args.iter().copied()))
}

fn pypi(name: &str, args: &[&str]) -> ServerSpec {
    ServerSpec::new(name, Transport::stdio(installed(&format!(".venv/bin/mcp-server-{name}")), args.iter().copied()))
}

async fn text(fleet: &Fleet, name: &str, args: Value) -> String {
    let result = call(fleet, name, args).await.result.unwrap_or_else(|error| panic!("{name}: {error}"));
    let json: Value = serde_json::from_str(&result.json).unwrap();
    json["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_server_of_the_fleet_answers_over_stdio() {
    let dir = tempfile::tempdir().unwrap();
    let dir_text = dir.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    std::fs::write(dir.path().join("note.txt"), "hello from a file").unwrap();
    let git = |args: &[&str]| {
        let run = std::process::Command::new("git").arg("-C").arg(dir.path()).args(args).output();
        assert!(run.unwrap().status.success(), "git {args:?}");
    };
    git(&["init", "-q"]);
    let db = dir.path().join("test.db");
    let fleet = Fleet::default();
    fleet
        .apply([
            node("everything", &[&npm("everything"), "stdio"]),
            node("filesystem", &[&npm("filesystem"), &dir_text]),
            node("memory", &[&npm("memory")]),
            node("thinking", &[&npm("sequential-thinking")]),
            pypi("git", &["--repository", &dir_text]),
            pypi("time", &["--local-timezone", "UTC"]),
            pypi("sqlite", &["--db-path", db.to_str().unwrap()]),
        ])
        .unwrap();
    let tools = fleet.tools().await;
    for status in fleet.statuses() {
        assert_eq!(status.state, ServerState::Ready, "{status:?}");
        assert!(status.tools > 0, "{status:?}");
        println!("{status:?}");
    }
    assert!(tools.iter().any(|t| t.server == "filesystem" && t.effect == EffectClass::Read));
    assert_eq!(text(&fleet, "everything:echo", json!({"message": "hi"})).await, "Echo: hi");
    let path = format!("{dir_text}/note.txt");
    assert!(text(&fleet, "filesystem:read_text_file", json!({"path": path})).await.contains("hello from a file"));
    assert!(text(&fleet, "memory:read_graph", json!({})).await.contains("entities"));
    let thought = json!({"thought": "x", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1});
    assert!(text(&fleet, "thinking:sequentialthinking", thought).await.contains("thoughtNumber"));
    assert!(text(&fleet, "git:git_status", json!({"repo_path": dir_text})).await.contains("note.txt"));
    assert!(text(&fleet, "time:get_current_time", json!({"timezone": "UTC"})).await.contains("UTC"));
    text(&fleet, "sqlite:create_table", json!({"query": "create table t (a int)"})).await;
    assert!(text(&fleet, "sqlite:list_tables", json!({})).await.contains('t'));
    fleet.shutdown().await;
}

/// server-everything over HTTP, on a port that was free a moment ago.
async fn everything_over(transport: &str, ready: &str) -> (Child, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child = Command::new("node")
        .args([&npm("everything"), transport])
        .env("PORT", port.to_string())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(ready) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, port);
        }
    }
    panic!("server-everything did not start");
}

#[tokio::test]
async fn server_everything_answers_over_streamable_http_and_sse() {
    for (mode, path, want) in [("streamableHttp", "mcp", "http"), ("sse", "sse", "sse")] {
        let (_child, port) = everything_over(mode, "port").await;
        let fleet = Fleet::default();
        let url = format!("http://127.0.0.1:{port}/{path}");
        let transport = Transport::Http { url, headers: [].into(), kind: HttpKind::Auto };
        fleet.add_server(ServerSpec::new("everything", transport)).unwrap();
        assert_eq!(text(&fleet, "everything:echo", json!({"message": "hi"})).await, "Echo: hi");
        for _ in 0..20 {
            text(&fleet, "everything:echo", json!({"message": "hi"})).await;
        }
        let status = status(&fleet, "everything");
        assert_eq!(status.transport, want, "{status:?}");
        // A connection that is used again would cost 40 ms a call.
        println!("{status:?}");
        assert!(fleet.resolve("everything", "echo").await.is_ok());
        fleet.shutdown().await;
    }
}
