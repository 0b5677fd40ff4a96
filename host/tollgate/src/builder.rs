//! A host, put together.

use crate::adapter::AdapterSpec;
use crate::configured::Configured;
use crate::host::{Host, HostError, NamedPolicy, Parts};
use crate::outside::Outside;
use crate::request::{ComponentSource, PolicySpec};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_config::{Config, model};
use tollgate_core::{Clock, Entropy, Limits, Model, SystemClock, SystemEntropy};
use tollgate_journal::{FileJournal, Journal, MemoryJournal, Tee};
use tollgate_outbound::{Outbound, Settings as OutboundSettings};
use tollgate_route::{CacheSettings, RouterSettings};
use tollgate_runtime::{Digest, RuntimeConfig};
use tollgate_secrets::SecretStore;
use tollgate_state::{LazySqliteStore, MemoryStore, Quota, SqliteOptions, StateStore};
use tollgate_upstream::{CatalogStore, FleetOptions, Logins, PinStore, ServerSpec, Transport};

/// Entries that a host keeps in memory when nobody asks for more.
const MEMORY_JOURNAL_ENTRIES: usize = 10_000;

/// Puts a host together: [`Host::builder`].
pub struct HostBuilder {
    config: Config,
    servers: Vec<ServerSpec>,
    adapters: Vec<(String, AdapterSpec)>,
    policies: Vec<(String, PolicySpec)>,
    limits: Option<Limits>,
    journals: Vec<Arc<dyn Journal>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    max_runs: u32,
    cache_dir: Option<PathBuf>,
    bundled_dir: Option<PathBuf>,
    interpreters: Vec<PathBuf>,
    scripts: Option<PathBuf>,
    pins: Option<PathBuf>,
    fleet: FleetOptions,
    outbound: OutboundSettings,
    state: Option<Arc<dyn StateStore>>,
    quota: Quota,
    secrets: Option<Arc<dyn SecretStore>>,
    openapi: Option<ComponentSource>,
    model: Option<Arc<dyn Model>>,
    shipped: BTreeMap<String, Arc<NamedPolicy>>,
}

impl Default for HostBuilder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            servers: Vec::new(),
            adapters: Vec::new(),
            policies: Vec::new(),
            limits: None,
            journals: Vec::new(),
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy::default()),
            max_runs: RuntimeConfig::default().max_runs,
            cache_dir: None,
            bundled_dir: None,
            interpreters: Vec::new(),
            scripts: None,
            pins: None,
            fleet: FleetOptions::default(),
            outbound: OutboundSettings::default(),
            state: None,
            quota: Quota::default(),
            secrets: None,
            openapi: None,
            model: None,
            shipped: BTreeMap::new(),
        }
    }
}

impl HostBuilder {
    /// Takes servers, policies and limits from a file. Naming it is consent to start what it says.
    ///
    /// # Errors
    /// What is wrong with the file, each with its line.
    pub fn config_file(self, path: impl AsRef<Path>) -> Result<Self, HostError> {
        Ok(self.config(tollgate_config::load(path.as_ref(), std::env::home_dir().as_deref())?))
    }

    /// Takes servers, policies and limits from a configuration that was read already.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a server.
    #[must_use]
    pub fn server(mut self, spec: ServerSpec) -> Self {
        self.servers.push(spec);
        self
    }

    /// Adds a server of this process: `stream` is the host's end, as of [`tokio::io::duplex`]; an MCP
    /// server (rmcp's, or any) serves the other.
    #[must_use]
    pub fn in_process_server(
        self,
        name: impl Into<String>,
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
    ) -> Self {
        self.server(ServerSpec::new(name, Transport::stream(stream)))
    }

    /// Adds a component that stands in for a server.
    #[must_use]
    pub fn adapter(mut self, name: impl Into<String>, spec: AdapterSpec) -> Self {
        self.adapters.push((name.into(), spec));
        self
    }

