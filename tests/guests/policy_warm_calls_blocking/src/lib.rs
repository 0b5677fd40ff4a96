//! For benchmarks: many calls one after the other in one run. Without async.

use tollgate_sdk::prelude::*;

/// Makes calls of echo:echo.
#[policy(blocking)]
fn policy_warm_calls(
    /// How many.
    calls: u64,
) -> Result<()> {
    for _ in 0..calls {
        blocking::call("echo:echo", json!({"n": 1}))?;
    }
    Ok(())
}
