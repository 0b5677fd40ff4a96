//! How a host is: its servers, its routing, its cache.

use crate::host::Host;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::time::Duration;
use tollgate_core::{Health, Identity, ServerInfo, Upstream};
use tollgate_route::{CacheStats, RouteStatus};
use tollgate_upstream::{ServerState, ServerStatus};

/// How a host is. Serializes as the document of `tollgate status --json` and of `GET /mcp/status`.
#[derive(Clone, Debug, Serialize)]
pub struct HostStatus {
    /// The program's version.
    pub version: &'static str,
    /// No server is being connected.
    pub initialized: bool,
    /// Since the host began.
    #[serde(rename = "uptime_s", serialize_with = "as_seconds")]
    pub uptime: Duration,
    /// Each server, the first in routing first.
    pub servers: Vec<ServerReport>,
    /// What was answered from memory.
    #[serde(rename = "cache_stats")]
    pub cache: CacheReport,
}

/// What was answered from memory.
#[derive(Clone, Debug, Serialize)]
pub struct CacheReport {
    /// Requests that could have been answered from memory.
    pub total_requests: u64,
    /// The part of them that was, as `78.95%`.
    pub hit_rate: String,
    /// Answers that are kept now.
    pub cached_items: u64,
    /// The numbers behind it.
    #[serde(flatten)]
    pub stats: CacheStats,
}

impl CacheReport {
    pub(crate) fn new(stats: CacheStats) -> Self {
        Self {
            total_requests: stats.hits.saturating_add(stats.shared).saturating_add(stats.misses),
            hit_rate: format!("{:.2}%", stats.hit_rate() * 100.0),
            cached_items: stats.entries,
            stats,
        }
    }
}

/// How one server is, and what routing knows of it.
#[derive(Clone, Debug, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub name: String,
    /// Whether it answers.
    pub connected: bool,
    /// How far it is.
    pub health: Health,
    /// Which of several is asked first: the lowest.
    pub priority: u16,
    /// The topics that it answers for.
    pub domains: Vec<String>,
    /// Routing labels of what it can do.
    pub capabilities: Vec<String>,
    /// Why it is not there.
    pub error: Option<String>,
    /// `stdio`, `http`, `sse`, `stream` or `component`.
    pub transport: &'static str,
    /// How many tools it offers.
    pub tools: usize,
    /// How long its last connection took.
    pub connect_ms: Option<u64>,
    /// Its calls.
    pub route: RouteStatus,
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

impl Host {
    /// How the host is now. Waits for nothing.
    pub fn status(&self) -> HostStatus {
        let statuses = self.servers();
        let initialized = !statuses.iter().any(|server| server.state == ServerState::Connecting);
        let mut routes: HashMap<String, RouteStatus> =
            self.router().statuses().into_iter().map(|status| (status.server.clone(), status)).collect();
        let mut infos: HashMap<String, ServerInfo> =
            Upstream::servers(&**self.router()).into_iter().map(|info| (info.name.clone(), info)).collect();
        let report = |status: ServerStatus| {
            // One that was removed in between is in none of them.
            let (route, info) = (routes.remove(&status.name)?, infos.remove(&status.name)?);
            Some(ServerReport {
                connected: status.state == ServerState::Ready,
                health: info.health,
                priority: info.priority,
                domains: info.domains,
                capabilities: info.capabilities,
                error: info.error,
                name: status.name,
                transport: status.transport,
                tools: status.tools,
                connect_ms: status.connect_ms,
                route,
            })
        };
        let mut servers: Vec<_> = statuses.into_iter().filter_map(report).collect();
        servers.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        HostStatus {
            version: env!("CARGO_PKG_VERSION"),
            initialized,
            uptime: self.uptime(),
            servers,
            cache: self.cache_stats(),
        }
    }

    /// What was answered from memory.
    pub fn cache_stats(&self) -> CacheReport {
        CacheReport::new(self.router().cache_stats())
    }

    /// Forgets the answers that are kept, of one server or of all. Tells how many there were.
    pub fn clear_cache(&self, server: Option<&str>) -> u64 {
        self.router().invalidate(server)
    }

    /// Forgets the answers that are kept for somebody, of one server or of all; with `shared`, those too that anybody of his
    /// tenant may have. Tells how many there were.
    pub fn clear_cache_of(&self, identity: &Identity, server: Option<&str>, shared: bool) -> u64 {
        self.router().forget(identity, server, shared)
    }

    /// Forgets the answers that are too old to be used. Tells how many there were.
    pub fn clean_cache(&self) -> u64 {
        self.router().cleanup()
    }
}
