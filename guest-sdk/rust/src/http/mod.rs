//! Requests to the outside, over `wasi:http` 0.2. Needs the feature `http`, and a grant of the host.
//!
//! ```no_run
//! use tollgate_sdk::http::Request;
//! use tollgate_sdk::prelude::*;
//!
//! # async fn example() -> Result<()> {
//! let mut response = Request::get("https://api.example.com/v1/customers").query("name", "acme").send().await?;
//! let customers: Vec<Value> = response.json().await?;
//! # Ok(()) }
//! ```
//!
//! The host holds the credentials and adds them where its configuration says so: a component sends none. What the
//! host does not allow is an [`Error`] of the kind [`Denied`](ErrorKind::Denied), with the host's own words.
//!
//! **Several at once.** [`send_all`], or [`join_all`](crate::join_all) over several [`send`](Request::send). Tool
//! calls run on beside requests, but while a function waits for requests only, the answer of a call is seen when the
//! next request has moved on.
//!
//! **Without async.** [`wait`] drives what this module has in a function that is not `async`:
//!
//! ```no_run
//! # use tollgate_sdk::{http, prelude::*};
//! # fn example() -> Result<()> {
//! let mut response = http::wait(http::Request::get("https://api.example.com/v1/now").send())?;
//! let now = http::wait(response.text())?;
//! # Ok(()) }
//! ```

mod error;
mod poll;
mod request;
mod response;
mod wire;

pub use error::{Error, ErrorKind};
pub use poll::wait;
pub use request::Request;
pub use response::Response;

/// Sends requests at once. The answers stand in the order of the requests.
///
/// The host limits how many it makes at once; what is over that is an error of its request alone.
pub async fn send_all(requests: impl IntoIterator<Item = Request>) -> Vec<Result<Response, Error>> {
    crate::join_all(requests.into_iter().map(Request::send)).await
}
