//! Members of `_meta` that come with a call, on their way to the server: the W3C trace context is one.

use crate::http::serve;
use crate::streams::{Echo, LEGACY, MODERN, in_process};
use crate::support::*;
use serde_json::Value;
use tollgate_core::Call;
use tollgate_route::Backend;
use tollgate_upstream::{Fleet, HttpKind, ServerSpec, Transport};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn the_trace_context_reaches_servers_over_every_transport() {
    let fleet = Fleet::default();
    fleet.add_server(evil("stdio", "meta", "")).unwrap();
    fleet.add_server(in_process("stream-modern", Echo::new(MODERN))).unwrap();
    fleet.add_server(in_process("stream-legacy", Echo::new(LEGACY))).unwrap();
    let mut serving = Vec::new();
    let apps = [
        ("http-modern", crate::http::mcp(Echo::new(MODERN)), "/mcp", HttpKind::Streamable),
        ("http-legacy", crate::http::mcp(Echo::new(LEGACY)), "/mcp", HttpKind::Streamable),
        ("sse", crate::legacy_sse::router(), "/sse", HttpKind::Sse),
    ];
    for (name, app, path, kind) in apps {
        let served = serve(app).await;
        let url = format!("{}{path}", served.url);
        fleet.add_server(ServerSpec::new(name, Transport::Http { url, headers: [].into(), kind })).unwrap();
        serving.push(served);
    }
    for server in ["stdio", "stream-modern", "stream-legacy", "http-modern", "http-legacy", "sse"] {
        let name = if server == "stdio" { "echo" } else { "meta" };
        let tool = fleet.resolve(server, name).await.unwrap();
        let meta = format!(r#"{{"traceparent": "{TRACE}", "tracestate": "a=1", "example.com/own": {{"b": [2]}}}}"#);
        let call = Call { server: server.into(), tool: name.into(), args: "{}".into(), meta: Some(meta) };
        let result = fleet.attempt(&tool, &call, &context()).await.result.unwrap_or_else(|e| panic!("{server}: {e}"));
        let json: Value = serde_json::from_str(&result.json).unwrap();
        let seen = &json["structuredContent"];
        assert_eq!(seen["traceparent"], TRACE, "{server}: {json}");
        assert_eq!((&seen["tracestate"], &seen["example.com/own"]["b"][0]), (&"a=1".into(), &2.into()), "{server}");
        assert!(seen["progressToken"].is_i64(), "{server}: what is ours is not replaced: {seen}");
        // What is no object is left out, and the call goes on.
        let call = Call { meta: Some("[1]".into()), ..call };
        assert!(fleet.attempt(&tool, &call, &context()).await.result.is_ok(), "{server}");
    }
    fleet.shutdown().await;
}
