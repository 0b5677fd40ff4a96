//! The integration tests: the whole host, over real servers and misbehaving guests, through the binary and
//! through the library. One binary, so that Wasmtime is linked once.
//!
//! Each module is about one promise; its tests read as sentences.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that meets what it does not expect must fail; helpers of tests are no tests to clippy"
)]

mod apis;
mod ask;
mod cancel;
mod checks;
mod clients;
mod demo;
mod demo_servers;
mod examples;
mod exit_codes;
mod fleet;
mod guides;
mod hold;
mod json_shapes;
mod killed;
mod library;
mod limits;
mod login;
mod messages;
mod nesting;
mod offers;
mod outside;
mod people;
mod plans;
mod projects;
mod provenance;
mod reload;
mod routing;
mod runtime;
mod scripts;
mod secrets;
mod serve;
mod state;
mod support;
mod terminal;
mod trust;
