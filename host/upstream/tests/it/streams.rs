//! Servers in this process, over a stream of bytes: rmcp's own server, of both lifecycles; and scripts.

use crate::support::*;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt};
use rmcp::{ErrorData, ServerHandler};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Notify;
use tollgate_core::{CallError, Query, QueryKind};
use tollgate_route::Backend;
use tollgate_upstream::{Duplex, Fleet, ServerSpec, ServerState, Transport};

/// A server with the tools `echo` and `hang`, which counts cancellations. A call of `grow` adds a tool; `meta` answers with
/// the `_meta` of its call.
#[derive(Clone)]
pub struct Echo {
    pub versions: &'static [ProtocolVersion],
    pub cancelled: Arc<AtomicUsize>,
    pub hanging: Arc<Notify>,
    grown: Arc<AtomicBool>,
}

pub const MODERN: &[ProtocolVersion] = &[ProtocolVersion::V_2026_07_28];
pub const LEGACY: &[ProtocolVersion] = &[ProtocolVersion::V_2025_06_18];

impl Echo {
    pub fn new(versions: &'static [ProtocolVersion]) -> Self {
        Self { versions, cancelled: Arc::default(), hanging: Arc::default(), grown: Arc::default() }
    }
}

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(tools)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(self.versions)
    }

    async fn list_tools(
        &self,
        _params: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let Value::Object(schema) = schema else { unreachable!() };
        let mut names = vec!["echo", "hang", "grow", "meta"];
        if self.grown.load(Ordering::SeqCst) {
            names.push("new");
        }
        let tools = names.into_iter().map(|name| Tool::new(name, name, Arc::new(schema.clone()))).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<rmcp::model::CallToolResponse, ErrorData> {
        match params.name.as_ref() {
            "hang" => {
                self.hanging.notify_one();
                context.ct.cancelled().await;
                self.cancelled.fetch_add(1, Ordering::SeqCst);
            }
            "meta" => {
                let meta = serde_json::to_value(&context.meta).unwrap();
                return Ok(CallToolResult::structured(meta).into());
            }
            "grow" => {
                self.grown.store(true, Ordering::SeqCst);
                let _ = context.peer.notify_tool_list_changed().await;
            }
            _ => {}
        }
        let text = params.arguments.and_then(|a| Some(a.get("text")?.as_str()?.to_owned())).unwrap_or_default();
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

pub fn in_process(name: &str, server: Echo) -> ServerSpec {
    let transport = Transport::stream_source(move || {
        let server = server.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            tokio::spawn(async move {
                if let Ok(running) = server.serve(theirs).await {
                    let _ = running.waiting().await;
                }
            });
            Ok(Box::new(ours) as Box<dyn Duplex>)
        }
    });
    ServerSpec::new(name, transport)
}

#[tokio::test]
async fn both_lifecycles_work() {
    let fleet = Fleet::default();
    fleet.add_server(in_process("modern", Echo::new(MODERN))).unwrap();
    fleet.add_server(in_process("legacy", Echo::new(LEGACY))).unwrap();
    echoes(&fleet, "modern:echo").await;
    echoes(&fleet, "legacy:echo").await;
    assert_eq!(status(&fleet, "modern").protocol.as_deref(), Some("2026-07-28"));
    assert_eq!(status(&fleet, "legacy").protocol.as_deref(), Some("2025-06-18"));
    fleet.shutdown().await;
}

#[tokio::test]
async fn dropping_a_call_cancels_it_at_the_server() {
    for versions in [MODERN, LEGACY] {
        let server = Echo::new(versions);
        let fleet = Fleet::default();
        fleet.add_server(in_process("s", server.clone())).unwrap();
        tokio::select! {
            _ = call(&fleet, "s:hang", json!({})) => panic!("it hangs"),
            () = server.hanging.notified() => {}
        }
        eventually(|| Some(()).filter(|()| server.cancelled.load(Ordering::SeqCst) == 1)).await;
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn a_stream_that_is_there_once_fails_when_it_closes() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(async move { Echo::new(MODERN).serve(theirs).await.unwrap().waiting().await });
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("s", Transport::stream(ours))).unwrap();
    echoes(&fleet, "s:echo").await;
    serving.abort();
    let error = eventually(|| status(&fleet, "s").error.filter(|e| e.contains("there is no other"))).await;
    assert!(error.contains("the server's stream was closed"), "{error}");
    assert!(matches!(fails(&fleet, "s:echo", json!({})).await, CallError::Unavailable(_)));
    fleet.shutdown().await;
}

#[tokio::test]
async fn legacy_news_of_tools_are_heard() {
    let fleet = Fleet::default();
    fleet.add_server(in_process("s", Echo::new(LEGACY))).unwrap();
    assert!(call(&fleet, "s:grow", json!({})).await.result.is_ok());
    eventually(|| Some(()).filter(|()| status(&fleet, "s").tools == 5)).await;
    assert!(fleet.resolve("s", "new").await.is_ok());
    fleet.shutdown().await;
}

/// A server of 2026-07-28, written by hand, that announces a new tool to whoever listens.
#[tokio::test]
async fn modern_news_of_tools_are_listened_for() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        let mut tools = vec!["first"];
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let id = &message["id"];
            let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
            let mut say = Vec::new();
            match message["method"].as_str().unwrap() {
                "server/discover" => say.push(json!({"jsonrpc": "2.0", "id": id, "result": {
                    "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
                    "capabilities": {"tools": {"listChanged": true}}}})),
                "tools/list" => {
                    let list: Vec<Value> =
                        tools.iter().map(|t| json!({"name": t, "inputSchema": {"type": "object"}})).collect();
                    say.push(json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "tools": list}}));
                }
                "subscriptions/listen" => {
                    say.push(json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                        "params": {"_meta": meta, "notifications": {"toolsListChanged": true}}}));
                    tools.push("second");
                    say.push(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}}));
                }
                _ => {}
            }
            for message in say {
                write.write_all(format!("{message}\n").as_bytes()).await.unwrap();
            }
        }
    });
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("s", Transport::stream(ours))).unwrap();
    fleet.wait_ready(&["s"]).await;
    eventually(|| Some(()).filter(|()| status(&fleet, "s").tools == 2)).await;
    fleet.shutdown().await;
}

