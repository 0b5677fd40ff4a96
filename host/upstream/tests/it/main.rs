//! The fleet against servers that behave and servers that do not. Everything runs on loopback or over
//! pipes, and nothing stays behind.

#![allow(missing_docs)] // tests say what they are by their names
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

mod callers;
mod conformance;
mod evil;
mod faults;
mod fleet;
mod freshness;
mod http;
mod lazy;
mod legacy_sse;
mod meta;
mod oauth;
mod pins;
mod real;
mod sent;
mod slow;
mod streams;
mod support;
