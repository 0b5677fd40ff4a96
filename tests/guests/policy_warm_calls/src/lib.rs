//! For benchmarks: many calls one after the other in one run.

use tollgate_sdk::prelude::*;

/// Makes calls of echo:echo.
#[policy]
async fn policy_warm_calls(
    /// How many.
    calls: u64,
) -> Result<()> {
    for _ in 0..calls {
        call("echo:echo", json!({"n": 1})).await?;
    }
    Ok(())
}
