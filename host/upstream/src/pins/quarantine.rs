//! Tools that are not what was approved are kept from being used, until somebody approves them.

use super::{PinError, Quarantined, Verdict, Why, diff::visible};
use crate::catalog::Catalog;
use crate::fleet::Fleet;
use crate::server::Server;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{CallError, Change, Tool};

/// How often it is looked whether another process has approved something, beside when a tool is asked for.
const WATCH_PAUSE: Duration = Duration::from_secs(3);
/// The most names in a line of the log.
const MAX_NAMES: usize = 10;

impl Server {
    /// Offers the tools that were read, but for those that are quarantined.
    pub(crate) async fn offer(&self, catalog: Catalog) {
        let _judging = self.judging.lock().await;
        let catalog = if self.spec.pin { self.judge(catalog).await } else { catalog };
        self.catalog.store(Arc::new(catalog));
    }

    /// Judges the tools again if something else may be approved than was; or in any case.
    pub(crate) async fn reconsider(&self, in_any_case: bool) {
        if self.catalog().held().is_empty() {
            return;
        }
        let _judging = self.judging.lock().await;
        let catalog = self.catalog();
        let (name, stamp) = (self.spec.name.clone(), catalog.stamp());
        let differs =
            in_any_case || self.shared.pins.blocking(move |pins| pins.may_differ(&name, stamp)).await == Some(true);
        if catalog.held().is_empty() || !differs {
            return;
        }
        let judged = self.judge(Catalog::clone(&catalog)).await;
        let others = !judged.held().keys().eq(catalog.held().keys());
        self.catalog.store(Arc::new(judged));
        if others {
            self.changed(Change::Tools);
        }
    }

    async fn judge(&self, catalog: Catalog) -> Catalog {
        let (name, tools) = (self.spec.name.clone(), catalog.listed().clone());
        let Verdict { held, stamp, first } =
            match self.shared.pins.blocking(move |pins| pins.judge(&name, &tools)).await {
                Some(verdict) => verdict,
                None => Verdict::unknown(PinError::not_ended(&self.spec.name), catalog.listed()),
            };
        let server = &self.spec.name;
        if first && !catalog.listed().is_empty() {
            let tools = catalog.listed().len();
            tracing::info!(target: crate::LOG, %server, tools, "its tools are approved, for this is their first sight");
        }
        if !held.is_empty() {
            let names: Vec<_> = held.keys().take(MAX_NAMES).map(|tool| visible(tool, 80)).collect();
            let why = held.values().next().map(Quarantined::why).unwrap_or_default();
            let (tools, names) = (held.len(), names.join(", "));
            tracing::warn!(target: crate::LOG, %server, tools, %names, "tools are quarantined; the first {why}");
        }
        catalog.hold(held, stamp)
    }

    /// Looks again and again whether something was approved. Never returns.
    pub(crate) async fn watch_approvals(&self) {
        if !self.spec.pin {
            return std::future::pending().await;
        }
        loop {
            self.shared.clock.sleep(WATCH_PAUSE).await;
            self.reconsider(false).await;
        }
    }

    /// Whether some of its tools were approved already.
    pub(crate) async fn has_approvals(&self) -> bool {
        let name = self.spec.name.clone();
        self.shared.pins.blocking(move |pins| pins.is_begun(&name)).await == Some(true)
    }

    /// Why there is no such tool to be called, as far as it is known now.
    pub(crate) fn refusal(&self, tool: &str) -> Option<CallError> {
        let catalog = self.catalog();
        catalog.held().get(tool).map(|held| CallError::Denied(held.message()))
    }
}

impl Fleet {
    /// The tools that are quarantined, in the order of names, as far as is known now. Waits for no server.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.all().values().flat_map(|server| server.catalog().held().values().cloned().collect::<Vec<_>>()).collect()
    }

    /// Approves tools as they are in `tools`: what a server has said since is not approved by it.
    ///
    /// # Errors
    /// What was approved cannot be read or written. What stood before that in `tools` may be approved.
    pub async fn approve(&self, tools: &[Quarantined]) -> Result<(), PinError> {
        let mut servers: BTreeMap<&str, Vec<Arc<Tool>>> = BTreeMap::new();
        for quarantined in tools {
            // Nobody has seen what changed.
            if let Why::Unknown(error) = &quarantined.why {
                return Err(PinError::clone(error));
            }
            servers.entry(quarantined.server()).or_default().push(quarantined.tool.clone());
        }
        for (name, tools) in servers {
            let server = name.to_owned();
            let approved = self.pins().blocking(move |pins| pins.approve(&server, &tools)).await;
            approved.unwrap_or_else(|| Err(PinError::not_ended(name)))?;
            if let Some(server) = self.server(name) {
                server.reconsider(true).await;
            }
        }
        Ok(())
    }
}
