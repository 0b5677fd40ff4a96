//! `policy_sleep` without async: one sleep after the other.

use std::time::Instant;

kit::policy_blocking!(run);

fn run(input: String) -> kit::Output {
    let naps = kit::parse(&input);
    let start = Instant::now();
    let sleep = |ms: &kit::Value| {
        kit::timer_blocking::sleep(ms.as_u64().expect("milliseconds"));
        start.elapsed().as_millis() as u64
    };
    let woken: Vec<_> = naps.as_array().expect("the input is a list").iter().map(sleep).collect();
    Ok(kit::json!(woken).to_string())
}
