//! How long answers may be kept, as servers of 2026-07-28 say it.

use crate::support::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tollgate_core::{
    Ask, BoxFuture, Call, Client, ListKind, Notice, Query, QueryKind, RpcError, SeededEntropy, SystemClock,
};
use tollgate_route::{Attempted, Backend, Freshness};
use tollgate_upstream::{Fleet, FleetOptions, ServerSpec, Transport};

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
        assert_eq!((answer.freshness, answer.personal), (want, false), "{kind:?}");
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

/// Somebody who chooses red.
#[derive(Debug)]
struct Chooser;

impl Client for Chooser {
    fn agent(&self) -> &str {
        "chooser"
    }

    fn capabilities(&self) -> &str {
        r#"{"elicitation":{"form":{}}}"#
    }

    fn ask(&self, _: Ask) -> BoxFuture<'_, Result<String, RpcError>> {
        Box::pin(async { Ok(json!({"action": "accept", "content": {"colour": "red"}}).to_string()) })
    }

    fn tell(&self, _: Notice) {}
}

/// A server that is asked for anything asks for a colour first: of 2026-07-28 by its answer, an older one by a request.
async fn asks(theirs: DuplexStream, is_modern: bool) {
    let (read, mut write) = tokio::io::split(theirs);
    let mut lines = BufReader::new(read).lines();
    let mut pending = Value::Null;
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).unwrap();
        let (id, params) = (&message["id"], &message["params"]);
        let question = json!({"mode": "form", "message": "Which?", "requestedSchema": {"type": "object",
            "properties": {"colour": {"type": "string"}}}});
        let capabilities = json!({"tools": {}, "prompts": {}, "resources": {}});
        let result = match message["method"].as_str() {
            Some("server/discover") if is_modern => {
                json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities})
            }
            Some("initialize") => json!({"protocolVersion": "2025-06-18", "capabilities": capabilities,
                "serverInfo": {"name": "s", "version": "1"}}),
            Some("tools/list") => json!({"tools": [{"name": "pick", "inputSchema": {"type": "object"}}]}),
            Some("tools/call" | "resources/read" | "prompts/get") if !is_modern => {
                pending = id.clone();
                let question = json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": question});
                write.write_all(format!("{question}\n").as_bytes()).await.unwrap();
                continue;
            }
            Some("tools/call" | "resources/read" | "prompts/get") if params["inputResponses"].is_null() => {
                let question = json!({"method": "elicitation/create", "params": question});
                json!({"resultType": "input_required", "inputRequests": {"q": question}, "requestState": "1"})
            }
            Some("notifications/initialized") => continue,
            _ => json!({"content": [], "contents": [], "messages": []}),
        };
        // What is no request answers the question.
        let id = if message["method"].is_null() { &pending } else { id };
        let mut answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
        if message["method"] == "server/discover" && !is_modern {
            answer = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "?"}});
        } else if answer["result"]["resultType"].is_null() && is_modern {
            answer["result"]["resultType"] = json!("complete");
        }
        write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_caller_was_asked_for_is_personal() {
    for is_modern in [true, false] {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(asks(theirs, is_modern));
        let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SeededEntropy::new(1)));
        let options = FleetOptions { has_clients: true, ..FleetOptions::default() };
        let fleet = Fleet::with_options(clock, entropy, options);
        fleet.add_server(ServerSpec::new("s", Transport::stream(ours))).unwrap();
        let mut context = context();
        Arc::get_mut(&mut context.run).unwrap().client = Some(Arc::new(Chooser));
        let tool = fleet.resolve("s", "pick").await.unwrap();
        let is_personal = |attempted: Attempted| {
            assert!(attempted.result.is_ok(), "{attempted:?}");
            attempted.personal
        };
        let call = Call::new("s:pick".parse().unwrap(), "{}");
        assert!(is_personal(fleet.attempt(&tool, &call, &context).await), "{is_modern}");
        for (kind, params) in
            [(QueryKind::ReadResource, json!({"uri": "a:1"})), (QueryKind::GetPrompt, json!({"name": "p"}))]
        {
            let query = Query { server: "s".into(), kind, name: "a:1".into(), params: params.to_string() };
            assert!(is_personal(fleet.attempt_query(&query, &context).await), "{kind:?} {is_modern}");
        }
        fleet.shutdown().await;
    }
}
