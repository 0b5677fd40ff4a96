//! Lists tools whose names are none: empty, with a control character, far too long.

use kit::{Answer, Tool};

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    ["good", "", "bell\u{7}", &"x".repeat(10_000)].map(kit::tool).into()
}

async fn call_tool(name: String, _: String) -> Answer {
    kit::text_result(&name)
}
