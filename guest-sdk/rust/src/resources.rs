//! The resources of servers: what they have to read. Needs a grant `resource=SERVER:URI`, with stars where you like.
//!
//! A function that is not `async` has [`blocking`].

use serde_json::Value;

use crate::bindings::policy::tollgate::resources::resources;
use crate::{CallFailure, Error, Result};

/// Reads a resource of a server: MCP's `ReadResourceResult`, whose `contents` hold texts or base64.
///
/// # Errors
/// Those of [`call`](crate::call).
pub async fn read(server: &str, uri: &str) -> Result<Value> {
    parsed(resources::read(server.to_owned(), uri.to_owned()).await.map_err(CallFailure::from)?)
}

/// The resources of all servers that are granted: MCP's `Resource`s, each with its `server`.
///
/// # Errors
/// The host's list is not JSON, which would be its fault.
pub async fn list() -> Result<Vec<Value>> {
    parsed(resources::list_resources().await)
}

/// The templates of resources that are granted: MCP's `ResourceTemplate`s, each with its `server`.
///
/// # Errors
/// The host's list is not JSON, which would be its fault.
pub async fn templates() -> Result<Vec<Value>> {
    parsed(resources::list_templates().await)
}

pub(crate) fn parsed<T: serde::de::DeserializeOwned>(json: String) -> Result<T> {
    serde_json::from_str(&json).map_err(|error| Error::new(format!("the host's answer cannot be read: {error}")))
}

/// The same for functions that are not `async`.
pub mod blocking {
    use super::{CallFailure, Result, Value, parsed};
    use crate::bindings::policy_blocking::tollgate::resources::resources_blocking;

    /// As [`super::read`].
    ///
    /// # Errors
    /// Those of [`super::read`].
    pub fn read(server: &str, uri: &str) -> Result<Value> {
        parsed(resources_blocking::read(server, uri).map_err(CallFailure::from)?)
    }

    /// As [`super::list`].
    ///
    /// # Errors
    /// Those of [`super::list`].
    pub fn list() -> Result<Vec<Value>> {
        parsed(resources_blocking::list_resources())
    }
}
