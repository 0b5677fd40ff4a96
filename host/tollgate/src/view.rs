//! What one caller of a front end has: the host, as far as it exists for him.

use crate::access::Allowed;
use crate::expose::Surface;
use crate::host::{Host, HostError};
use crate::metrics::Metrics;
use crate::report::RunReport;
use crate::request::{Behalf, RunRequest, Target};
use crate::status::{CacheReport, HostStatus};
use std::sync::Arc;
use tollgate_core::{
    Call, CallFailure, Change, Client, Grants, HostInterface, Identity, LimitKind, ListKind, Listed, Query, Tool,
    ToolName, ToolResult, TraceContext,
};
use tollgate_route::CacheStats;
use tollgate_runtime::Descriptor;
use tollgate_script::{Language as ScriptLanguage, Library};
use tollgate_upstream::ServerStatus;

/// What one caller has, as the rules were when his request came: who he is, what exists for him, and what he may do. All
/// that a front end tells him or does for him comes through here.
#[derive(Clone)]
pub struct View {
    host: Host,
    identity: Identity,
    allowed: Arc<Allowed>,
}

/// What a request brings along beside its identity.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Where it stands in a trace that began elsewhere.
    pub trace: Option<TraceContext>,
    /// The agent's client, which servers may ask for input meanwhile.
    pub client: Option<Arc<dyn Client>>,
}

impl View {
    pub(crate) fn new(host: Host, identity: Identity, allowed: Arc<Allowed>) -> Self {
        Self { host, identity, allowed }
    }

    /// Who asks.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How he sees what exists for him.
    pub fn surface(&self) -> Surface {
        self.allowed.exposure.surface
    }

    /// Whether nothing exists for him.
    pub fn is_nobody(&self) -> bool {
        self.allowed.is_nobody
    }

    /// Whether servers' resources and prompts can exist for him.
    pub fn passes_on(&self) -> bool {
        self.allowed.exposure.passes_on()
    }

    /// Another number for other rights, and for other tools and policies: what is made of one view serves all that have the
    /// same.
    pub fn version(&self) -> (u64, u64) {
        (self.allowed.number, self.host.catalog_version())
    }

    fn grants(&self) -> &Grants {
        &self.allowed.grants
    }

    // --- What exists ---

    /// The tools that exist for him now. Waits for no server.
    pub fn tools(&self) -> Vec<Arc<Tool>> {
        let mut tools = self.host.tools_now();
        tools.retain(|tool| self.grants().allows(&tool.server, &tool.name, tool.effect));
        tools
    }

    /// Whether he may call a tool of this name, as far as names tell.
    pub fn may_call(&self, name: &ToolName) -> bool {
        self.grants().verdict(&name.server, &name.tool) != tollgate_core::grant::Verdict::No
    }

    /// Whether a resource of a server can exist for him.
    pub fn has_resource(&self, server: &str, uri: &str) -> bool {
        self.grants().covers(HostInterface::Resource, server, uri)
    }

    /// The names of the policies that exist for him.
    pub fn policies(&self) -> Vec<String> {
        let mut names = self.host.policy_names();
        names.retain(|name| self.allowed.exposure.has_policy(name));
        names
    }

    /// What a policy says of itself.
    ///
    /// # Errors
    /// There is none of this name for him, or what is wrong with its component.
    pub async fn describe(&self, policy: &str) -> Result<Descriptor, HostError> {
        self.check_policy(policy)?;
        self.host.describe(policy).await
    }

    fn check_policy(&self, name: &str) -> Result<(), HostError> {
        match self.host.has_policy(name) && self.allowed.exposure.has_policy(name) {
            true => Ok(()),
            false => Err(HostError::UnknownPolicy { name: name.to_owned(), known: self.policies() }),
        }
    }

    /// The servers of which he was granted something.
    pub fn servers(&self) -> Vec<ServerStatus> {
        let mut servers = self.host.servers();
        servers.retain(|server| self.grants().knows(&server.name));
        servers
    }

