//! The reader of documents, as a whole.

mod calls;
mod documents;
mod generate;
mod hostile;
mod real;
