//! Scripts before and after they run, from outside.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod envelope;
mod error;
mod language;
mod library;
mod sessions;
mod strip;
