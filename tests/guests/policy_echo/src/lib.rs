//! Returns its input. Written with the SDK, as an author would.

use tollgate_sdk::prelude::*;

/// Returns its input.
#[policy]
async fn policy_echo(input: Value) -> Result<Value> {
    Ok(input)
}
