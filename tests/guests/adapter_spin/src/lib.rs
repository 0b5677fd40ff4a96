//! Burns fuel behind its caller's back. Tools: `burn` (at least `{"fuel"}` units, then answers), `forever`.

use kit::{Answer, Tool, ToolError};
use std::hint::black_box;

kit::adapter!(list_tools, call_tool);

fn list_tools() -> Vec<Tool> {
    ["burn", "forever"].map(kit::tool).into()
}

async fn call_tool(name: String, args: String) -> Answer {
    let steps = match name.as_str() {
        // A step is more than one instruction, and each costs a unit.
        "burn" => kit::parse(&args)["fuel"].as_u64().expect("`fuel` is a number"),
        "forever" => u64::MAX,
        _ => return Err(ToolError::UnknownTool(name)),
    };
    for step in 0..steps {
        black_box(step);
    }
    kit::text_result("burnt")
}
