//! Routing under a clock and randomness that the tests hold: every test here runs in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod breaker;
mod cache;
mod limits;
mod lists;
mod retries;
mod routing;
mod simulation;
mod spans;
mod statuses;
mod support;
