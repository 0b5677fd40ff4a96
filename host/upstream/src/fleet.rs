//! All servers together, under their names.

use crate::auth::store::Logins;
use crate::http::HttpClients;
use crate::kept::CatalogStore;
use crate::near::{near, near_words};
use crate::pins::Pins;
use crate::pins::file::PinStore;
use crate::server::{Server, Shared};
use crate::spec::ServerSpec;
use crate::status::ServerStatus;
use crate::text::clean;
use arc_swap::ArcSwap;
use futures::future::join_all;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_core::name::check_server_name;
use tollgate_core::{
    BoxFuture, Call, CallContext, CallError, Change, Clock, Entropy, ListKind, NameError, Query, SystemClock,
    SystemEntropy, Tool,
};
use tollgate_route::{Attempted, Backend, List, Member};

/// How long calls in flight at a server that is removed or changed may take to finish.
const RETIRE_GRACE: Duration = Duration::from_secs(30);
/// Changes that are kept for somebody who listens and is slow.
const CHANGES_KEPT: usize = 256;

pub(crate) type Servers = BTreeMap<String, Arc<Server>>;

/// Why a server cannot be in the fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Its name breaks the rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Another server has its name.
    #[error("there are two servers named `{0}`; rename one")]
    Duplicate(String),
}

/// Which servers [`Fleet::apply`] touched, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Those that are new.
    pub added: Vec<String>,
    /// Those that were started anew because their spec changed.
    pub changed: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
}

/// What a fleet has beside its servers.
#[derive(Clone, Default)]
pub struct FleetOptions {
    /// Where logins are kept; in memory without.
    pub logins: Logins,
    /// Where it is kept what was approved of servers that are pinned; in memory without.
    pub pins: Option<PinStore>,
    /// Where the catalogs of lazy servers are kept; without, each is started once to learn what it has.
    pub catalogs: Option<CatalogStore>,
    /// Tells servers that clients stand behind the calls, who can be asked for input: a front end gives runs
    /// their [`Client`](tollgate_core::Client).
    pub has_clients: bool,
}

/// All servers. Each connects in a task of its own, from the moment that it is added.
///
/// Dropping the fleet stops them, without waiting; [`Fleet::shutdown`] waits. It needs a tokio runtime.
pub struct Fleet {
    servers: ArcSwap<Servers>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    /// Stops all servers, those too that are removed and finish their calls.
    stop: CancellationToken,
    /// Held while `servers` is replaced.
    edit: Mutex<()>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock::default()), Arc::new(SystemEntropy::default()))
    }
}

