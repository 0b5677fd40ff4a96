//! Stores with real files and commands; redaction of planted values.

#![allow(missing_docs)] // tests say what they are by their names
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

mod redact;
mod stores;
