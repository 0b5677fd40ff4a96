//! Runs Wasm components under limits. Knows components, worlds and fuel; knows no MCP.
//!
//! # Layout
//!
//! - [`inspect`]: what a file is, before anything of it runs: world, imports, exports, digest.
//! - [`cache`]: compiled components on disk, by digest and engine settings.
//! - [`engine`]: [`Runtime`], the one Wasmtime engine of a host with its pool and its linker;
//!   [`Program`], a component made ready to run.
//! - [`run`]: one run: a fresh store, its limits, its end. `adapters`: calls of tools, catalogs, functions of plain components;
//!   `offers`: resources and prompts of adapters; `values`: what functions take and give.
//! - `bindings`: the WIT types, and the host's side of `tollgate:*`. They never leave this crate.
//! - `http`: WASI HTTP, over the run's own client; `http::objects`: its objects, each charged to the run.
//! - `store`: what one store holds; `limiter`: memory, tables, instances; `held`: what the run makes the host hold beside these;
//!   `output`: stdout and stderr.
//!
//! **Architecture invariant:** a store serves one run. A trap poisons a store, and dropping it is what
//! cancels everything that the run still had in flight.

mod adapters;
mod bindings;
pub mod cache;
pub mod engine;
mod held;
mod http;
pub mod inspect;
mod limiter;
mod offers;
mod output;
pub mod run;
mod store;
mod values;

pub use cache::CompileCache;
pub use engine::{PrepareError, Program, Runtime, RuntimeConfig};
pub use inspect::{Digest, InspectError, Inspection, World};
pub use offers::Offers;
pub use run::{Descriptor, PolicyError, RunEnd, RunError, RunSetup, ToolError, ToolInfo};
