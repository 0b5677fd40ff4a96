//! For benchmarks: the least that a policy can do. Without async.

use tollgate_sdk::prelude::*;

/// Does nothing.
#[policy(blocking)]
fn policy_no_call() -> Result<()> {
    Ok(())
}
