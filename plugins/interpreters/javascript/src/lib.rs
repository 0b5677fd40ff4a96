//! The JavaScript interpreter of Tollgate: a component of the world `interpreter` that runs a script by QuickJS-ng.
//!
//! # Layout
//!
//! - [`host`]: what an interpreter needs of the outside, as a trait: the component has the host's imports behind it,
//!   the tests a stand-in.
//! - [`engine`]: the engine with its globals, made once and ready for one run.
//! - `natives`: the functions that the prelude is given, and what they share with a run.
//! - `prelude/`: the part written in JavaScript: servers as objects, errors, console, timers, web classes; and, for scripts
//!   that name it, the global `tollgate`.
//! - [`run`]: one script, from its text to its value: the loop over calls, timers and jobs.
//! - `interfaces`: the functions of the global `tollgate`, between the script's JSON and the host's types.
//! - `timers`, `json`, `result`, `failure`, `exception`, `web`: what these need.
//! - `component`: the exports and imports, on Wasm only.

pub mod bindings;
#[cfg(target_family = "wasm")]
mod component;
pub mod engine;
mod exception;
mod failure;
pub mod host;
mod interfaces;
mod json;
mod natives;
mod result;
pub mod run;
mod timers;
mod web;
