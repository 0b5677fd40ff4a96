use tollgate_sdk::prelude::*;

/// Greets somebody.
#[policy]
async fn hello(name: String) -> Result<String> {
    Ok(format!("Hello, {name}!"))
}
