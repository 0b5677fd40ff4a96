//! How a host is served, and under which names.

use std::sync::Arc;
use std::time::Duration;
use tollgate::{Metrics, Principal, Tenant};
use tollgate_surface::Naming;

/// How a host is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Under which names they see the servers' tools and prompts.
    pub naming: Naming,
    /// Whether resources go under names that tell their server, as `tollgate://SERVER/URI`; else as they are.
    pub prefix_resources: bool,
    /// Who asks, where the front end does not know better.
    pub principal: Principal,
    /// On whose account.
    pub tenant: Tenant,
    /// What the host counts, for `/metrics`.
    pub metrics: Option<Arc<Metrics>>,
    /// How long after the front end began a list still waits for servers that are connecting; those that come later are told of
    /// as a change. Clients that list only once miss these.
    pub patience: Duration,
    /// The most items of one page of a list.
    pub page_items: usize,
    /// How long a request waits for an answer of the agent's client.
    pub answer_timeout: Duration,
    /// The most requests of all agents that wait so between two messages (2026-07-28). Of several principals each has a share.
    pub max_parked: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            naming: Naming::default(),
            prefix_resources: true,
            principal: Principal::new("agent"),
            tenant: Tenant::default(),
            metrics: None,
            patience: Duration::from_secs(10),
            page_items: 1_000,
            answer_timeout: Duration::from_secs(600),
            max_parked: 1_000,
        }
    }
}
