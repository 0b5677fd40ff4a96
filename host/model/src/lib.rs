//! Language models behind the host.
//!
//! A request is answered by the model of the agent's client (MCP sampling) or by an endpoint of the configuration: an
//! OpenAI-compatible one (Chat Completions) or Anthropic's (Messages). Keys stay in `tollgate-outbound`, which adds them at
//! the wire and takes them out of whatever comes back; this crate never holds one.
//!
//! Endpoints are always asked for a stream, so that one that hangs is noticed long before its time is over. The answer is
//! given whole all the same, and only if it came to its end.
//!
//! What is not counted by a provider is estimated at four bytes a token. An answer that must follow a schema is *asked* to,
//! by the strictest way that the provider has; it is not held against the schema here, so whoever needs it checks.
//!
//! # Layout
//!
//! - [`settings`]: [`ModelSettings`] and [`Endpoint`], plain values that a configuration fills.
//! - [`models`]: [`Models`], which chooses who answers. `check`: what a request must be, whoever answers it.
//! - `sampling`: the agent's model.
//! - `endpoint`: one request over HTTP, and its tries. `fault`: what can go wrong, and whether another try is worth it.
//!   `events`: Server-Sent Events. `openai`, `anthropic`: what is sent, and what events mean; `draft`: the answer while it
//!   comes.
//! - [`schema`]: schemas that bind a model, in the providers' dialects. `keywords`: which keyword becomes what. `back`: from
//!   what such a schema allows to what the original does. `flat`: schemas that describe only, without unions at the root.
//! - `text`: texts of others, made fit for errors.

mod anthropic;
mod back;
mod check;
mod draft;
mod endpoint;
mod events;
mod fault;
mod flat;
mod keywords;
pub mod models;
mod openai;
mod sampling;
pub mod schema;
pub mod settings;
mod text;

#[doc(hidden)]
pub use draft::read_stream;
pub use models::Models;
pub use schema::{Adapted, Dialect, adapt_schema};
pub use settings::{Endpoint, ModelSettings, Prefer, Provider, TokenKey};
pub use tollgate_outbound::Place;
