//! Makes more calls than it may, one after the other. Input: how many. Output: how many gave a result, and the
//! first and the last error.

use kit::{Value, json};

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let calls = kit::parse(&input).as_u64().expect("the input is a count");
    let (mut succeeded, mut first_error, mut last_error) = (0, Value::Null, Value::Null);
    for _ in 0..calls {
        let answer = kit::tools::call_tool("echo".into(), "echo".into(), "{}".into()).await;
        if answer.is_ok() {
            succeeded += 1;
            continue;
        }
        last_error = kit::outcome(&answer)["error"].take();
        if first_error.is_null() {
            first_error = last_error.clone();
        }
    }
    Ok(json!({"succeeded": succeeded, "first_error": first_error, "last_error": last_error}).to_string())
}
