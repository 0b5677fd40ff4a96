//! Every tool answers with something that is no `CallToolResult`; the tool's name says what.

use kit::{Answer, Tool, ToolError, ToolResult};

kit::adapter!(list_tools, call_tool);

const ANSWERS: [(&str, &str); 8] = [
    ("not_json", "oops"),
    ("not_an_object", "[]"),
    ("null", "null"),
    ("no_content", "{}"),
    ("content_is_text", r#"{"content": "oops"}"#),
    ("content_of_texts", r#"{"content": ["oops"]}"#),
    ("is_error_is_text", r#"{"content": [], "isError": "yes"}"#),
    ("structured_content_is_text", r#"{"content": [], "structuredContent": "oops"}"#),
];

fn list_tools() -> Vec<Tool> {
    ANSWERS.iter().map(|(name, _)| kit::tool(name)).chain([kit::tool("too_deep"), kit::tool("giant")]).collect()
}

async fn call_tool(name: String, args: String) -> Answer {
    let json = match name.as_str() {
        "too_deep" => format!(r#"{{"content": [], "x": {}{}}}"#, "[".repeat(200), "]".repeat(200)),
        "giant" => {
            let bytes = kit::parse(&args)["bytes"].as_u64().expect("`bytes` is a number") as usize;
            format!(r#"{{"content": [{{"type": "text", "text": "{}"}}]}}"#, "x".repeat(bytes))
        }
        name => match ANSWERS.iter().find(|(tool, _)| *tool == name) {
            Some((_, json)) => (*json).to_owned(),
            None => return Err(ToolError::UnknownTool(name.to_owned())),
        },
    };
    Ok(ToolResult { json })
}
