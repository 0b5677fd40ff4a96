//! Returns a giant output. Input: its size in bytes.

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let bytes = kit::parse(&input).as_u64().expect("the input is a size") as usize;
    Ok(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))))
}
