//! Calling tools, for functions that are `async`.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::whole_ms;
use crate::{CallError, CallFailure, Result, ToolResult, Violation, host};

/// Calls a tool, named `server:tool`, and waits for its answer. `domain:NAME:tool` lets the host choose the server: the best
/// one of the domain that has the tool.
///
/// Start several and [`join!`](crate::join) them to run them at once. Dropping the future cancels the
/// call, at the server too.
///
/// ```no_run
/// # use tollgate_sdk::prelude::*;
/// # async fn example() -> Result<()> {
/// let found = call("crm:search_customers", json!({"query": "acme"})).await?;
/// println!("{}", found.text());
/// # Ok(()) }
/// ```
///
/// # Errors
/// See [`CallError`]: none ends the run, so a policy can match on the case and go on.
pub async fn call(tool: &str, args: impl Serialize) -> Result<ToolResult, CallFailure> {
    let request = Request::new(tool, args)?;
    host::call_tool(request.server, request.tool, request.args)
        .await
        .map(|result| ToolResult::from_raw(result.json))
        .map_err(CallFailure::from)
}

/// Calls a tool and reads its result as a `T`, in the way of [`ToolResult::json`].
///
/// # Errors
/// Those of [`call`], kept as the [cause](crate::Error::cause), and those of [`ToolResult::json`].
pub async fn call_as<T: DeserializeOwned>(tool: &str, args: impl Serialize) -> Result<T> {
    decode(tool, call(tool, args).await?)
}

/// Waits on the host's timer. It costs no fuel; the run's wall-time limit holds meanwhile.
pub async fn sleep(duration: Duration) {
    host::sleep(whole_ms(duration)).await;
}

/// What the server of a call begins with where it names a domain.
const DOMAIN_PREFIX: &str = "domain:";

/// A call, checked as far as the guest can.
#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub server: String,
    pub tool: String,
    pub args: String,
}

impl Request {
    pub fn new(name: &str, args: impl Serialize) -> Result<Self, CallFailure> {
        // A domain in place of a server has a colon of its own: `domain:products:get_product`.
        let after = if name.starts_with(DOMAIN_PREFIX) { DOMAIN_PREFIX.len() } else { 0 };
        let colon = name.get(after..).and_then(|rest| rest.find(':')).map(|at| at + after);
        let (server, tool) = match colon.and_then(|at| Some((name.get(..at)?, name.get(at + 1..)?))) {
            Some((server, tool)) if server.len() > after && !tool.is_empty() => (server, tool),
            _ => return Err(CallFailure::unsent("", name, CallError::UnknownTool(Vec::new()))),
        };
        let args = serde_json::to_string(&args).map_err(|error| {
            let violation = Violation { path: String::new(), message: error.to_string() };
            CallFailure::unsent(server, tool, CallError::InvalidArguments(vec![violation]))
        })?;
        Ok(Self { server: server.to_owned(), tool: tool.to_owned(), args })
    }
}

pub(crate) fn decode<T: DeserializeOwned>(tool: &str, result: ToolResult) -> Result<T> {
    result.json().map_err(|error| error.prefixed(tool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tool_name_is_split_at_its_first_colon() {
        let request = Request::new("crm:get:it", json!({"id": 1})).unwrap();
        assert_eq!(request, Request { server: "crm".into(), tool: "get:it".into(), args: r#"{"id":1}"#.into() });
    }

    #[test]
    fn a_domain_in_place_of_a_server_keeps_its_colon() {
        let request = Request::new("domain:products:get", json!({})).unwrap();
        assert_eq!((request.server.as_str(), request.tool.as_str()), ("domain:products", "get"));
    }

    #[test]
    fn a_malformed_tool_name_is_an_error_that_shows_the_form() {
        for name in ["get_customer", ":get_customer", "crm:", "", "domain:products", "domain::get", "domain:products:"]
        {
            let failure = Request::new(name, json!({})).unwrap_err();
            let message = failure.to_string();
            assert!(message.starts_with(&format!("`{name}` is not a tool name (write `server:tool`")), "{message}");
            assert!(!failure.is_retryable());
        }
    }

    #[test]
    fn arguments_that_are_not_json_are_an_error() {
        let keyed_by_lists = std::collections::BTreeMap::from([(vec![1], 2)]);
        let failure = Request::new("crm:get", keyed_by_lists).unwrap_err();
        assert_eq!(failure.error.kind(), "invalid-arguments");
    }

    #[test]
    fn a_result_of_another_shape_names_the_tool() {
        let error = decode::<u32>("crm:count", ToolResult::from_text("many")).unwrap_err();
        assert!(error.to_string().starts_with("crm:count: "), "{error}");
    }
}
