//! State for components: JSON documents by key, with compare-and-swap.
//!
//! A component sees a [`State`]: its own keys ([`Namespace`]: tenant and component), as far as its grants reach
//! ([`Scopes`]), within its [`Quota`]. Behind it is a [`StateStore`]: [`SqliteStore`] for hosts, [`MemoryStore`] for tests
//! and for embedders that want nothing on disk.
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_state::{Expected, MemoryStore, Namespace, Quota, Scopes, State};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let owner = Namespace::new(Default::default(), "server:crm");
//! let state = State::new(Arc::new(MemoryStore::default()), owner, Scopes::parse(["cursor/*"])?, Quota::default());
//! let version = state.set("cursor/last".into(), "42".into(), Expected::Absent).await?;
//! state.set("cursor/last".into(), "43".into(), Expected::Version(version)).await?;
//! assert_eq!(state.get("cursor/last".into()).await?.map(|entry| entry.value), Some("43".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Layout
//!
//! - `model`: the nouns, and [`StateError`], which mirrors the WIT's `state-error`.
//! - `scope`: what the grants of a component say.
//! - `rules`: when a change is done. The one place for it; both stores ask it.
//! - `handle`: [`State`]. `memory` and `sqlite`: the stores.
//!
//! # Why JSON
//!
//! A value is JSON text, as everywhere in Tollgate's WIT: it is checked at the border, an operator can read it, and every
//! guest language has it at hand. Bytes go as base64 in a JSON string, a third longer, which values of at most 1 MiB bear.

mod handle;
mod memory;
mod model;
mod rules;
mod scope;
mod sqlite;

pub use handle::State;
pub use memory::MemoryStore;
pub use model::{
    Entry, Expected, Holder, Key, KeyInfo, KeyRange, Namespace, PAGE_MAX_KEYS, Page, Quota, StateError, StateStore,
    Usage, Version,
};
pub use scope::Scopes;
pub use sqlite::{LazySqliteStore, OpenError, SCHEMA_VERSION, SqliteOptions, SqliteStore};
pub use tollgate_core::grant::state::{KEY_MAX_BYTES, Scope, ScopeError};
