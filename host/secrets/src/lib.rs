//! Where secrets are kept, and how they are kept out of texts. No secret is ever part of an error.
//!
//! # Layout
//!
//! - [`place`]: the three places that a configuration can name (environment, file, command), read. The one place that
//!   reads them.
//! - [`command`]: running a command for its output.
//! - [`store`]: [`SecretStore`], and the stores there are.
//! - [`redact`]: [`Redactor`], which finds values in texts and streams, also encoded. `spellings`: the encodings.
//! - [`private`]: files that are for this user alone.

pub mod command;
pub mod place;
pub mod private;
pub mod redact;
mod spellings;
pub mod store;

pub use place::{Environment, Place, PlaceError};
pub use redact::{RedactStream, Redactor};
pub use store::{Chain, FolderStore, MemoryStore, PlacedStore, SecretStore, StoreError};
