//! Lists 5,000 tools.

use kit::{Answer, Tool};

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    (0..5_000).map(|n| kit::tool(&format!("tool_{n:04}"))).collect()
}

async fn call_tool(name: String, _: String) -> Answer {
    kit::text_result(&name)
}
