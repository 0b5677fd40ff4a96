//! The host: servers, gate and runtime, tied together.

use crate::builder::HostBuilder;
use crate::configured::Configured;
use crate::interpreters::{InterpreterError, InterpreterInfo, Interpreters};
use crate::models::HostModel;
use crate::names::NamesCache;
use crate::outside::Outside;
use crate::request::{ComponentSource, PolicyCode, PolicySpec, Script};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tollgate_config::ConfigError;
use tollgate_config::lock::{self, LockError};
use tollgate_core::{Clock, Entropy, Grants, Identity, Limits, Model};
use tollgate_gate::Gate;
use tollgate_journal::{Journal, JournalError};
use tollgate_route::{Router, RouterSettings};
use tollgate_runtime::{Descriptor, Digest, PrepareError, Program, RunError, Runtime, RuntimeConfig};
use tollgate_script::{Language as ScriptLanguage, Library, SessionError, Sessions};
use tollgate_secrets::SecretStore;
use tollgate_upstream::{AddError, Fleet, FleetOptions};

/// The folder of a tenant's shared scripts: no digest is named so.
const SHARED_SCRIPTS: &str = "shared";

/// A Wasm host for MCP. Cheap to clone; clones are the same host.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) fleet: Arc<Fleet>,
    router: Arc<Router<Fleet>>,
    pub(crate) gate: Arc<Gate>,
    /// For adapters: a way to the gate that does not keep it alive.
    pub(crate) gate_slot: Arc<OnceLock<Weak<Gate>>>,
    base_limits: Limits,
    limits: RwLock<Limits>,
    policies: RwLock<BTreeMap<String, Arc<NamedPolicy>>>,
    pub(crate) policies_version: AtomicU64,
    pub(crate) interpreters: Interpreters,
    pub(crate) names: NamesCache,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) clock: Arc<dyn Clock>,
    /// When it began, on the clock's monotonic scale.
    began: Duration,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) model: Arc<HostModel>,
    /// The policies that came with the program, by name.
    pub(crate) shipped: BTreeMap<String, Arc<NamedPolicy>>,
    /// Secrets that are kept for this user, beside those that a configuration places.
    pub(crate) secrets: Option<Arc<dyn SecretStore>>,
    /// The shipped adapter for APIs with an OpenAPI document.
    pub(crate) openapi: Option<ComponentSource>,
    scripts: Option<PathBuf>,
    /// What the configuration file said last; held while a reload is under way.
    pub(crate) configured: tokio::sync::Mutex<Configured>,
}

pub(crate) struct NamedPolicy {
    pub(crate) spec: PolicySpec,
    program: tokio::sync::OnceCell<Arc<Program>>,
}

pub(crate) struct Parts {
    pub(crate) base_limits: Limits,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) runtime: RuntimeConfig,
    pub(crate) interpreters: Vec<PathBuf>,
    pub(crate) scripts: Option<PathBuf>,
    pub(crate) fleet: FleetOptions,
    pub(crate) outside: Outside,
    pub(crate) secrets: Option<Arc<dyn SecretStore>>,
    pub(crate) openapi: Option<ComponentSource>,
    pub(crate) model: Option<Arc<dyn Model>>,
    pub(crate) routing: RouterSettings,
    pub(crate) shipped: BTreeMap<String, Arc<NamedPolicy>>,
}

