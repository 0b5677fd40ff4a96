//! Calling tools without `async`: one at a time, or a batch at once.
//!
//! For `#[policy(blocking)]` and `#[adapter(blocking)]`. A component uses either these functions or the
//! asynchronous ones.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//!
//! /// Counts the open tickets of two customers.
//! #[policy(blocking, grants = ["tool=tickets:list_tickets"])]
//! fn compare(first: String, second: String) -> Result<Vec<usize>> {
//!     let open = |id: String| blocking::Call::new("tickets:list_tickets", json!({"customer_id": id}));
//!     let answers = blocking::call_all([open(first), open(second)]);
//!     answers.into_iter().map(|tickets| Ok(tickets?.json::<Vec<Value>>()?.len())).collect()
//! }
//! # fn main() {}
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::types as wit;
use crate::call::{Request, decode};
use crate::failure::whole_ms;
use crate::{CallFailure, Result, ToolResult, host};

/// Calls a tool, named `server:tool`, and waits for its answer.
///
/// # Errors
/// See [`CallError`](crate::CallError): none ends the run.
pub fn call(tool: &str, args: impl Serialize) -> Result<ToolResult, CallFailure> {
    let request = Request::new(tool, args)?;
    finish(host::blocking::call_tool(&request.server, &request.tool, &request.args))
}

/// Calls a tool and reads its result as a `T`, in the way of [`ToolResult::json`].
///
/// # Errors
/// Those of [`call`], kept as the [cause](crate::Error::cause), and those of [`ToolResult::json`].
pub fn call_as<T: DeserializeOwned>(tool: &str, args: impl Serialize) -> Result<T> {
    decode(tool, call(tool, args)?)
}

/// One call of a batch, for [`call_all`].
#[derive(Debug)]
pub struct Call(Result<Request, CallFailure>);

impl Call {
    /// A call of a tool, named `server:tool`. A malformed one fails when the batch is made.
    pub fn new(tool: &str, args: impl Serialize) -> Self {
        Self(Request::new(tool, args))
    }
}

/// Makes all calls at once and waits for all. Answers stand in the order of the calls; one that fails
/// does not disturb the others.
pub fn call_all(calls: impl IntoIterator<Item = Call>) -> Vec<Result<ToolResult, CallFailure>> {
    let mut batch = Vec::new();
    let slots: Vec<_> = calls
        .into_iter()
        .map(|Call(request)| request.map(|Request { server, tool, args }| batch.push(wit::Call { server, tool, args })))
        .collect();
    // A malformed call has its failure already; the others take the host's answers in turn.
    let mut answers = host::blocking::call_tools(&batch).into_iter();
    slots
        .into_iter()
        .filter_map(|slot| slot.map_or_else(|failure| Some(Err(failure)), |()| answers.next().map(finish)))
        .collect()
}

/// Waits on the host's timer. It costs no fuel; the run's wall-time limit holds meanwhile.
pub fn sleep(duration: Duration) {
    host::blocking::sleep(whole_ms(duration));
}

fn finish(answer: Result<wit::ToolResult, wit::CallFailure>) -> Result<ToolResult, CallFailure> {
    answer.map(|result| ToolResult::from_raw(result.json)).map_err(CallFailure::from)
}
