//! All of routing, as the gate sees it.

use crate::backend::Backend;
use crate::settings::RouterSettings;
use std::sync::Arc;
use tollgate_core::{Clock, Entropy};

/// The servers behind routing, retries, limits, circuit breakers and caches: the gate's
/// [`Upstream`](tollgate_core::Upstream).
pub struct Router<B: Backend + ?Sized> {
    backend: Arc<B>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: RouterSettings,
}

impl<B: Backend + ?Sized> Router<B> {
    /// Routing over these servers.
    pub fn new(backend: Arc<B>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, settings: RouterSettings) -> Self {
        Self { backend, clock, entropy, settings }
    }

    /// The servers.
    pub fn backend(&self) -> &Arc<B> {
        &self.backend
    }
}
