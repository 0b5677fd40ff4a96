//! The real servers from npm and PyPI: connected, listed, called, from the command line and from policies.

use crate::support::*;
use serde_json::{Value, json};
use std::process::Command;
use tollgate_test_guests as guests;

/// A place with the whole fleet in `servers.json`, an `mcpServers` file as other clients have it.
fn place() -> Place {
    let place = Place::new();
    let folder = place.work().join("repo");
    repository(&folder);
    place.write("servers.json", fleet_config(&folder).to_string());
    place
}

/// One call of each server, and a text that its answer holds.
fn calls(place: &Place) -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let repo = place.work().join("repo");
    vec![
        ("everything", "get-sum", json!({"a": 20, "b": 22}), "42"),
        ("filesystem", "read_text_file", json!({"path": repo.join("notes.txt")}), "remember the milk"),
        ("memory", "read_graph", json!({}), "entities"),
        (
            "sequential-thinking",
            "sequentialthinking",
            json!({"thought": "so", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1}),
            "thoughtNumber",
        ),
        ("git", "git_log", json!({"repo_path": repo}), "First notes"),
        ("time", "get_current_time", json!({"timezone": "Asia/Tokyo"}), "Asia/Tokyo"),
        ("sqlite", "list_tables", json!({}), "[]"),
    ]
}

#[test]
fn every_server_connects_lists_and_answers_the_command_line() {
    let place = place();
    let servers = place.run(["--config", "servers.json", "servers", "--json"]).expect(0).json();
    for server in servers.as_array().unwrap() {
        assert_eq!(server["state"], "ready", "{server:#}");
        assert!(server["tools"].as_u64().unwrap() > 0, "{server:#}");
        assert!(server["protocol"].as_str().unwrap().starts_with("202"), "{server:#}");
    }
    assert_eq!(servers.as_array().unwrap().len(), 7);

    let tools = place.run(["--config", "servers.json", "tools", "--json"]).expect(0).json();
    for (server, tool, ..) in calls(&place) {
        let known = tools.as_array().unwrap().iter().any(|t| t["server"] == server && t["name"] == tool);
        assert!(known, "{server}:{tool}");
    }
    for (server, tool, args, want) in calls(&place) {
        let name = format!("{server}:{tool}");
        let result = place.run(["--config", "servers.json", "call", &name, &args.to_string(), "--json"]).expect(0);
        assert!(result.stdout.contains(want), "{name}: {}", result.stdout);
    }
}

#[test]
fn a_policy_calls_all_of_them_at_once() {
    let place = place();
    let made = calls(&place);
    let calls: Vec<_> = made.iter().map(|(s, t, args, _)| json!({"server": s, "tool": t, "args": args})).collect();
    for (guest, mode) in [(guests::POLICY_CALLS, "at_once"), (guests::POLICY_CALLS_BLOCKING, "sequence")] {
        let input = json!({"mode": mode, "calls": calls}).to_string();
        let args = ["--config", "servers.json", "run", guest, "--json", "--grant", "*:*", "--input", &input];
        let report = place.run(args).expect(0).json();
        for (answer, (server, tool, _, want)) in report["output"].as_array().unwrap().iter().zip(&made) {
            assert!(answer["ok"].to_string().contains(want), "{server}:{tool}: {answer:#}");
        }
    }
}

#[test]
fn server_everything_answers_over_all_three_transports() {
    let place = place();
    let program = root().join("tests/fleet/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let start = |kind: &str, port: u16| {
        let mut command = Command::new("node");
        command.arg(&program).arg(kind).env("PORT", port.to_string()).env("HOST", "127.0.0.1");
        let running = Running::start(command);
        eventually("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        running
    };
    let (http_port, sse_port) = (free_port(), free_port());
    let _servers = (start("streamableHttp", http_port), start("sse", sse_port));
    let http_url = format!("http://127.0.0.1:{http_port}/mcp");
    let sse_url = format!("http://127.0.0.1:{sse_port}/sse");
    let config = json!({"mcpServers": {
        "stdio": {"command": "node", "args": [program, "stdio"]},
        "http": {"url": http_url},
        "sse": {"url": sse_url, "type": "sse"},
        // Not told which: found out.
        "auto": {"url": sse_url},
    }});
    place.write("all.json", config.to_string());
    for server in ["stdio", "http", "sse", "auto"] {
        let name = format!("{server}:get-sum");
        let result = place.run(["--config", "all.json", "call", &name, r#"{"a":20,"b":22}"#]).expect(0);
        assert!(result.stdout.contains("42"), "{server}: {}", result.stdout);
    }
    let servers = place.run(["--config", "all.json", "servers", "--json"]).expect(0).json();
    let transports: Vec<_> = servers.as_array().unwrap().iter().map(|s| s["transport"].as_str().unwrap()).collect();
    assert_eq!(transports, ["sse", "http", "sse", "stdio"], "{servers:#}");
}

#[test]
fn many_runs_share_one_process_a_server() {
    let place = place();
    let repo = place.work().join("repo").display().to_string();
    // While a policy waits in one process of the host, its servers are there once, however often it calls.
    let call =
        json!({"server": "everything", "tool": "trigger-long-running-operation", "args": {"duration": 3, "steps": 3}});
    let input = json!({"mode": "at_once", "calls": vec![call; 4]}).to_string();
    let args = ["--config", "servers.json", "run", guests::POLICY_CALLS, "--json", "--grant", "*:*", "--input", &input];
    let running = Running::start(place.tollgate(args));
    let seen = eventually("the servers are up", || {
        let seen = processes_with(&repo);
        (seen.iter().filter(|p| p.contains("mcp-server-git")).count() > 0).then_some(seen)
    });
    for program in ["server-filesystem", "mcp-server-git", "mcp-server-sqlite"] {
        assert!(seen.iter().filter(|p| p.contains(program)).count() <= 1, "{seen:#?}");
    }
    running.ended().expect(0);
    let left = processes_with(&repo);
    assert!(left.is_empty(), "they are left behind: {left:#?}");
}
