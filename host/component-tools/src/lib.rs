//! Tools of plain components: any component that exports ordinary functions.
//!
//! [`derive()`] reads a component's WIT types and makes a [`ComponentTool`] of each exported function: its name, its description
//! (from the doc comments, where the file has them), JSON Schemas of its input and output. [`ComponentTool::lower`] turns
//! arguments into [`Value`]s to call the function with, [`ComponentTool::lift`] what it returns into JSON. `Value` mirrors
//! `wasmtime::component::Val`, so this crate knows no engine.
//!
//! ```
//! # fn example(bytes: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let derived = tollgate_component_tools::derive(bytes)?;
//! for tool in &derived.tools {
//!     println!("{}: {}", tool.name, tool.input_schema);
//! }
//! # Ok(()) }
//! ```
//!
//! # JSON of WIT types
//!
//! Names are written in snake_case: `max-size` as `max_size`.
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string` | the same |
//! | `u8` … `s32` | an integer within its range; `1.0` is one |
//! | `u64`, `s64` | an integer, or its digits in a string; beyond ±(2^53 - 1) results are strings, because most JSON readers lose digits there |
//! | `f32`, `f64` | a number, or `"NaN"`, `"Infinity"`, `"-Infinity"`, which JSON has no numbers for |
//! | `char` | a string of one character |
//! | `list<u8>` | base64 (RFC 4648, with padding) in a string |
//! | `list<T>`, `tuple<…>` | an array |
//! | `record` | an object; a member that is an `option` may be left out |
//! | `option<T>` | `null` or T; an option in an option is `null` or `{"some": T}` |
//! | `enum` | a string |
//! | `flags` | an array of different strings |
//! | `variant`, `result` | a string for a case without payload; else an object with one member, named as the case |
//!
//! A function's `result<T, E>` is its outcome: T is what the tool answers, E makes the answer an error (`isError`). An
//! answer that is no object becomes the member `result` of one, as MCP's structured content demands.
//!
//! Resources, streams, futures, error contexts, maps and lists of a fixed length have no JSON: a function with one of them
//! is no tool, and [`Derived::refused`] says why.
//!
//! # Layout
//!
//! - `decode`: bytes to WIT, bounded. `docs`: the doc comments.
//! - `shape`: a type, resolved. `schema`: its JSON Schema. `lower`, `lift`: JSON to values and back.
//! - `names`: what a tool is called. `tools`: all of it together.

mod decode;

mod docs;
mod lift;
mod lower;
mod names;
mod schema;
mod shape;
mod tools;
mod value;

pub use decode::{DecodeError, TYPES_MAX_BYTES, TYPES_MAX_NESTING, check_bounds, on_large_stack};
pub use lift::{Mismatch, lift};
pub use lower::{NAMES_MAX_BYTES, VALUES_MAX, lower};
pub use schema::schema;
pub use shape::{Case, Cases, DEPTH_MAX, Field, IntKind, Kind, NODES_MAX, Shape};
pub use tools::{ComponentTool, DeriveError, Derived, Export, Output, Refused, TOOLS_MAX, derive};
pub use value::Value;