/// A server that takes longer to start than the probe waits, answers the probe late, then `initialize`.
#[tokio::test]
async fn a_late_answer_to_the_probe_does_not_spoil_the_fallback() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        let probe: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        let initialize: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!((&probe["method"], &initialize["method"]), (&json!("server/discover"), &json!("initialize")));
        let late = json!({"jsonrpc": "2.0", "id": probe["id"], "error": {"code": -32601, "message": "?"}});
        let info =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}});
        let ready = json!({"jsonrpc": "2.0", "id": initialize["id"], "result": info});
        write.write_all(format!("{late}\n{ready}\n").as_bytes()).await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["method"] == "tools/list" {
                let error = json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "?"}});
                write.write_all(format!("{error}\n").as_bytes()).await.unwrap();
            }
        }
    });
    let fleet = Fleet::default();
    fleet.add_server(ServerSpec::new("s", Transport::stream(ours))).unwrap();
    assert_eq!(fleet.wait_ready(&["s"]).await, []);
    assert_eq!(status(&fleet, "s").state, ServerState::Ready);
}

/// A server of 2026-07-28, written by hand, that has resources and answers `subscriptions/listen` with what `answer` makes
/// of the request's identity and the URIs that it asks for.
fn with_resources(answer: impl Fn(&Value, &Value) -> Vec<Value> + Send + 'static) -> ServerSpec {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let id = &message["id"];
            let say = match message["method"].as_str().unwrap() {
                "server/discover" => vec![json!({"jsonrpc": "2.0", "id": id, "result": {
                    "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
                    "capabilities": {"resources": {"subscribe": true}}}})],
                "tools/list" => {
                    vec![json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "tools": []}})]
                }
                "subscriptions/listen" => answer(id, &message["params"]["notifications"]["resourceSubscriptions"]),
                _ => Vec::new(),
            };
            for message in say {
                write.write_all(format!("{message}\n").as_bytes()).await.unwrap();
            }
        }
    });
    ServerSpec::new("s", Transport::stream(ours))
}

