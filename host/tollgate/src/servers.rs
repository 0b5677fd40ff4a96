//! The servers of a host: adding, removing, logins, approvals of their tools, what they have.

use crate::adapter::{Adapter, AdapterSpec, Api};
use crate::configured::Configured;
use crate::host::{Host, HostError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollgate_config::Config;
use tollgate_core::Tool;
use tollgate_upstream::{
    Fleet, LoginDone, LoginError, LoginUi, LogoutDone, PinError, Quarantined, ServerSpec, ServerStatus, Transport,
};

impl Host {
    /// Adds a server and begins to connect it.
    ///
    /// # Errors
    /// A name that is none, or that another server has.
    pub fn add_server(&self, spec: ServerSpec) -> Result<(), HostError> {
        Ok(self.0.fleet.add_server(spec)?)
    }

    /// Adds a component that stands in for a server.
    ///
    /// # Errors
    /// As [`Host::add_server`]. What is wrong with the component shows in [`Host::servers`].
    pub fn add_adapter(&self, name: impl Into<String>, spec: AdapterSpec) -> Result<(), HostError> {
        let name = name.into();
        let provider = Transport::provider(Arc::new(self.adapter(&name, spec, None)));
        self.add_server(ServerSpec::new(name, provider))
    }

    pub(crate) fn adapter(&self, name: &str, spec: AdapterSpec, api: Option<Api>) -> Adapter {
        Adapter {
            api,
            outside: self.0.outside.clone(),
            name: name.into(),
            limits: spec.limits.clone().unwrap_or_else(|| self.limits()),
            spec,
            runtime: self.0.runtime.clone(),
            gate: self.0.gate_slot.clone(),
            ready: tokio::sync::OnceCell::new(),
        }
    }

    /// Removes a server. Calls that it has in flight may end, for at most 30 seconds; its process ends
    /// after them. False if there is no such server.
    pub fn remove_server(&self, name: &str) -> bool {
        self.0.fleet.remove_server(name)
    }

    pub(crate) fn fleet(&self) -> &Arc<Fleet> {
        &self.0.fleet
    }

    /// Has a person log in to a server (OAuth), at most for ten minutes. Dropping the future ends it.
    ///
    /// # Errors
    /// Why there is no login.
    pub async fn login(&self, server: &str, ui: &dyn LoginUi) -> Result<LoginDone, LoginError> {
        self.0.fleet.login(server, ui).await
    }

    /// Forgets the login to a server, and has its authorization server end it.
    ///
    /// # Errors
    /// There is no such server, or what is kept cannot be changed.
    pub async fn logout(&self, server: &str) -> Result<LogoutDone, LoginError> {
        self.0.fleet.logout(server).await
    }

    /// The tools that are quarantined, as far as is known now. Waits for no server.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.0.fleet.quarantined()
    }

    /// Approves tools as [`Host::quarantined`] gave them: what a server has said since is not approved by it.
    ///
    /// # Errors
    /// What was approved cannot be read or written.
    pub async fn approve(&self, tools: &[Quarantined]) -> Result<(), PinError> {
        self.0.fleet.approve(tools).await
    }

    /// How every server is. Waits for none.
    pub fn servers(&self) -> Vec<ServerStatus> {
        self.0.fleet.statuses()
    }

    /// Waits until no server is connecting any more.
    pub async fn settled(&self) {
        let names: Vec<_> = self.servers().into_iter().map(|server| server.name).collect();
        drop(self.0.fleet.wait_ready(&names).await);
    }

    /// Asks every connected server for its tools anew: some do not say that they changed. Waits for that up to their connect timeouts.
    pub async fn ask_anew(&self) {
        self.0.fleet.ask_anew(|_| true).await;
    }

    /// Every tool of every server that is ready; waits for those that connect.
    pub async fn tools(&self) -> Vec<Arc<Tool>> {
        self.0.fleet.tools().await
    }

    /// Every tool of every server that is ready; waits for none.
    pub fn tools_now(&self) -> Vec<Arc<Tool>> {
        self.0.fleet.tools_now()
    }

    /// Another number whenever the tools or the policies may have changed.
    pub fn catalog_version(&self) -> u64 {
        self.0.fleet.version().wrapping_add(self.0.policies_version.load(Ordering::Acquire))
    }

    /// Reads the configuration file anew: servers that changed are restarted, new ones started, others
    /// left alone. Calls in flight go on. When anything is wrong, nothing changes.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub async fn reload(&self, config: Config) -> Result<(), HostError> {
        Configured::apply(self, config).await
    }
}
