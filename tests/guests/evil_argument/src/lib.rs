//! Makes a call with giant arguments. Input: their size in bytes. Output: what the call gave.

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let bytes = kit::parse(&input).as_u64().expect("the input is a size") as usize;
    let shell = r#"{"x":""}"#.len();
    let args = format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes.saturating_sub(shell)));
    let answer = kit::tools::call_tool("echo".into(), "size".into(), args).await;
    Ok(kit::outcome(&answer).to_string())
}
