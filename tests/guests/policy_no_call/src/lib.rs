//! For benchmarks: the least that a policy can do.

use tollgate_sdk::prelude::*;

/// Does nothing.
#[policy]
async fn policy_no_call() -> Result<()> {
    Ok(())
}
