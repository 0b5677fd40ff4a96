//! Connections that wait for their next request. Each belongs to one owner and one origin, and is never used for
//! another.

use crate::connect::Connection;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;
use tollgate_core::{Host, HttpUrl, Scheme, Tenant};

/// Whose connections they are: one component (by its digest) of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The digest of the component.
    pub component: Arc<str>,
    /// The tenant that it runs for.
    pub tenant: Tenant,
}

/// How many connections wait, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Of all owners together.
    pub idle: usize,
    /// Of one owner.
    pub idle_of_owner: usize,
    /// How long one waits.
    pub idle_time: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { idle: 512, idle_of_owner: 128, idle_time: Duration::from_secs(30) }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Origin {
    pub fn of(url: &HttpUrl) -> Self {
        Self { scheme: url.scheme, host: url.host.clone(), port: url.port }
    }
}

struct Waiting {
    connection: Connection,
    since: Instant,
}

#[derive(Default)]
struct Inside {
    owners: HashMap<Owner, HashMap<Origin, Vec<Waiting>>>,
    count: usize,
    is_swept: bool,
}

pub(crate) struct Pool {
    limits: PoolLimits,
    inside: Mutex<Inside>,
}

impl Pool {
    pub fn new(limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self { limits, inside: Mutex::default() })
    }

    /// A connection that waits, to an address that may be reached now too.
    pub fn take(&self, owner: &Owner, origin: &Origin, permits: impl Fn(IpAddr) -> bool) -> Option<Connection> {
        let mut inside = self.inside.lock();
        let waiting = inside.owners.get_mut(owner)?.get_mut(origin)?;
        let mut gone = 0;
        let mut found = None;
        while let Some(last) = waiting.pop() {
            gone += 1;
            let is_fresh = last.since.elapsed() < self.limits.idle_time && !last.connection.is_closed();
            if !is_fresh || !permits(last.connection.address) {
                continue;
            }
            // One that takes several requests stays.
            if let Some(shared) = last.connection.share() {
                waiting.push(Waiting { connection: shared, since: Instant::now() });
                gone -= 1;
            }
            found = Some(last.connection);
            break;
        }
        inside.count -= gone.min(inside.count);
        found
    }

    /// Keeps a connection for the next request.
    pub fn put(self: &Arc<Self>, owner: &Owner, origin: &Origin, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut inside = self.inside.lock();
        let of_owner = inside.owners.get(owner).map_or(0, |origins| origins.values().map(Vec::len).sum::<usize>());
        if inside.count >= self.limits.idle || of_owner >= self.limits.idle_of_owner {
            return;
        }
        let waiting = inside.owners.entry(owner.clone()).or_default().entry(origin.clone()).or_default();
        // One that takes several requests is enough.
        if connection.is_shared() && waiting.iter().any(|other| other.connection.is_shared()) {
            return;
        }
        waiting.push(Waiting { connection, since: Instant::now() });
        inside.count += 1;
        if !std::mem::replace(&mut inside.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.limits.idle_time));
        }
    }

    /// Closes those that have waited long enough; whether some are left.
    fn sweep(&self) -> bool {
        let mut inside = self.inside.lock();
        let is_fresh =
            |waiting: &Waiting| waiting.since.elapsed() < self.limits.idle_time && !waiting.connection.is_closed();
        inside.owners.retain(|_, origins| {
            origins.retain(|_, waiting| {
                waiting.retain(is_fresh);
                !waiting.is_empty()
            });
            !origins.is_empty()
        });
        inside.count = inside.owners.values().flat_map(HashMap::values).map(Vec::len).sum();
        inside.is_swept = inside.count > 0;
        inside.is_swept
    }

    pub fn idle(&self) -> usize {
        self.inside.lock().count
    }
}

async fn sweep(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every.max(Duration::from_millis(10))).await;
        match pool.upgrade() {
            Some(pool) if pool.sweep() => {}
            _ => return,
        }
    }
}