    /// Adds a policy that runs by its name.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>, spec: PolicySpec) -> Self {
        self.policies.push((name.into(), spec));
        self
    }

    /// The ceilings of runs that say nothing of their own; those of the configuration file go over them.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Adds a journal; each gets every entry. Without one, the last 10,000 entries are kept in memory.
    #[must_use]
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journals.push(journal);
        self
    }

    /// What the host goes by, in place of the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where identities and seeds come from, in place of the machine's random numbers.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Runs at once, those of adapters included; 1,000 without. One more is refused as overloaded. Each
    /// takes address space, and memory only while it runs.
    #[must_use]
    pub fn max_runs(mut self, max_runs: u32) -> Self {
        self.max_runs = max_runs;
        self
    }

    /// Keeps compiled components in this folder. Without, they are compiled in every process.
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// Looks for compiled components in this folder too, before compiling any. It is only read: it came with
    /// your program, made by a host with another folder as its cache.
    #[must_use]
    pub fn bundled_components(mut self, dir: impl Into<PathBuf>) -> Self {
        self.bundled_dir = Some(dir.into());
        self
    }

    /// Looks for interpreters of scripts in this folder, after those given before. Without any, no script can be run.
    #[must_use]
    pub fn interpreters(mut self, dir: impl Into<PathBuf>) -> Self {
        self.interpreters.push(dir.into());
        self
    }

    /// Keeps scripts that agents save in this folder, each tenant's in one of its own. Without, none can be saved.
    #[must_use]
    pub fn scripts(mut self, dir: impl Into<PathBuf>) -> Self {
        self.scripts = Some(dir.into());
        self
    }

    /// Where logins to servers are kept (OAuth), and whose they are. Without, they are kept in memory.
    #[must_use]
    pub fn logins(mut self, logins: Logins) -> Self {
        self.fleet.logins = logins;
        self
    }

    /// Keeps below this folder what was approved of the tools of servers that are pinned. Each configuration file
    /// has a folder of its own in it, for the names of servers are its own. Without, approvals last as long as
    /// the host.
    #[must_use]
    pub fn pins(mut self, dir: impl Into<PathBuf>) -> Self {
        self.pins = Some(dir.into());
        self
    }

    /// Keeps in this folder which tools lazy servers have, so that they need not be started to tell. Without, each is started
    /// once by each host.
    #[must_use]
    pub fn catalogs(mut self, dir: impl Into<PathBuf>) -> Self {
        self.fleet.catalogs = Some(CatalogStore::new(dir));
        self
    }

    /// Keeps what components keep from run to run (`tollgate:state`) here, each as much as `quota` says. Without, it is kept in
    /// memory.
    #[must_use]
    pub fn state(mut self, store: Arc<dyn StateStore>, quota: Quota) -> Self {
        (self.state, self.quota) = (Some(store), quota);
        self
    }

    /// Where the secrets are that the configuration uses and does not place.
    #[must_use]
    pub fn secrets(mut self, store: Arc<dyn SecretStore>) -> Self {
        self.secrets = Some(store);
        self
    }

    /// How components' HTTP requests go out: the resolver, certificates to trust beside the system's, connections to keep.
    #[must_use]
    pub fn outbound(mut self, settings: OutboundSettings) -> Self {
        self.outbound = settings;
        self
    }

    /// The component that makes tools of OpenAPI documents (`plugins/adapters/openapi`). Without, a server with `openapi` fails.
    #[must_use]
    pub fn openapi_adapter(mut self, component: ComponentSource) -> Self {
        self.openapi = Some(component);
        self
    }

    /// A policy that comes with your program: it runs by its name, and a configuration may use it as `tollgate:NAME`. It has no
    /// grants but those of whoever runs it, and agents do not see it.
    #[must_use]
    pub fn shipped_policy(mut self, name: impl Into<String>, component: ComponentSource) -> Self {
        self.shipped.insert(name.into(), NamedPolicy::new(PolicySpec::new(component)));
        self
    }

    /// The language model that components may ask where the configuration names none.
    #[must_use]
    pub fn model(mut self, model: Arc<dyn Model>) -> Self {
        self.model = Some(model);
        self
    }

    /// Tells servers that clients stand behind the calls, who can be asked for input (sampling, elicitation,
    /// roots). For a front end, which gives runs and calls their [`Client`](tollgate_core::Client).
    #[must_use]
    pub fn with_clients(mut self) -> Self {
        self.fleet.has_clients = true;
        self
    }

    /// Builds the host. Servers connect in the background, all at once; a call waits for the server that it
    /// needs. Needs a tokio runtime.
    ///
    /// # Errors
    /// A configuration that cannot be filled in, a server's name that is none, an engine that cannot be
    /// set up. A server that cannot be reached is no error: it shows in [`Host::servers`].
    pub async fn build(self) -> Result<Host, HostError> {
        let mut journals = self.journals;
        if let Some(file) = &self.config.journal {
            journals.push(Arc::new(FileJournal::open(file)?));
        }
        let journal: Arc<dyn Journal> = match journals.len() {
            0 => Arc::new(MemoryJournal::new(MEMORY_JOURNAL_ENTRIES)),
            _ => Arc::new(Tee(journals)),
        };
        let pins = self.pins.map(|dir| PinStore::new(pins_of(dir, &self.config.file)));
        let parts = Parts {
            base_limits: self.limits.unwrap_or_default(),
            journal,
            clock: self.clock.clone(),
            entropy: self.entropy,
            runtime: RuntimeConfig {
                max_runs: self.max_runs,
                cache_dir: self.cache_dir.or_else(|| self.config.cache.clone()),
                bundled_dir: self.bundled_dir,
                clock: self.clock,
            },
            interpreters: self.interpreters,
            scripts: self.scripts,
            fleet: FleetOptions { pins, ..self.fleet },
            outside: Outside {
                outbound: Outbound::new(self.outbound),
                state: match &self.config.state.file {
                    Some(file) => Arc::new(LazySqliteStore::new(file, SqliteOptions::default())),
                    None => self.state.unwrap_or_else(|| Arc::new(MemoryStore::default())),
                },
                quota: quota(self.quota, &self.config.state),
            },
            secrets: self.secrets,
            openapi: self.openapi,
            model: self.model,
            routing: routing(&self.config.orchestration),
            shipped: self.shipped,
        };
        let host = Host::assemble(parts)?;
        for spec in self.servers {
            host.add_server(spec)?;
        }
        for (name, spec) in self.adapters {
            host.add_adapter(name, spec)?;
        }
        for (name, spec) in self.policies {
            host.add_policy(name, spec);
        }
        Configured::apply(&host, self.config).await?;
        Ok(host)
    }
}

/// How much of answers is kept.
fn routing(said: &model::Orchestration) -> RouterSettings {
    let defaults = CacheSettings::default();
    RouterSettings {
        cache: CacheSettings {
            entries: said.cache_max_entries.map_or(defaults.entries, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            bytes: said.cache_max_bytes.unwrap_or(defaults.bytes),
        },
    }
}

/// What each component may keep: what the configuration says goes first.
fn quota(quota: Quota, state: &model::State) -> Quota {
    Quota {
        value_bytes: state.max_value.unwrap_or(quota.value_bytes),
        keys: state.max_keys.unwrap_or(quota.keys),
        total_bytes: state.max_bytes.unwrap_or(quota.total_bytes),
    }
}

/// The folder of a configuration file below `dir`; `dir` itself where there is no file.
fn pins_of(dir: PathBuf, file: &Path) -> PathBuf {
    if file.as_os_str().is_empty() {
        return dir;
    }
    // The same file by another path has the same approvals.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let digest = Digest::of(file.as_os_str().as_encoded_bytes()).hex();
    dir.join(digest.chars().take(16).collect::<String>())
}
