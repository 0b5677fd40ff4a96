//! How a host is: its servers, its routing, its cache.

use crate::host::Host;
use serde::{Serialize, Serializer};
use std::time::Duration;
use tollgate_core::Health;
use tollgate_route::{CacheStats, RouteStatus};
use tollgate_upstream::{ServerState, ServerStatus};

/// How a host is. Serializes as the document of `tollgate status --json` and of `GET /mcp/status`.
#[derive(Clone, Debug, Serialize)]
pub struct HostStatus {
    /// The program's version.
    pub version: &'static str,
    /// No server is being connected for the first time any more.
    pub initialized: bool,
    /// Since the host began.
    #[serde(rename = "uptime_s", serialize_with = "as_seconds")]
    pub uptime: Duration,
    /// Each server, the first in routing first.
    pub servers: Vec<ServerReport>,
    /// What was answered from memory.
    #[serde(rename = "cache_stats")]
    pub cache: CacheStats,
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
        let mut routes: std::collections::HashMap<String, RouteStatus> =
            self.router().statuses().into_iter().map(|status| (status.name.clone(), status)).collect();
        let mut servers: Vec<_> = statuses
            .into_iter()
            .filter_map(|status| {
                let ServerStatus { name, transport, tools, connect_ms, error, .. } = status;
                let route = routes.remove(&name)?;
                let member = self.router().member(&name)?;
                Some(ServerReport {
                    connected: member.health == Health::Ready,
                    health: member.health,
                    priority: member.route.priority,
                    domains: member.route.domains.clone(),
                    capabilities: member.route.capabilities.clone(),
                    error: error.or(member.error),
                    name,
                    transport,
                    tools,
                    connect_ms,
                    route,
                })
            })
            .collect();
        servers.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        HostStatus {
            version: env!("CARGO_PKG_VERSION"),
            initialized,
            uptime: self.uptime(),
            servers,
            cache: self.router().cache_stats(),
        }
    }
}
