//! For benchmarks: one call.

use tollgate_sdk::prelude::*;

/// Makes one call of echo:echo.
#[policy]
async fn policy_one_call() -> Result<()> {
    call("echo:echo", json!({"n": 1})).await?;
    Ok(())
}
