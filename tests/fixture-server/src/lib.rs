//! An MCP server for tests, and the conformance suite as a function.
//!
//! [`Fixture`] offers by name what the suite's server scenarios ask for (`test_simple_text` and so on), in every
//! protocol version that rmcp speaks. A test gets it over HTTP by [`Running::start`] in its own process, over a
//! stream by [`rmcp::serve_server`], or as the program `tollgate-fixture-server`.
//!
//! [`suite`] runs the official suite against a server or a client and reads what it found.
//!
//! # Layout
//!
//! - [`server`]: [`Fixture`], which tool is which. `catalog`: the lists of tools, resources and prompts.
//! - Tools: `content` (what they answer), `talk` (those that send notifications), `ask` (those that ask the client:
//!   by server requests before 2026-07-28, by `input_required` results since), `work` (tasks).
//! - [`http`]: the fixture over Streamable HTTP. [`suite`]: the conformance suite.

mod ask;
mod catalog;
mod content;
pub mod http;
pub mod server;
pub mod suite;
mod talk;
mod work;

pub use http::Running;
pub use server::Fixture;
