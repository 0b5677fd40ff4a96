//! How long answers may be kept, as servers of 2026-07-28 say it.

use crate::support::*;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tollgate_core::{ListKind, Query, QueryKind};
use tollgate_route::{Backend, Freshness};
use tollgate_upstream::{Fleet, ServerSpec, Transport};

/// A server of 2026-07-28, written by hand. Its list of resources has two pages.
fn server() -> ServerSpec {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let params = &message["params"];
            let mut result = match message["method"].as_str().unwrap() {
                "server/discover" => json!({"supportedVersions": ["2026-07-28"], "ttlMs": 9, "cacheScope": "public",
                    "capabilities": {"resources": {}, "prompts": {}}}),
                "tools/list" => json!({"tools": [], "ttlMs": 9, "cacheScope": "public"}),
                "resources/list" if params["cursor"].is_null() => {
                    json!({"resources": [{"uri": "a:1"}], "nextCursor": "2", "ttlMs": 60_000, "cacheScope": "public"})
                }
                "resources/list" => json!({"resources": [{"uri": "a:2"}], "ttlMs": 30_000, "cacheScope": "private"}),
                "resources/templates/list" => json!({"resourceTemplates": []}),
                "prompts/list" => json!({"prompts": [], "ttlMs": 0, "cacheScope": "public"}),
                "resources/read" => json!({"contents": [], "ttlMs": 5_000, "cacheScope": "public"}),
                "prompts/get" => json!({"messages": [], "ttlMs": 5_000, "cacheScope": "public"}),
                _ => continue,
            };
            result["resultType"] = json!("complete");
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        }
    });
    ServerSpec::new("s", Transport::stream(ours))
}

fn fresh(ms: u64, shared: bool) -> Option<Freshness> {
    Some(Freshness { ttl: Duration::from_millis(ms), shared })
}

#[tokio::test]
async fn a_list_is_as_fresh_as_its_stalest_page_and_shared_if_all_are() {
    let fleet = Fleet::default();
    fleet.add_server(server()).unwrap();
    let resources = fleet.list_of("s", ListKind::Resources).await.unwrap();
    assert_eq!((resources.items.len(), resources.freshness), (2, fresh(30_000, false)));
    for (kind, want) in [(ListKind::ResourceTemplates, None), (ListKind::Prompts, fresh(0, true))] {
        assert_eq!(fleet.list_of("s", kind).await.unwrap().freshness, want, "{kind:?}");
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn of_queries_only_what_is_read_may_be_kept() {
    let fleet = Fleet::default();
    fleet.add_server(server()).unwrap();
    for (kind, params, want) in [
        (QueryKind::ReadResource, json!({"uri": "a:1"}), fresh(5_000, true)),
        (QueryKind::GetPrompt, json!({"name": "p"}), None),
    ] {
        let query = Query { server: "s".into(), kind, name: "a:1".into(), params: params.to_string() };
        let answer = fleet.attempt_query(&query, &context()).await;
        assert!(answer.result.is_ok() && answer.sent, "{answer:?}");
        assert_eq!(answer.freshness, want, "{kind:?}");
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_had_is_an_error() {
    let fleet = Fleet::default();
    fleet.add_server(evil("dead", "dies-at-start", "")).unwrap();
    fleet.add_server(evil("bare", "good", "")).unwrap();
    for server in ["dead", "nobody"] {
        assert!(fleet.list_of(server, ListKind::Resources).await.is_err(), "{server}");
    }
    let none = fleet.list_of("bare", ListKind::Resources).await.unwrap();
    assert!(none.items.is_empty() && none.freshness.is_none(), "it has no resources, which is no error: {none:?}");
    fleet.shutdown().await;
}