impl Fleet {
    /// A fleet without servers, whose logins are kept in memory.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self::with_options(clock, entropy, FleetOptions::default())
    }

    /// A fleet without servers.
    pub fn with_options(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, options: FleetOptions) -> Self {
        let FleetOptions { logins, pins, catalogs, has_clients } = options;
        let shared = Shared {
            clock,
            entropy,
            http: HttpClients::default(),
            logins,
            pins: Pins::new(pins),
            catalogs,
            version: AtomicU64::new(0),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            has_clients,
        };
        Self {
            servers: ArcSwap::default(),
            shared: Arc::new(shared),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            edit: Mutex::new(()),
        }
    }

    /// Adds a server, and begins to connect it.
    ///
    /// # Errors
    /// Its name breaks the rules, or another server has it.
    pub fn add_server(&self, spec: ServerSpec) -> Result<(), AddError> {
        check_server_name(&spec.name)?;
        let _edit = self.edit.lock();
        let mut servers = Servers::clone(&self.servers.load());
        if servers.contains_key(&spec.name) {
            return Err(AddError::Duplicate(spec.name));
        }
        servers.insert(spec.name.clone(), self.start(spec));
        self.servers.store(Arc::new(servers));
        Ok(())
    }

    /// Removes a server. New calls do not find it; calls in flight may finish, for at most 30 seconds. False
    /// when there is none of this name.
    pub fn remove_server(&self, name: &str) -> bool {
        let _edit = self.edit.lock();
        let mut servers = Servers::clone(&self.servers.load());
        let Some(server) = servers.remove(name) else { return false };
        self.servers.store(Arc::new(servers));
        self.retire(server);
        true
    }

    /// Makes the fleet what `specs` say. A server whose spec is equal is left alone.
    ///
    /// # Errors
    /// A name breaks the rules or is there twice. Nothing has changed then.
    pub fn apply(&self, specs: impl IntoIterator<Item = ServerSpec>) -> Result<Applied, AddError> {
        let mut wanted = BTreeMap::new();
        for spec in specs {
            check_server_name(&spec.name)?;
            if let Some(spec) = wanted.insert(spec.name.clone(), spec) {
                return Err(AddError::Duplicate(spec.name));
            }
        }
        let _edit = self.edit.lock();
        let mut old = Servers::clone(&self.servers.load());
        let (mut servers, mut applied) = (Servers::new(), Applied::default());
        for (name, spec) in wanted {
            let server = match old.remove(&name) {
                Some(server) if server.spec == spec => server,
                Some(server) => {
                    applied.changed.push(name.clone());
                    self.retire(server);
                    self.start(spec)
                }
                None => {
                    applied.added.push(name.clone());
                    self.start(spec)
                }
            };
            servers.insert(name, server);
        }
        self.servers.store(Arc::new(servers));
        for (name, server) in old {
            applied.removed.push(name);
            self.retire(server);
        }
        Ok(applied)
    }

    fn start(&self, spec: ServerSpec) -> Arc<Server> {
        let server = Server::new(spec, self.shared.clone(), self.stop.child_token());
        self.tasks.spawn(server.clone().run());
        server
    }

    fn retire(&self, server: Arc<Server>) {
        self.shared.version.fetch_add(1, Ordering::Release);
        // Nobody may be listening.
        let _ = self.shared.changes.send(Change::Tools);
        self.tasks.spawn(async move { server.retire(RETIRE_GRACE).await });
    }

    /// Asks the connected servers that `wanted` names for their tools anew, and waits for that up to their connect timeouts.
    pub async fn ask_anew(&self, wanted: impl Fn(&str) -> bool) {
        let servers = self.servers.load_full();
        join_all(servers.values().filter(|server| wanted(&server.spec.name)).map(|server| server.ask_anew())).await;
    }

    /// What changes from now on. Who is slow misses some, and is told so.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// How each server is, by name.
    pub fn statuses(&self) -> Vec<ServerStatus> {
        self.servers.load().values().map(|s| s.status()).collect()
    }

    /// Every tool of every ready server that is not quarantined, in the order of names. Waits for those that are connecting, up to
    /// their connect timeouts. A lazy server is not started for it.
    pub async fn tools(&self) -> Vec<Arc<Tool>> {
        let servers = self.servers.load_full();
        join_all(servers.values().map(|s| s.wait_settled())).await;
        join_all(servers.values().map(|s| s.reconsider(false))).await;
        self.tools_now()
    }

    /// Every tool of every ready server that is not quarantined, in the order of names. Waits for none.
    pub fn tools_now(&self) -> Vec<Arc<Tool>> {
        let servers = self.servers.load();
        servers.values().filter(|s| s.is_offered()).flat_map(|s| s.catalog().tools().to_vec()).collect()
    }

    /// Another number whenever [`Fleet::tools_now`] may give something else.
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// Waits until each of these servers is ready or has failed, up to their connect timeouts. Tells of each
    /// that is not ready why. A lazy server that is idle counts as ready.
    pub async fn wait_ready<S: AsRef<str>>(&self, names: &[S]) -> Vec<(String, CallError)> {
        let waits = names.iter().map(|name| async {
            let name = name.as_ref();
            let result = match self.server(name) {
                Some(server) => server.wait_settled().await,
                None => Err(CallError::UnknownTool(Vec::new())),
            };
            result.err().map(|error| (name.to_owned(), error))
        });
        join_all(waits).await.into_iter().flatten().collect()
    }

    /// Stops every server and waits until all is gone, child processes included. Calls in flight fail.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(crate) fn server(&self, name: &str) -> Option<Arc<Server>> {
        self.servers.load().get(name).cloned()
    }

    pub(crate) fn all(&self) -> Arc<Servers> {
        self.servers.load_full()
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.shared.pins
    }

    /// Near names among all that is known now; it waits for nobody. Where the server is none, servers of a near name are
    /// among them, as `server:*`.
    fn unknown(&self, server: &str, tool: &str) -> CallError {
        let servers = self.servers.load();
        let catalogs: Vec<_> = servers.iter().map(|(name, s)| (name, s.catalog())).collect();
        let all = catalogs.iter().flat_map(|(name, c)| c.tools().iter().map(|t| (name.as_str(), t.name.as_str())));
        let mut near = near(server, tool, all);
        if !servers.contains_key(server) {
            for name in near_words(server, servers.keys().map(String::as_str)) {
                if !near.iter().any(|tool| tool.split_once(':').is_some_and(|(server, _)| server == name)) {
                    near.push(format!("{name}:*"));
                }
            }
        }
        CallError::UnknownTool(near)
    }

    /// That there is no such server, and which are near.
    fn no_server(&self, server: &str) -> CallError {
        let servers = self.servers.load();
        let near = near_words(server, servers.keys().map(String::as_str));
        let near: Vec<_> = near.into_iter().map(|name| format!("`{name}`")).collect();
        let help = match near.as_slice() {
            [] => "`tollgate servers` lists what there is".to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        CallError::Unavailable(format!("there is no server `{}`; {help}", clean(server, 80)))
    }
}

