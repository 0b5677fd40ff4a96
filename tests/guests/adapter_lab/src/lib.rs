//! What the scripts of tests/scripts call: one tool for each way in which an answer, a failure or an argument can look.

use std::time::Duration;
use tollgate_sdk::prelude::*;
use tollgate_sdk::sleep;

#[derive(Serialize, JsonSchema)]
struct Echo {
    value: Value,
}

#[derive(Serialize, JsonSchema)]
struct Waited {
    waited: u64,
}

#[derive(Serialize, JsonSchema)]
struct Move {
    object_name: String,
    grasp_id: i64,
    mode: String,
    move_to_object: bool,
}

struct Lab;

#[adapter]
impl Lab {
    /// Gives back any value.
    #[tool(read_only)]
    async fn echo(value: Value) -> Result<Echo> {
        Ok(Echo { value })
    }

    /// Gives back a text, as text content alone.
    #[tool(read_only)]
    async fn text(text: String) -> Result<ToolResult> {
        Ok(ToolResult::from_text(text))
    }

    /// The same under a name that is no identifier.
    #[tool(name = "json-text", read_only)]
    async fn json_text(text: String) -> Result<ToolResult> {
        Ok(ToolResult::from_text(text))
    }

    /// Fails with a message.
    #[tool]
    async fn fail(message: String) -> Result<ToolResult> {
        bail!("{message}")
    }

    /// Returns after so many milliseconds.
    #[tool(read_only)]
    async fn wait(ms: u64) -> Result<Waited> {
        sleep(Duration::from_millis(ms)).await;
        Ok(Waited { waited: ms })
    }

    /// Gives back its arguments, some of which have defaults.
    #[tool(name = "move")]
    async fn move_object(
        object_name: String,
        grasp_id: i64,
        #[serde(default = "sim")] mode: String,
        #[serde(default)] move_to_object: bool,
    ) -> Result<Move> {
        Ok(Move { object_name, grasp_id, mode, move_to_object })
    }

    /// A picture of one pixel.
    #[tool(read_only)]
    async fn picture() -> Result<ToolResult> {
        let block = json!({"type": "image", "data": "R0lGODlhAQABAAAAACw=", "mimeType": "image/gif"});
        Ok(ToolResult::from_raw(json!({"content": [block]}).to_string()))
    }

    /// Has a name that is a keyword.
    #[tool(read_only)]
    async fn class(x: Value) -> Result<Echo> {
        Ok(Echo { value: x })
    }

    /// Adds two numbers, and gives the sum as text.
    #[tool(read_only)]
    async fn add(a: f64, b: f64) -> Result<ToolResult> {
        Ok(ToolResult::from_text((a + b).to_string()))
    }

    /// The numbers from 0 to below `n`, as a list in text.
    #[tool(read_only)]
    async fn many(#[schemars(range(max = 10_000))] n: u64) -> Result<ToolResult> {
        Ok(ToolResult::from_text(json!((0..n.min(10_000)).collect::<Vec<_>>()).to_string()))
    }
}

fn sim() -> String {
    "sim".to_owned()
}
