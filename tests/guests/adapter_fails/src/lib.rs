//! Fails in each way that an adapter can: the tool's name says how.

use kit::{Answer, CallError, CallFailure, Tool, ToolError};

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    ["ok", "is_error", "invalid_arguments", "failed", "call_failed", "panics"].map(kit::tool).into()
}

async fn call_tool(name: String, args: String) -> Answer {
    Err(match name.as_str() {
        "ok" => return kit::text_result(&args),
        "is_error" => {
            let json = r#"{"content":[{"type":"text","text":"no such invoice"}],"isError":true}"#;
            return Ok(kit::ToolResult { json: json.to_owned() });
        }
        "invalid_arguments" => ToolError::InvalidArguments("`id` is missing".into()),
        "failed" => ToolError::Failed("the printer is on fire".into()),
        "call_failed" => ToolError::CallFailed(CallFailure {
            server: "crm".into(),
            tool: "get".into(),
            attempts: 2,
            elapsed_ms: 30,
            error: CallError::Unavailable("it is asleep".into()),
        }),
        "panics" => panic!("a tool panics"),
        _ => ToolError::UnknownTool(name),
    })
}
