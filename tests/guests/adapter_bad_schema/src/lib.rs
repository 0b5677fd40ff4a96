//! Lists a tool whose input schema is no object.

use kit::{Answer, Tool};

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    vec![Tool { input_schema: "true".into(), ..kit::tool("any") }]
}

async fn call_tool(name: String, _: String) -> Answer {
    kit::text_result(&name)
}
