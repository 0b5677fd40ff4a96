//! Whether a request may have reached its server: what did not can be repeated, whatever it does.

use crate::support::*;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tollgate_core::CallError;
use tollgate_upstream::{Fleet, ServerSpec, ServerState, Transport};

/// Answers until a tool is called; `true` when `tools/list` was answered.
async fn begin(lines: &mut BufReader<DuplexStream>) -> bool {
    let mut line = String::new();
    while lines.read_line(&mut line).await.is_ok_and(|count| count > 0) {
        let message: Value = serde_json::from_str(&line).unwrap();
        line.clear();
        let id = &message["id"];
        let (result, done) = match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let info = json!({"name": "s", "version": "1"});
                (json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}), false)
            }
            "tools/list" => (json!({"tools": [{"name": "act", "inputSchema": {"type": "object"}}]}), true),
            "server/discover" => {
                let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "?"}});
                lines.write_all(format!("{error}\n").as_bytes()).await.unwrap();
                continue;
            }
            _ => continue,
        };
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
        lines.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        if done {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn half_a_line_may_have_been_read() {
    let (ours, theirs) = tokio::io::duplex(4 << 10);
    let serving = tokio::spawn(async move {
        let mut lines = BufReader::with_capacity(1, theirs);
        assert!(begin(&mut lines).await);
        // Some of the call, and no more.
        let mut some = [0; 100];
        lines.read_exact(&mut some).await.unwrap();
        assert!(some.starts_with(b"{"));
    });
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("s", Transport::stream(ours))).unwrap();
    fleet.wait_ready(&["s"]).await;
    let answer = call(&fleet, "s:act", json!({"text": "x".repeat(64 << 10)})).await;
    assert!(answer.sent && matches!(answer.result, Err(CallError::OutcomeUnknown(_))), "{answer:?}");
    serving.await.unwrap();
    fleet.shutdown().await;
}

#[tokio::test]
async fn what_found_no_connection_was_not_sent() {
    let fleet = Fleet::default();
    let late = ServerSpec { connect_timeout: Duration::from_millis(200), ..evil("late", "never-initializes", "") };
    fleet.add_server(late).unwrap();
    fleet.add_server(evil("dead", "dies-at-start", "")).unwrap();
    until(&fleet, "dead", ServerState::Failed).await;
    for name in ["late:echo", "dead:echo", "nobody:echo"] {
        let answer = call(&fleet, name, json!({})).await;
        assert!(!answer.sent && answer.result.is_err(), "{name}: {answer:?}");
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn what_an_http_server_did_not_take_was_not_sent() {
    let app = crate::http::app("json");
    let served = crate::http::serve(app).await;
    let fleet = Fleet::default();
    let headers = [("Authorization".to_owned(), "Bearer hunter2-hunter2".into())].into();
    let kind = tollgate_upstream::HttpKind::Streamable;
    fleet.add_server(ServerSpec::new("s", Transport::Http { url: served.url.clone(), headers, kind })).unwrap();
    let answer = call(&fleet, "s:echo", json!({})).await;
    assert!(answer.sent && answer.result.is_ok(), "{answer:?}");
    let address = served.url.trim_start_matches("http://").to_owned();
    drop(served);
    // The port is free once nobody can be reached there.
    loop {
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = call(&fleet, "s:echo", json!({})).await;
    assert!(!answer.sent && matches!(answer.result, Err(CallError::Unavailable(_))), "{answer:?}");
    fleet.shutdown().await;
}
