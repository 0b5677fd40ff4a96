//! What agents see, and under which names.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tollgate::config::model;
use tollgate::{Approvals, Grants, Metrics, Principal, Tenant};
use tollgate_surface::Naming;

/// What agents see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expose {
    /// A few tools to find and call all others: a small surface, however many tools stand behind it.
    #[default]
    Meta,
    /// Those, and tools that tell how the host is.
    MetaFull,
    /// The policies, as tools.
    Policies,
    /// The policies and every server's tools.
    All,
    /// These: policies by name, tools as `server:tool` with `*` and `?`.
    Only(Vec<String>),
}

impl Expose {
    /// Whether servers' resources and prompts are seen too.
    pub(crate) fn passes_on(&self) -> bool {
        matches!(self, Self::Meta | Self::MetaFull | Self::All)
    }

    pub(crate) fn is_meta(&self) -> bool {
        matches!(self, Self::Meta | Self::MetaFull)
    }
}

impl From<&model::Expose> for Expose {
    fn from(expose: &model::Expose) -> Self {
        match expose {
            model::Expose::Meta => Self::Meta,
            model::Expose::MetaFull => Self::MetaFull,
            model::Expose::Policies => Self::Policies,
            model::Expose::All => Self::All,
            model::Expose::Only(items) => Self::Only(items.iter().map(|item| item.value.clone()).collect()),
        }
    }
}

impl FromStr for Expose {
    type Err = String;

    /// Reads `meta`, `meta-full`, `policies`, `all`, or a list with commas.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "meta" => Self::Meta,
            "meta-full" => Self::MetaFull,
            "policies" => Self::Policies,
            "all" => Self::All,
            list => {
                let items: Vec<String> = list.split(',').map(|item| item.trim().to_owned()).collect();
                if items.iter().any(String::is_empty) {
                    return Err(format!(
                        "`{list}` exposes nothing: write meta, meta-full, policies, all, or a list as `crm:*,customer-360`"
                    ));
                }
                Self::Only(items)
            }
        })
    }
}

/// How a host is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// What agents see.
    pub expose: Expose,
    /// Under which names they see the servers' tools and prompts.
    pub naming: Naming,
    /// Whether resources go under names that tell their server, as `tollgate://SERVER/URI`; else as they are.
    pub prefix_resources: bool,
    /// Who asks, where the front end does not know better.
    pub principal: Principal,
    /// On whose account.
    pub tenant: Tenant,
    /// What agents may use.
    pub grants: Grants,
    /// Which of their calls a person must approve first.
    pub approvals: Approvals,
    /// What the host counts, for `/metrics`.
    pub metrics: Option<Arc<Metrics>>,
    /// How long after the front end began a list still waits for servers that are connecting; those that come later are told of
    /// as a change. Clients that list only once miss these.
    pub patience: Duration,
    /// The most items of one page of a list.
    pub page_items: usize,
    /// How long a request waits for an answer of the agent's client.
    pub answer_timeout: Duration,
    /// The most requests of all agents that wait so between two messages (2026-07-28).
    pub max_parked: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            expose: Expose::default(),
            naming: Naming::default(),
            prefix_resources: true,
            principal: Principal::new("agent"),
            tenant: Tenant::default(),
            grants: Grants::all(),
            approvals: Approvals::default(),
            metrics: None,
            patience: Duration::from_secs(10),
            page_items: 1_000,
            answer_timeout: Duration::from_secs(600),
            max_parked: 1_000,
        }
    }
}
