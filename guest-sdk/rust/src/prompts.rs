//! The prompts of servers: messages that they have ready. Needs a grant `prompt=SERVER:NAME`, with stars where you like.
//!
//! A function that is not `async` has [`blocking`].

use serde::Serialize;
use serde_json::Value;

use crate::bindings::policy::tollgate::prompts::prompts;
use crate::resources::parsed;
use crate::{CallFailure, Error, Result};

/// Gets a prompt of a server, filled in with arguments (an object of texts): MCP's `GetPromptResult`.
///
/// # Errors
/// Those of [`call`](crate::call).
pub async fn get(server: &str, name: &str, arguments: impl Serialize) -> Result<Value> {
    let arguments = text(arguments)?;
    parsed(prompts::get(server.to_owned(), name.to_owned(), arguments).await.map_err(CallFailure::from)?)
}

/// The prompts of all servers that are granted: MCP's `Prompt`s, each with its `server`.
///
/// # Errors
/// The host's list is not JSON, which would be its fault.
pub async fn list() -> Result<Vec<Value>> {
    parsed(prompts::list_prompts().await)
}

fn text(arguments: impl Serialize) -> Result<String> {
    serde_json::to_string(&arguments).map_err(|error| Error::new(format!("the arguments are no JSON: {error}")))
}

/// The same for functions that are not `async`.
pub mod blocking {
    use super::{CallFailure, Result, Serialize, Value, parsed, text};
    use crate::bindings::policy_blocking::tollgate::prompts::prompts_blocking;

    /// As [`super::get`].
    ///
    /// # Errors
    /// Those of [`super::get`].
    pub fn get(server: &str, name: &str, arguments: impl Serialize) -> Result<Value> {
        parsed(prompts_blocking::get(server, name, &text(arguments)?).map_err(CallFailure::from)?)
    }

    /// As [`super::list`].
    ///
    /// # Errors
    /// Those of [`super::list`].
    pub fn list() -> Result<Vec<Value>> {
        parsed(prompts_blocking::list_prompts())
    }
}
