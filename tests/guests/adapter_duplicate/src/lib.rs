//! Lists two tools of one name.

use kit::{Answer, Tool};

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    vec![kit::tool("twin"), Tool { description: "The other one.".into(), ..kit::tool("twin") }]
}

async fn call_tool(name: String, _: String) -> Answer {
    kit::text_result(&name)
}
