//! Its tool `relay` calls another tool and passes the answer on: `{"server", "tool", "args"}`,
//! without async.

use kit::{Answer, Tool, ToolError};

kit::adapter_blocking!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    vec![kit::tool("relay")]
}

fn call_tool(_: String, args: String) -> Answer {
    let args = kit::parse(&args);
    let text = |key: &str| args[key].as_str().expect("server and tool are texts");
    let answer = kit::tools_blocking::call_tool(text("server"), text("tool"), &args["args"].to_string());
    answer.map_err(ToolError::CallFailed)
}
