//! Tollgate's front ends: the host as an MCP server that any agent can use.
//!
//! [`Front`] takes a [`tollgate::Host`] and serves it: over any stream ([`Front::serve`]), or over Streamable
//! HTTP ([`http::listen`]). rmcp speaks the protocol; what an agent asks for becomes a call, a query or a run of
//! the host, on the behalf of that agent, through the host's one gate.
//!
//! # Layout
//!
//! - [`options`]: what agents see, and under which names.
//! - [`front`]: what all agents share. `catalog`: the names of everything at one moment.
//! - `agent`: one agent's connection; which request goes where. `drive`: one request at work: its progress, its logs, the
//!   questions of servers to the agent's client, its cancellation. `parked`: requests that wait for an answer which
//!   comes with another request (2026-07-28).
//! - `tools` and `meta_tools`: what a call of a tool does. `policies`: policies as tools. `resources`: resources, templates,
//!   prompts, completion. `changes`: what agents are told of changes.
//! - `link`: the short way of a request, past rmcp's loop. `lines`: connections of lines (stdio) that go it. [`stdio`]: this
//!   process's standard streams.
//! - [`http`]: the HTTP front end: who may come in, health. `connections`: how many there are, and how they end. `sessions`:
//!   sessions over HTTP that go the short way. `api`: what programs that do not speak MCP are told.

mod agent;
mod api;
mod catalog;
mod changes;
mod connections;
mod drive;
pub mod front;
pub mod http;
mod lines;
mod link;
mod meta_tools;
pub mod options;
mod parked;
mod policies;
mod resources;
mod scripts;
mod sessions;
pub mod stdio;
mod tools;

pub use front::Front;
pub use options::{Expose, Options};

/// The target of this crate's log lines.
const LOG: &str = "tollgate::server";
