//! The reader of documents, as a whole.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod calls;
mod documents;
mod generate;
mod hostile;
mod real;
