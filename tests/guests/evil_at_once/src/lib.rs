//! Has more calls in flight than it may. Input: `{"calls", "server", "tool"}`. Output: how many calls ended in
//! which way, as `{"ok": 2, "budget-exhausted": 3}`.

use std::collections::BTreeMap;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let text = |key: &str| input[key].as_str().expect("server and tool are texts").to_owned();
    let calls = input["calls"].as_u64().expect("`calls` is a count");
    let call = |_| kit::tools::call_tool(text("server"), text("tool"), "{}".into());
    let mut counts = BTreeMap::<_, u64>::new();
    for answer in kit::join_all((0..calls).map(call)).await {
        *counts.entry(answer.as_ref().map_or_else(|failure| kit::kind(&failure.error), |_| "ok")).or_default() += 1;
    }
    Ok(kit::json!(counts).to_string())
}
