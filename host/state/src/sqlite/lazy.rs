//! A store that is opened when it is first used: most hosts have no component that keeps anything.

use super::{SqliteOptions, SqliteStore};
use crate::model::{
    Entry, Expected, Holder, Key, KeyRange, Namespace, Page, Quota, StateError, StateStore, Usage, Version,
};
use std::path::PathBuf;
use tokio::sync::OnceCell;
use tollgate_core::BoxFuture;

/// A [`SqliteStore`] that makes and opens its file at the first request. One that fails is tried again by the next.
pub struct LazySqliteStore {
    path: PathBuf,
    options: SqliteOptions,
    store: OnceCell<SqliteStore>,
}

impl LazySqliteStore {
    /// In this file.
    pub fn new(path: impl Into<PathBuf>, options: SqliteOptions) -> Self {
        Self { path: path.into(), options, store: OnceCell::new() }
    }

    async fn store(&self) -> Result<&SqliteStore, StateError> {
        self.store
            .get_or_try_init(|| async {
                let (path, options) = (self.path.clone(), self.options.clone());
                let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path, &options)).await;
                let opened = opened.map_err(|error| StateError::Unavailable(error.to_string()))?;
                opened.map_err(|error| StateError::Unavailable(error.to_string()))
            })
            .await
    }
}

impl StateStore for LazySqliteStore {
    fn get(&self, space: &Namespace, key: Key) -> BoxFuture<'_, Result<Option<Entry>, StateError>> {
        let space = space.clone();
        Box::pin(async move { self.store().await?.get(&space, key).await })
    }

    fn set(
        &self,
        space: &Namespace,
        key: Key,
        value: String,
        expected: Expected,
        quota: Quota,
    ) -> BoxFuture<'_, Result<Version, StateError>> {
        let space = space.clone();
        Box::pin(async move { self.store().await?.set(&space, key, value, expected, quota).await })
    }

    fn delete(
        &self,
        space: &Namespace,
        key: Key,
        expected: Option<Version>,
    ) -> BoxFuture<'_, Result<bool, StateError>> {
        let space = space.clone();
        Box::pin(async move { self.store().await?.delete(&space, key, expected).await })
    }

    fn list(&self, space: &Namespace, range: KeyRange) -> BoxFuture<'_, Result<Page, StateError>> {
        let space = space.clone();
        Box::pin(async move { self.store().await?.list(&space, range).await })
    }

    fn usage(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        let space = space.clone();
        Box::pin(async move { self.store().await?.usage(&space).await })
    }

    fn holders(&self, after: Option<Namespace>, limit: u32) -> BoxFuture<'_, Result<Vec<Holder>, StateError>> {
        Box::pin(async move { self.store().await?.holders(after, limit).await })
    }

    fn clear(&self, space: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        let space = space.clone();
        Box::pin(async move { self.store().await?.clear(&space).await })
    }
}