/// Why a host could not do what it was asked for. A run that begins has a [`RunReport`](crate::RunReport) instead, whatever
/// becomes of it.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A server's name is none, or is taken.
    #[error(transparent)]
    Server(#[from] AddError),
    /// A component cannot be used.
    #[error("{which}: {source}")]
    Component {
        /// Which, as a path or a name.
        which: String,
        /// What is wrong with it.
        source: PrepareError,
    },
    /// A component does not describe itself as it must.
    #[error("{which}: {source}")]
    Describe {
        /// Which, as a path or a name.
        which: String,
        /// What happened.
        source: RunError,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No policy has this name.
    #[error("no policy is named `{name}`; {}", known_policies(.known))]
    UnknownPolicy {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The component is not a policy.
    #[error(
        "{which} is an adapter, not a policy: configure it as a server (`servers.NAME.component`) and call its tools"
    )]
    NotAPolicy {
        /// Which, as a path or a name.
        which: String,
    },
    /// A script's interpreter cannot be used.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// A policy's script cannot be read.
    #[error("the script of policy `{policy}` cannot be read: {source}")]
    Script {
        /// The policy.
        policy: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A component is not what the lock file pins.
    #[error(transparent)]
    Lock(LockError),
    /// An API's document cannot be had.
    #[error("{0}")]
    Document(String),
    /// The configured model cannot be asked.
    #[error("model: {0}")]
    Model(String),
    /// A policy's secrets cannot be used as the configuration says.
    #[error("policy `{policy}`: {why}")]
    Secrets {
        /// The policy.
        policy: String,
        /// What is wrong.
        why: String,
    },
    /// A server's component cannot be used as the configuration says.
    #[error("server `{server}`: {why}")]
    Adapter {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// A script's session cannot be used.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The input is not JSON.
    #[error("the input is not JSON: {0}")]
    Input(serde_json::Error),
}

fn known_policies(names: &[String]) -> String {
    match names {
        [] => "the configuration has no policies; give the path of a component".to_owned(),
        names => format!("there are {}", names.join(", ")),
    }
}

/// A policy that the host knows by name.
#[derive(Clone, Debug)]
pub struct PolicyInfo {
    /// Its name.
    pub name: String,
    /// What it is for, where the configuration says so.
    pub description: Option<String>,
    /// What it may use.
    pub grants: Grants,
}

pub(crate) async fn read(source: &ComponentSource) -> Result<Bytes, HostError> {
    let (path, lock) = match source {
        ComponentSource::Bytes(bytes) => return Ok(bytes.clone()),
        ComponentSource::File(path) => (path, None),
        ComponentSource::Pinned(path, lock) => (path, Some(lock)),
    };
    let bytes: Bytes = match tokio::fs::read(path).await {
        Ok(bytes) => bytes.into(),
        Err(source) => return Err(HostError::Read { path: path.clone(), source }),
    };
    if let Some(lock) = lock {
        let source = lock.path(path).map_err(HostError::Lock)?;
        lock.check(lock::Kind::Component, &source, &bytes).map_err(HostError::Lock)?;
    }
    Ok(bytes)
}

/// Has what is kept of servers' answers forgotten when they say that it changed, for as long as there are servers.
fn forget_what_changes(fleet: &Fleet, router: &Arc<Router<Fleet>>) {
    use tokio::sync::broadcast::error::RecvError;
    let (mut changes, router) = (fleet.changes(), Arc::downgrade(router));
    tokio::spawn(async move {
        loop {
            let change = changes.recv().await;
            let Some(router) = router.upgrade() else { return };
            match change {
                Ok(change) => router.changed(&change),
                // Which changes were missed nobody knows.
                Err(RecvError::Lagged(_)) => drop(router.invalidate(None)),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

impl Host {
    /// Begins a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    pub(crate) fn assemble(parts: Parts) -> Result<Self, HostError> {
        let fleet = Fleet::with_options(parts.clock.clone(), parts.entropy.clone(), parts.fleet);
        let fleet = Arc::new(fleet);
        let router = Router::new(fleet.clone(), parts.clock.clone(), parts.entropy.clone(), parts.routing);
        let router = Arc::new(router);
        forget_what_changes(&fleet, &router);
        let model = HostModel::new(parts.model);
        let gate =
            Gate::new(router.clone(), Some(model.clone()), parts.journal, parts.clock.clone(), parts.entropy.clone());
        let gate_slot = Arc::new(OnceLock::from(Arc::downgrade(&gate)));
        Ok(Self(Arc::new(Inner {
            runtime: Arc::new(Runtime::new(parts.runtime)),
            fleet,
            router,
            gate,
            began: parts.clock.monotonic(),
            shipped: parts.shipped,
            model,
            entropy: parts.entropy,
            gate_slot,
            limits: RwLock::new(parts.base_limits.clone()),
            base_limits: parts.base_limits,
            policies: RwLock::default(),
            policies_version: AtomicU64::new(0),
            interpreters: Interpreters::new(parts.interpreters),
            names: NamesCache::default(),
            sessions: Sessions::new(parts.clock.clone()),
            clock: parts.clock,
            outside: Arc::new(parts.outside),
            secrets: parts.secrets,
            openapi: parts.openapi,
            scripts: parts.scripts,
            configured: tokio::sync::Mutex::default(),
        })))
    }

    /// Makes a policy known by name, in place of one that had it.
    pub fn add_policy(&self, name: impl Into<String>, spec: PolicySpec) {
        self.0.policies.write().insert(name.into(), NamedPolicy::new(spec));
        self.0.policies_version.fetch_add(1, Ordering::Release);
    }

    /// Forgets a policy. Its runs go on. False if there is none of this name.
    pub fn remove_policy(&self, name: &str) -> bool {
        self.0.policies_version.fetch_add(1, Ordering::Release);
        self.0.policies.write().remove(name).is_some()
    }

    /// The policies that run by name.
    pub fn policies(&self) -> Vec<PolicyInfo> {
        let policies = self.0.policies.read();
        let info = |(name, policy): (&String, &Arc<NamedPolicy>)| PolicyInfo {
            name: name.clone(),
            description: policy.spec.description.clone(),
            grants: policy.spec.grants.clone(),
        };
        policies.iter().map(info).collect()
    }

    /// Whether a policy of this name was configured or added.
    pub(crate) fn has_policy(&self, name: &str) -> bool {
        self.0.policies.read().contains_key(name)
    }

    pub(crate) fn policy_names(&self) -> Vec<String> {
        self.0.policies.read().keys().cloned().collect()
    }

    /// What a named policy says of itself.
    ///
    /// # Errors
    /// An unknown name, or what is wrong with its component.
    pub async fn describe(&self, name: &str) -> Result<Descriptor, HostError> {
        let policy = self.policy(name)?;
        let program = policy.program(self, name).await?;
        if !matches!(policy.spec.code, PolicyCode::Component(_)) {
            // A script says nothing of itself.
            return Ok(Descriptor {
                name: name.to_owned(),
                title: None,
                description: policy.spec.description.clone().unwrap_or_else(|| format!("The script `{name}`.")),
                input_schema: serde_json::json!({"type": "object"}),
                output_schema: None,
                grants: Vec::new(),
            });
        }
        match self.0.runtime.describe(&program).await {
            Ok(descriptor) => Ok(descriptor.clone()),
            Err(source) => Err(HostError::Describe { which: name.to_owned(), source }),
        }
    }

    pub(crate) fn policy(&self, name: &str) -> Result<Arc<NamedPolicy>, HostError> {
        let policies = self.0.policies.read();
        let found = policies.get(name).or_else(|| self.0.shipped.get(name)).cloned();
        found.ok_or_else(|| HostError::UnknownPolicy {
            name: name.to_owned(),
            known: policies.keys().chain(self.0.shipped.keys()).cloned().collect(),
        })
    }

    /// Whether a policy of this name came with the program: it has no grants of its own.
    pub fn is_shipped(&self, name: &str) -> bool {
        !self.0.policies.read().contains_key(name) && self.0.shipped.contains_key(name)
    }

    /// The scripts that somebody has saved, and those that are shared within his tenant, where the host keeps any. Waits for
    /// the disk.
    pub fn library(&self, identity: &Identity) -> Option<Library> {
        // A name may be anything; a folder's may not.
        let folder = |name: &str, length: usize| Digest::of(name.as_bytes()).hex().get(..length).map(str::to_owned);
        let tenant = self.0.scripts.as_ref()?.join(folder(&identity.tenant.0, 16)?);
        let library =
            Library::new(tenant.join(folder(&identity.principal.0, 32)?)).sharing(tenant.join(SHARED_SCRIPTS));
        if let Err(error) = library.adopt(&tenant, &identity.principal) {
            tracing::warn!(target: "tollgate::scripts", %error, "scripts that were saved before cannot be taken over");
        }
        Some(library)
    }

    pub(crate) async fn interpreter(&self, language: ScriptLanguage) -> Result<Arc<Program>, HostError> {
        Ok(self.0.interpreters.program(&self.0.runtime, language.interpreter()).await?)
    }

    /// The languages of scripts whose interpreters are there.
    pub fn script_languages(&self) -> Vec<ScriptLanguage> {
        let there = |language: &ScriptLanguage| self.0.interpreters.is_there(language.interpreter());
        ScriptLanguage::ALL.into_iter().filter(there).collect()
    }

    /// The interpreters of scripts, each loaded if it can be.
    pub async fn interpreters(&self) -> Vec<InterpreterInfo> {
        self.0.interpreters.list(&self.0.runtime).await
    }

    /// Compiles the interpreters for this program on this machine: those in `from`, or those that it finds, into `into`.
    /// Takes up to a minute, and the thread. Gives the files.
    ///
    /// # Errors
    /// There are none, or what is wrong with one.
    pub fn compile_interpreters(&self, from: Option<&Path>, into: &Path) -> Result<Vec<PathBuf>, InterpreterError> {
        self.0.interpreters.compile(&self.0.runtime, from, into)
    }

    pub(crate) async fn prepare(&self, which: &str, source: &ComponentSource) -> Result<Arc<Program>, HostError> {
        let bytes = read(source).await?;
        self.0.runtime.prepare(bytes).await.map_err(|e| HostError::Component { which: which.to_owned(), source: e })
    }

    // --- The rest ---

    pub(crate) fn router(&self) -> &Arc<Router<Fleet>> {
        &self.0.router
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.0.clock.monotonic().saturating_sub(self.0.began)
    }

    /// The ceilings of a run that says nothing of its own.
    pub fn limits(&self) -> Limits {
        self.0.limits.read().clone()
    }

    pub(crate) fn base_limits(&self) -> Limits {
        self.0.base_limits.clone()
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *self.0.limits.write() = limits;
    }

    /// Ends every connection and every child process, and waits for them.
    pub async fn shutdown(&self) {
        self.0.fleet.shutdown().await;
    }
}

impl NamedPolicy {
    pub(crate) fn new(spec: PolicySpec) -> Arc<Self> {
        Arc::new(Self { spec, program: tokio::sync::OnceCell::new() })
    }

    pub(crate) async fn program(&self, host: &Host, name: &str) -> Result<Arc<Program>, HostError> {
        let prepare = || async {
            match &self.spec.code {
                PolicyCode::Component(component) => host.prepare(name, component).await,
                PolicyCode::Script(Script { language, .. }) | PolicyCode::ScriptFile(_, language) => {
                    host.interpreter(*language).await
                }
            }
        };
        self.program.get_or_try_init(prepare).await.cloned()
    }
}
