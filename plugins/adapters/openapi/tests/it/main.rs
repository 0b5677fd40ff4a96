//! The reader of documents, as a whole.
