//! Requests against servers that behave and servers that do not, all on loopback.

#![allow(missing_docs)] // tests say what they are by their names
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

mod evil;
mod oauth;
mod places;
mod pool;
mod reach;
mod secrets;
mod smuggling;
mod support;
mod tls;
