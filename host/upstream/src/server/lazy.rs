//! Servers that are started when somebody needs them and stopped when nobody does. Meanwhile they are listed from what
//! they said last.

use super::Server;
use super::phase::{Live, Phase};
use crate::catalog::Catalog;
use crate::client::Lists;
use crate::kept::Kept;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tollgate_core::Tool;

/// The shortest time without use after which a server is stopped.
const SHORTEST_IDLE: Duration = Duration::from_millis(10);

impl Server {
    /// Notes a use of the server, until the value is dropped: it is not stopped for want of use.
    ///
    /// A use is noted before the phase is looked at, and the phase is set to idle before it is looked whether there are
    /// uses: so either the user sees that the server is idle, or the server sees the user.
    pub(super) fn begin_use(&self) -> TaskTrackerToken {
        self.used.fetch_add(1, Ordering::AcqRel);
        self.uses.token()
    }

    /// Whether its tools are listed whatever state it is in.
    pub(super) fn is_listed_always(&self) -> bool {
        self.spec.lazy.is_some() && self.learned.load(Ordering::Acquire)
    }

    /// Whether nobody misses anything while it is not connected.
    pub(super) fn is_unneeded(&self) -> bool {
        self.is_listed_always() && self.uses.is_empty() && self.subscribed.borrow().is_empty()
    }

    /// Waits until somebody wants the server, wants it connected anew, or it is stopped.
    pub(super) async fn idle(&self, anew: &mut watch::Receiver<u64>) {
        self.set_phase(Phase::Idle);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _ = anew.changed() => return,
                // One that has given up since wants nothing.
                () = self.wanted.notified() => if !self.is_unneeded() { return },
                // What was approved of its tools may change.
                () = self.watch_approvals() => return,
            }
        }
    }

    /// Returns when nobody has needed a lazy server for its time, with its phase set to idle. Never, of another.
    pub(super) async fn unneeded(&self, live: &Arc<Live>) {
        let Some(lazy) = &self.spec.lazy else { return std::future::pending().await };
        loop {
            self.uses.wait().await;
            let used = self.used.load(Ordering::Acquire);
            self.shared.clock.sleep(lazy.idle.max(SHORTEST_IDLE)).await;
            if self.used.load(Ordering::Acquire) != used || !self.is_unneeded() {
                continue;
            }
            self.set_phase(Phase::Idle);
            if self.is_unneeded() {
                tracing::info!(target: crate::LOG, server = %self.spec.name, "stopped, for nobody uses it");
                return;
            }
            // Somebody came in this moment, and may have the connection.
            self.set_phase(Phase::Ready(live.clone()));
        }
    }

    /// Offers what the server said last time, if that was kept.
    pub(super) async fn recall(&self) {
        let Some(store) = self.shared.catalogs.clone().filter(|_| self.spec.lazy.is_some()) else { return };
        if self.spec.pin && !self.has_approvals().await {
            // The first sight of its tools approves them: that has to be a sight of the server itself.
            return;
        }
        let spec = self.spec.clone();
        let read = tokio::task::spawn_blocking(move || store.read(&spec)).await;
        match read {
            Ok(Ok(Some(Kept { tools, lists }))) => {
                self.offer(Catalog::new(&self.spec, tools)).await;
                *self.lists.lock() = lists;
                self.learned.store(true, Ordering::Release);
            }
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(why)) => {
                let server = &self.spec.name;
                tracing::warn!(target: crate::LOG, %server, "the catalog that was kept is ignored: {why}");
            }
        }
    }

    /// Offers what the server says now, and keeps it for the next time. Whether it is something else than what was
    /// offered.
    pub(super) async fn learn(&self, tools: Vec<Tool>, lists: Lists) -> bool {
        let old = self.is_listed_always().then(|| self.catalog());
        if let Some(store) = self.shared.catalogs.clone().filter(|_| self.spec.lazy.is_some()) {
            let (spec, kept) = (self.spec.clone(), Kept { tools: tools.clone(), lists });
            if let Ok(Err(why)) = tokio::task::spawn_blocking(move || store.write(&spec, &kept)).await {
                let server = &self.spec.name;
                tracing::warn!(target: crate::LOG, %server, "its catalog is not kept, so the next host starts it: {why}");
            }
        }
        self.offer(Catalog::new(&self.spec, tools)).await;
        let had = std::mem::replace(&mut *self.lists.lock(), lists);
        self.learned.store(true, Ordering::Release);
        old.is_none_or(|old| had != lists || old.tools() != self.catalog().tools())
    }
}
