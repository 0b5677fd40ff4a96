//! The reader of documents, as a whole.

mod generate;
mod real;
