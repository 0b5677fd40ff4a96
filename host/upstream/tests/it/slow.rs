//! Servers that speak 2026-07-28 and start slowly: later than `initialize` is tried in place of `server/discover`.

use crate::support::call;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tollgate_upstream::{Duplex, Fleet, ServerSpec, Transport};

/// Hears nothing for so long.
async fn serve(stream: DuplexStream, slow: Duration) {
    tokio::time::sleep(slow).await;
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).unwrap();
        let Some(id) = message.get("id") else { continue };
        let answer = match message["method"].as_str().unwrap() {
            "initialize" => json!({"error": {"code": -32022, "message": "this connection speaks 2026-07-28"}}),
            "server/discover" => json!({"result": {"resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}}),
            "tools/list" => {
                json!({"result": {"resultType": "complete", "tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}})
            }
            _ => json!({"result": {"resultType": "complete", "content": [{"type": "text", "text": "hi"}]}}),
        };
        let mut answer = answer;
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = id.clone();
        if write.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn one_that_refuses_initialize_is_given_the_time_that_it_needs() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let transport = Transport::stream_source(move || {
        // Once later than it is waited for.
        let slow = [11_000, 200][counted.fetch_add(1, Ordering::SeqCst).min(1)];
        async move {
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            tokio::spawn(serve(theirs, Duration::from_millis(slow)));
            Ok(Box::new(ours) as Box<dyn Duplex>)
        }
    });
    let fleet = Fleet::default();
    fleet
        .add_server(ServerSpec { connect_timeout: Duration::from_secs(60), ..ServerSpec::new("s", transport) })
        .unwrap();
    fleet.wait_ready(&["s"]).await;
    call(&fleet, "s:echo", json!({})).await.result.unwrap();
    assert_eq!(begun.load(Ordering::SeqCst), 2, "the second try is made at once, and without `initialize`");
    fleet.shutdown().await;
}