    /// Waits for the required servers of the host.
    ///
    /// # Errors
    /// Some are not there: why, of those of which he was granted something.
    pub async fn check_required(&self) -> Result<(), String> {
        let missing = |server: &ServerStatus| server.is_missing();
        let names: Vec<_> = self.host.servers().into_iter().filter(missing).map(|server| server.name).collect();
        if names.is_empty() {
            return Ok(());
        }
        drop(self.host.0.fleet.wait_ready(&names).await);
        let mut servers = self.host.servers();
        servers.retain(missing);
        if servers.is_empty() {
            return Ok(());
        }
        servers.retain(|server| self.grants().knows(&server.name));
        let told = servers.iter().map(|server| match &server.error {
            Some(why) => format!("`{}`: {why}", server.name),
            None => format!("`{}`", server.name),
        });
        let told: Vec<_> = told.collect();
        let told = if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) };
        Err(format!("a required server is not there{told}"))
    }

    /// The languages of scripts that he can run.
    pub fn script_languages(&self) -> Vec<ScriptLanguage> {
        if self.is_nobody() { Vec::new() } else { self.host.script_languages() }
    }

    /// Waits until no server is connecting any more.
    pub async fn settled(&self) {
        self.host.settled().await;
    }

    /// Has the servers of which he was granted something asked for their tools anew, and waits for that and for those that connect.
    pub async fn ask_anew(&self) {
        self.host.settled().await;
        self.host.0.fleet.ask_anew(|server| self.grants().knows(server)).await;
    }

    /// How the host is, as far as it exists for him.
    pub fn status(&self) -> HostStatus {
        let mut status = self.host.status();
        status.servers.retain(|server| self.grants().knows(&server.name));
        status.cache = self.cache_stats();
        status
    }

    /// What was answered from memory.
    pub fn cache_stats(&self) -> CacheReport {
        match self.is_nobody() {
            true => CacheReport::new(CacheStats::default()),
            false => self.host.cache_stats(),
        }
    }

    /// What was counted, without the servers that do not exist for him. `None` where nothing exists.
    pub fn metrics(&self, metrics: &Metrics) -> Option<String> {
        let shows = |server: &str| self.grants().knows(server);
        (!self.is_nobody()).then(|| metrics.text_of(&self.host.status(), &shows))
    }

    /// Whether he hears of a change.
    pub fn hears_of(&self, change: &Change) -> bool {
        match change {
            Change::Tools => true,
            Change::Prompts { server } | Change::Resources { server } => {
                self.passes_on() && self.grants().knows(server)
            }
            Change::Resource { server, uri } => self.has_resource(server, uri),
        }
    }

    // --- What he does ---

    fn behalf(&self, Context { trace, client }: Context) -> Behalf {
        Behalf {
            principal: self.identity.principal.clone(),
            tenant: self.identity.tenant.clone(),
            grants: self.grants().clone(),
            approvals: self.allowed.approvals.clone(),
            ceilings: self.allowed.ceilings.clone(),
            trace,
            client,
        }
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// How the call failed; a tool's `isError` is a failure.
    pub async fn call(&self, call: Call, context: Context) -> Result<ToolResult, CallFailure> {
        self.host.call_as(self.behalf(context), call).await
    }

    /// Asks a server for something beside its tools: the result's JSON text.
    ///
    /// # Errors
    /// How the request failed.
    pub async fn query(&self, query: Query, context: Context) -> Result<String, CallFailure> {
        self.host.query_as(self.behalf(context), query).await
    }

    /// The items of all servers' lists that exist for him.
    pub async fn list(&self, kind: ListKind) -> Vec<Listed> {
        if !self.passes_on() {
            return Vec::new();
        }
        self.host.list_as(self.behalf(Context::default()), kind).await
    }

    /// The resources of all servers at once, or of the best server of a domain.
    ///
    /// # Errors
    /// As [`Host::gather_as`].
    pub async fn gather(
        &self,
        domain: Option<String>,
        fail_fast: Option<bool>,
        context: Context,
    ) -> Result<String, CallFailure> {
        self.host.gather_as(self.behalf(context), domain, fail_fast).await
    }

    /// Runs a policy that exists for him, or a script with his grants, to its end or until `cancelled` completes.
    ///
    /// # Errors
    /// Only what kept the run from beginning.
    pub async fn run(
        &self,
        request: RunRequest,
        context: Context,
        cancelled: impl Future<Output = ()>,
    ) -> Result<RunReport, HostError> {
        let mut request = match &request.target {
            // Whoever runs a policy, it has the grants of its own and no others.
            Target::Named(name) => {
                self.check_policy(name)?;
                request.grants(Grants::default())
            }
            Target::Script(_) => request.grants(self.grants().clone()),
            Target::Component(which, _) => {
                return Err(HostError::UnknownPolicy { name: which.clone(), known: self.policies() });
            }
        };
        request.principal = self.identity.principal.clone();
        request.tenant = self.identity.tenant.clone();
        request.approvals = self.allowed.approvals.clone();
        request.ceilings.extend(self.allowed.ceilings.iter().copied());
        (request.trace, request.client) = (context.trace, context.client);
        self.host.run_until(request, cancelled).await
    }

    /// The most that a run of a script of his may have of something.
    pub fn limit(&self, kind: LimitKind) -> u64 {
        let own = self.allowed.ceilings.iter().filter(|(of, _)| *of == kind).map(|(_, value)| *value);
        own.fold(self.host.limits().get(kind), u64::min)
    }

    /// The scripts that he has saved, where the host keeps any.
    pub fn library(&self) -> Option<Library> {
        self.host.library(&self.identity)
    }

    /// Forgets the answers that are kept for him, of one server or of all; with `shared`, those too that anybody of the tenant
    /// may have. Tells how many there were.
    pub fn clear_cache(&self, server: Option<&str>, shared: bool) -> u64 {
        self.host.clear_cache_of(&self.identity, server, shared)
    }

    /// Forgets the answers that are too old to be used. Tells how many there were.
    pub fn clean_cache(&self) -> u64 {
        if self.is_nobody() { 0 } else { self.host.clean_cache() }
    }
}
