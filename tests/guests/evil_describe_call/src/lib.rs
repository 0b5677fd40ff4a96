//! Tries to call a tool and to log while it describes itself; the description tells what came of it.

use kit::log::Level;

kit::policy_blocking!(run, describe);

fn describe() -> kit::Descriptor {
    kit::log::log(Level::Error, "said while describing");
    kit::progress::progress(1.0, None, Some("done while describing"));
    let answer = kit::tools_blocking::call_tool("echo", "echo", "{}");
    kit::Descriptor { description: kit::outcome(&answer).to_string(), ..kit::descriptor("evil_describe_call") }
}

fn run(input: String) -> kit::Output {
    Ok(input)
}