fn acknowledges(id: &Value, uris: &Value) -> Value {
    let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
    json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
        "params": {"_meta": meta, "notifications": {"resourceSubscriptions": uris}}})
}

async fn subscribe(fleet: &Fleet, uri: &str) -> Result<(), CallError> {
    let params = json!({"uri": uri}).to_string();
    let query = Query { server: "s".into(), kind: QueryKind::Subscribe, name: uri.into(), params };
    fleet.attempt_query(&query, &context()).await.result.map(drop)
}

#[tokio::test]
async fn a_subscription_that_is_never_acknowledged_is_an_error() {
    let fleet = Fleet::default();
    fleet.add_server(with_resources(|_, _| Vec::new())).unwrap();
    fleet.wait_ready(&["s"]).await;
    let begun = std::time::Instant::now();
    let error = subscribe(&fleet, "file:///a").await.unwrap_err();
    let CallError::TimedOut(why) = &error else { panic!("{error:?}") };
    assert!(why.contains("`s`: did not acknowledge the subscription within 5 s"), "{why}");
    assert!((5..9).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_subscription_is_made_or_refused_for_each_resource() {
    let fleet = Fleet::default();
    let accepts = |id: &Value, uris: &Value| {
        let uris = uris.as_array().unwrap();
        if uris.iter().any(|uri| uri == "file:///error") {
            return vec![json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "no such thing"}})];
        }
        let some: Vec<&Value> = uris.iter().filter(|uri| *uri != "file:///odd").collect();
        vec![acknowledges(id, &json!(some))]
    };
    fleet.add_server(with_resources(accepts)).unwrap();
    fleet.wait_ready(&["s"]).await;
    assert_eq!(subscribe(&fleet, "file:///a").await, Ok(()));
    assert_eq!(subscribe(&fleet, "file:///a").await, Ok(()), "a second time without asking");
    for (uri, want) in [("file:///odd", "leaves this resource out"), ("file:///error", "no such thing")] {
        let error = subscribe(&fleet, uri).await.unwrap_err();
        assert!(error.to_string().contains(want) && error.to_string().contains("refused the subscription"), "{error}");
    }
    assert_eq!(subscribe(&fleet, "file:///b").await, Ok(()), "a refused one spoils no other");
    fleet.shutdown().await;
}

/// Time stands still here but for what the test does, so the backoff can be seen.
#[tokio::test]
async fn a_server_in_backoff_fails_at_once_and_says_when_it_is_tried_again() {
    let clock = Arc::new(tollgate_core::ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
    let fleet = Fleet::new(clock.clone(), Arc::new(tollgate_core::SeededEntropy::new(1)));
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let transport = Transport::stream_source(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err(std::io::Error::other("nobody home")) }
    });
    fleet.add_server(ServerSpec::new("s", transport)).unwrap();
    for round in 1..=8 {
        eventually(|| Some(()).filter(|()| tries.load(Ordering::SeqCst) == round)).await;
        until(&fleet, "s", ServerState::Failed).await;
        let error = fails(&fleet, "s:echo", json!({})).await.to_string();
        assert!(error.contains("`s`: nobody home; next try in"), "{error}");
        assert_eq!(tries.load(Ordering::SeqCst), round, "it waits for its time");
        // The ceiling: half a second, doubled by each failure, a minute at most.
        clock.advance(Duration::from_millis(500 << (round - 1)).min(Duration::from_secs(60)));
    }
    drop(fleet);
}
