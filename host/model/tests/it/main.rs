//! Models against a scripted endpoint that speaks the real interfaces, and clients that answer what they like.

#![allow(missing_docs)] // tests say what they are by their names
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

mod agents;
mod answers;
mod faults;
mod requests;
mod schemas;
mod settings;
mod support;
