//! State from outside: both stores against a model, many callers at once, a crash, files that are not as they should be.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod callers;
mod crash;
mod files;
mod handle;
mod model;

use std::path::Path;
use std::sync::Arc;
use tollgate_core::Tenant;
use tollgate_state::{Namespace, Quota, Scopes, SqliteOptions, SqliteStore, State, StateStore};

fn sqlite(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("state.db"), &SqliteOptions::default()).unwrap()
}

fn space(owner: &str) -> Namespace {
    Namespace::new(Tenant::default(), owner)
}

fn state(store: impl StateStore) -> State {
    State::new(Arc::new(store), space("server:test"), Scopes::parse(["*"]).unwrap(), Quota::default())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
