//! For benchmarks: one call. Without async.

use tollgate_sdk::prelude::*;

/// Makes one call of echo:echo.
#[policy(blocking)]
fn policy_one_call() -> Result<()> {
    blocking::call("echo:echo", json!({"n": 1}))?;
    Ok(())
}
