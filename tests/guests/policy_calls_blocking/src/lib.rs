//! `policy_calls` without async: `"at_once"` is a batch.

use kit::Value;
use kit::types::Call;

kit::policy_blocking!(run);

fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let calls = input["calls"].as_array().expect("`calls` is a list").iter().map(|call| {
        let text = |key: &str| call[key].as_str().expect("server and tool are texts").to_owned();
        Call { server: text("server"), tool: text("tool"), args: call["args"].to_string() }
    });
    let answers = match input["mode"].as_str() {
        Some("at_once") => kit::tools_blocking::call_tools(&calls.collect::<Vec<_>>()),
        Some("sequence") => {
            calls.map(|call| kit::tools_blocking::call_tool(&call.server, &call.tool, &call.args)).collect()
        }
        _ => panic!("`mode` is `sequence` or `at_once`"),
    };
    Ok(Value::from(answers.iter().map(kit::outcome).collect::<Vec<_>>()).to_string())
}
