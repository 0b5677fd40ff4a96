//! Its tool `relay` calls another tool and passes the answer on: `{"server", "tool", "args"}`.

use kit::{Answer, Tool, ToolError};

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    vec![kit::tool("relay")]
}

async fn call_tool(_: String, args: String) -> Answer {
    let args = kit::parse(&args);
    let text = |key: &str| args[key].as_str().expect("server and tool are texts").to_owned();
    let answer = kit::tools::call_tool(text("server"), text("tool"), args["args"].to_string()).await;
    answer.map_err(ToolError::CallFailed)
}
