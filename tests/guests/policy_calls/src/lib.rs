//! Makes the calls that it is told to and tells what each gave. Input: `{"calls": [{"server", "tool", "args"}],
//! "mode": "sequence" | "at_once"}`. Output: for each call `{"ok": CallToolResult}` or `{"error": {…}}` with
//! every field that a guest can see.

use kit::Value;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let calls = input["calls"].as_array().expect("`calls` is a list").iter();
    let answers = match input["mode"].as_str() {
        Some("at_once") => kit::join_all(calls.map(call)).await,
        Some("sequence") => {
            let mut answers = Vec::new();
            for one in calls {
                answers.push(call(one).await);
            }
            answers
        }
        _ => panic!("`mode` is `sequence` or `at_once`"),
    };
    Ok(Value::from(answers).to_string())
}

async fn call(call: &Value) -> Value {
    let text = |key: &str| call[key].as_str().expect("server and tool are texts").to_owned();
    kit::outcome(&kit::tools::call_tool(text("server"), text("tool"), call["args"].to_string()).await)
}
