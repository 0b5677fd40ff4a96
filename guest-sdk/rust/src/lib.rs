//! Write Tollgate policies and adapters in Rust.
//!
//! A **policy** is a workflow over the tools of many servers: one annotated function. Its doc comment is
//! its description, its parameters are its input, and the host asks for nothing else.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//!
//! /// Tells whether a customer has open tickets.
//! #[policy(grants = ["tool=crm:search_customers", "tool=tickets:list_tickets"])]
//! async fn has_open_tickets(
//!     /// The customer's e-mail address.
//!     email: String,
//! ) -> Result<bool> {
//!     let found: Vec<Value> = call_as("crm:search_customers", json!({"query": email})).await?;
//!     let Some(customer) = found.first() else { bail!("no customer has the e-mail {email}") };
//!     let filter = json!({"customer_id": customer["id"], "status": "open"});
//!     let tickets: Vec<Value> = call_as("tickets:list_tickets", filter).await?;
//!     Ok(!tickets.is_empty())
//! }
//! # fn main() {}
//! ```
//!
//! An **adapter** provides tools: an `impl` block whose functions are annotated. See [`macro@adapter`].
//!
//! Both are crates of type `cdylib`, built with `cargo build --release --target wasm32-wasip2`. A type that
//! describes input or output derives serde's and schemars' traits, and the crate then depends on `serde`
//! (feature `derive`) and `schemars` too:
//!
//! ```
//! use tollgate_sdk::prelude::*;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Input {
//!     /// Whom to greet.
//!     #[schemars(length(min = 1))]
//!     name: String,
//! }
//!
//! /// Greets somebody.
//! #[policy]
//! async fn hello(input: Input) -> Result<String> {
//!     Ok(format!("Hello, {}!", input.name))
//! }
//! # fn main() {}
//! ```
//!
//! # Layout
//!
//! - [`call`], [`call_as`], [`sleep`]: what a function does with the host. [`blocking`] has their twins.
//! - [`resources`], [`prompts`]: what servers have beside tools.
//! - [`servers`]: which servers and tools there are.
//! - [`offers`]: resources and prompts that an adapter has itself.
//! - [`model`]: asking a language model. [`ask`]: asking the person behind the run.
//! - [`state`]: what a component keeps from one run to the next.
//! - [`join!`], [`join_all`], [`try_join!`], [`try_join_all`]: several calls at once.
//! - [`ToolResult`]: what a tool answered. [`CallFailure`]: why it did not.
//! - [`Error`], [`bail!`]: how a policy or a tool fails itself.
//! - [`log`], [`progress`]: what it says while it runs.
#![cfg_attr(feature = "http", doc = "- [`http`]: requests to the outside (feature `http`).")]
//! - `testing`: a host for unit tests. Not there in components.

#[doc(hidden)]
#[path = "export.rs"]
pub mod __private;
pub mod ask;
#[doc(hidden)]
pub mod bindings;
pub mod blocking;
mod call;
mod error;
mod failure;
mod host;
#[cfg(feature = "http")]
pub mod http;
pub mod log;
pub mod model;
pub mod offers;
pub mod prompts;
pub mod resources;
mod result;
mod schema;
pub mod servers;
pub mod state;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use futures_util::future::{join_all, try_join_all};
pub use futures_util::{join, try_join};
/// Makes an `impl` block the adapter that its crate is: its functions with `#[tool]` are the tools.
///
/// ```
/// use tollgate_sdk::prelude::*;
///
/// #[derive(Serialize, JsonSchema)]
/// struct Invoice {
///     number: String,
///     amount_cents: u64,
/// }
///
/// struct Payments;
///
/// #[adapter]
/// impl Payments {
///     /// Gets an invoice.
///     #[tool(read_only, open_world = false)]
///     async fn get_invoice(
///         /// As printed on it: `INV-2041`.
///         number: String,
///     ) -> Result<Invoice> {
///         if number != "INV-2041" {
///             bail!("there is no invoice {number}; get_payment_history lists them");
///         }
///         Ok(Invoice { number, amount_cents: 49_900 })
///     }
/// }
/// # fn main() {}
/// ```
///
/// Parameters are those of [`macro@policy`]; a function need not be `async`. The result becomes structured
/// content and its JSON as text; one that is not an object becomes the member `result` of one. A tool that
/// wants to set its content itself returns a [`ToolResult`]. An error is shown to the caller as the tool's own
/// failure; where a failed call led to it, it is passed on as such.
///
/// Options of `#[tool]`: `name` (else the function's), `title`, `description`, and MCP's hints `read_only`,
/// `destructive`, `idempotent`, `open_world`, each alone or `= false`. A hint that is not given is not sent,
/// and MCP's defaults hold (not read-only, destructive, not idempotent, open world).
///
/// # Resources and prompts
///
/// A function with `#[resource(uri = "notes://count")]` is a resource, one with a template as `notes://note/{id}` a family of
/// them: its parameters are the variables, each a `String` or what reads from a text. A function with `#[prompt]` is a prompt;
/// its parameters are the prompt's arguments, texts too. Both have `name`, `title` and `description`, a resource also
/// `mime_type`. [`offers`] has what they return.
///
/// `#[adapter(blocking)]` is for functions that are not `async` and call tools by [`blocking`].
#[doc(inline)]
pub use tollgate_sdk_macros::adapter;
/// Makes a function the policy that its crate is.
///
/// ```
/// use tollgate_sdk::prelude::*;
///
/// /// Greets somebody.
/// #[policy]
/// async fn hello(name: String) -> Result<String> {
///     Ok(format!("Hello, {name}!"))
/// }
/// # fn main() {}
/// ```
///
/// The doc comment is the policy's description, for the person or model that chooses it. Every parameter is
/// a member of the input object, with its doc comment and its `#[serde]` and `#[schemars]` attributes; an
/// `Option` may be left out, and an unknown member is an error. A single parameter called `input` or `args`,
/// or one that takes a struct apart, is instead the whole input. Schemas of input and output come from the
/// types.
///
/// Options: `name` (else the function's, in kebab-case), `title`, `description`, `grants = ["tool=crm:*"]`
/// (what the policy asks for; asking grants nothing), and `blocking` for a function that is not `async` and
/// calls tools by [`blocking`].
#[doc(inline)]
pub use tollgate_sdk_macros::policy;

pub use crate::call::{call, call_as, sleep};
pub use crate::error::{Error, Result};
pub use crate::failure::{CallError, CallFailure, Limit, RpcError, Violation};
pub use crate::log::progress;
pub use crate::result::{ToolOutput, ToolResult};

/// Everything that a policy or an adapter usually needs.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::{
        CallError, CallFailure, Error, Result, ToolResult, adapter, bail, blocking, call, call_as, join, join_all, log,
        policy, progress, sleep, try_join, try_join_all,
    };
}
