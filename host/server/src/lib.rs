//! Tollgate's front ends: the host as an MCP server that any agent can use.
//!
//! [`Front`] takes a [`tollgate::Access`], a host behind its rules, and serves it: over any stream ([`Front::serve`]), or over Streamable
//! HTTP ([`http::listen`]). rmcp speaks the protocol; what an agent asks for becomes a call, a query or a run of
//! the host, on the behalf of that agent, through the host's one gate.
//!
//! **Architecture invariant:** nothing here has a `Host`. A request gets its identity once, and whatever is told or done for it
//! comes through its [`tollgate::View`]: `handlers` lists all that can be asked for.
//!
//! # Layout
//!
//! - [`options`]: how agents are served, and under which names.
//! - [`front`]: what all agents share. `catalog`: the names of everything that exists for one of them, at one moment.
//! - `handlers`: all that can be asked for. `shares`: places of which no principal takes all. `tokens`: who comes in.
//! - `agent`: one agent's connection; which request goes where, and with which view. `drive`: one request at work: its progress, its logs, the
//!   questions of servers to the agent's client, its cancellation. `parked`: requests that wait for an answer which
//!   comes with another request (2026-07-28).
//! - `tools` and `meta_tools`: what a call of a tool does; `answers`: what the latter say. `policies`: policies as tools. `resources`: resources, templates,
//!   prompts, completion; `given`: which server gave an agent a URI; `uri_template`: whether a template makes one. `changes`: what agents are told of changes.
//! - `link`: the short way of a request, past rmcp's loop. `message`: how messages are read. `lines`: connections of lines
//!   (stdio) that go it. [`stdio`]: this process's standard streams.
//! - [`http`]: the HTTP front end: who may come in, health. `connections`: how many there are, and how they end;
//!   `in_place`: how they are polled. `posted`: what is posted to a session; the short way over HTTP. `sessions`: those that
//!   there are; `session`: one; `exchange`: one request of it. `api`: what programs that do not speak MCP are told.

mod agent;
mod answers;
mod api;
mod catalog;
mod changes;
mod connections;
mod drive;
mod exchange;
pub mod front;
mod given;
mod handlers;
pub mod http;
mod in_place;
mod lines;
mod link;
mod message;
mod meta_tools;
pub mod options;
mod parked;
mod policies;
mod posted;
mod resources;
mod scripts;
mod session;
mod sessions;
mod shares;
pub mod stdio;
mod tokens;
mod tools;
#[doc(hidden)]
pub mod uri_template;

pub use front::Front;
pub use handlers::handlers;
pub use options::Options;

/// The target of this crate's log lines.
const LOG: &str = "tollgate::server";