fn member_of(server: &Server) -> Member {
    let (state, error) = server.state();
    Member {
        name: server.name.clone(),
        route: server.route.clone(),
        health: state.health(),
        is_starting: server.is_starting(),
        error,
    }
}

impl Backend for Fleet {
    fn member(&self, name: &str) -> Option<Member> {
        self.servers.load().get(name).map(|server| member_of(server))
    }

    fn members(&self) -> Vec<Member> {
        self.servers.load().values().map(|server| member_of(server)).collect()
    }

    fn resolve<'a>(&'a self, server: &'a str, tool: &'a str) -> BoxFuture<'a, Result<Arc<Tool>, CallError>> {
        Box::pin(async move {
            let Some(found) = self.server(server) else { return Err(self.unknown(server, tool)) };
            if let Some(entry) = found.known(tool) {
                return Ok(entry.tool.clone());
            }
            if !found.catalog().held().contains_key(tool) {
                found.wait_connected().await?;
            }
            if found.catalog().held().contains_key(tool) {
                // It may have been approved in the meantime.
                found.reconsider(false).await;
            }
            match found.known(tool) {
                Some(entry) => Ok(entry.tool.clone()),
                None => Err(found.refusal(tool).unwrap_or_else(|| self.unknown(server, tool))),
            }
        })
    }

    fn attempt<'a>(&'a self, tool: &'a Tool, call: &'a Call, context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(async move {
            match self.server(&tool.server) {
                Some(server) => server.attempt(tool, call, context).await,
                None => Attempted::unsent(self.unknown(&tool.server, &tool.name)),
            }
        })
    }

    fn attempt_query<'a>(&'a self, query: &'a Query, context: &'a CallContext) -> BoxFuture<'a, Attempted> {
        Box::pin(async move {
            match self.server(&query.server) {
                Some(server) => server.attempt_query(query, context).await,
                None => Attempted::unsent(self.no_server(&query.server)),
            }
        })
    }

    fn list_of<'a>(&'a self, server: &'a str, kind: ListKind) -> BoxFuture<'a, Result<List, CallError>> {
        Box::pin(async move {
            let found = self.server(server).ok_or_else(|| self.no_server(server))?;
            found.list(kind).await
        })
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(self.tools())
    }

    fn wait_ready<'a>(&'a self, server: &'a str, patience: Duration) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(async move {
            let found = self.server(server).ok_or_else(|| self.no_server(server))?;
            found.wait_ready(patience).await
        })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
