//! A run, asked for.

use crate::outside::Secrets;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_config::lock::Lock;
use tollgate_core::{Approvals, Client, Grants, LimitKind, Limits, Principal, Tenant, TraceContext};
use tollgate_script::Language as ScriptLanguage;

/// On whose behalf something is asked of the host.
#[derive(Clone, Debug)]
pub struct Behalf {
    /// Who asks.
    pub principal: Principal,
    /// On whose account.
    pub tenant: Tenant,
    /// What they may use.
    pub grants: Grants,
    /// Which calls a person must approve first.
    pub approvals: Approvals,
    /// Ceilings below the host's, each in the unit of its kind.
    pub ceilings: Vec<(LimitKind, u64)>,
    /// The span that asks, of a trace that began elsewhere.
    pub trace: Option<TraceContext>,
    /// The agent's client, which servers may ask for input meanwhile.
    pub client: Option<Arc<dyn Client>>,
}

impl Default for Behalf {
    /// The embedding program, which may use everything.
    fn default() -> Self {
        Self {
            principal: Principal::new("embedder"),
            tenant: Tenant::default(),
            grants: Grants::all(),
            approvals: Approvals::default(),
            ceilings: Vec::new(),
            trace: None,
            client: None,
        }
    }
}

/// Where a component's bytes are.
#[derive(Clone)]
pub enum ComponentSource {
    /// In memory; what is part of the program is not copied.
    Bytes(Bytes),
    /// In a file.
    File(PathBuf),
    /// In a file that a lock file pins.
    Pinned(PathBuf, Arc<Lock>),
}

impl std::fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::File(path) | Self::Pinned(path, _) => write!(f, "File({})", path.display()),
        }
    }
}

/// A policy that the host knows by name.
#[derive(Clone, Debug)]
pub struct PolicySpec {
    /// Its component, or its script.
    pub code: PolicyCode,
    /// What it may use, whoever runs it.
    pub grants: Grants,
    /// Which of its calls a person must approve first.
    pub approvals: Approvals,
    /// Its ceilings; the host's defaults where there are none.
    pub limits: Option<Limits>,
    /// What it is for, where the component's own description does not do.
    pub description: Option<String>,
    /// What the host adds to its HTTP requests.
    pub secrets: Secrets,
}

impl PolicySpec {
    /// A policy without grants, under the host's default limits.
    pub fn new(component: ComponentSource) -> Self {
        Self::of(PolicyCode::Component(component))
    }

    /// A policy that is a script, without grants, under the host's default limits.
    pub fn script(script: Script) -> Self {
        Self::of(PolicyCode::Script(script))
    }

    fn of(code: PolicyCode) -> Self {
        Self {
            code,
            grants: Grants::default(),
            approvals: Approvals::default(),
            limits: None,
            description: None,
            secrets: Secrets::default(),
        }
    }
}

/// What a policy consists of.
#[derive(Clone, Debug)]
pub enum PolicyCode {
    /// A component.
    Component(ComponentSource),
    /// Source text, for an interpreter.
    Script(Script),
    /// Source text in a file, which is read at each run.
    ScriptFile(PathBuf, ScriptLanguage),
}

impl PolicyCode {
    /// The script, where it is one.
    pub(crate) async fn script(&self) -> std::io::Result<Option<Script>> {
        Ok(match self {
            Self::Component(_) => None,
            Self::Script(script) => Some(script.clone()),
            Self::ScriptFile(path, language) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Some(Script { language: *language, code: tokio::fs::read_to_string(path).await?, file })
            }
        })
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Named(String),
    Component(String, ComponentSource),
    Script(Script),
}

/// Source text to run.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its language.
    pub language: ScriptLanguage,
    /// The text.
    pub code: String,
    /// Its name in messages, as `report.py`.
    pub file: String,
}

/// One run of a policy, asked for. It has no grants but those of the named policy and those given here.
#[derive(Clone, Debug)]
pub struct RunRequest {
    pub(crate) target: Target,
    pub(crate) input: String,
    pub(crate) grants: Grants,
    pub(crate) approvals: Approvals,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) limits: Vec<(LimitKind, u64)>,
    pub(crate) ceilings: Vec<(LimitKind, u64)>,
    pub(crate) principal: Principal,
    pub(crate) tenant: Tenant,
    pub(crate) client: Option<Arc<dyn Client>>,
    pub(crate) session: Option<String>,
}

impl RunRequest {
    fn new(target: Target) -> Self {
        Self {
            target,
            input: "{}".to_owned(),
            grants: Grants::default(),
            approvals: Approvals::default(),
            trace: None,
            limits: Vec::new(),
            ceilings: Vec::new(),
            principal: Principal::new("embedder"),
            tenant: Tenant::default(),
            client: None,
            session: None,
        }
    }

    /// A policy that the host knows by this name.
    pub fn named(policy: impl Into<String>) -> Self {
        Self::new(Target::Named(policy.into()))
    }

    /// A component in a file; the file's stem is the run's name.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        Self::new(Target::Component(name, ComponentSource::File(path)))
    }

    /// A component in memory.
    pub fn bytes(name: impl Into<String>, component: impl Into<Bytes>) -> Self {
        Self::new(Target::Component(name.into(), ComponentSource::Bytes(component.into())))
    }

    /// A script.
    pub fn script(script: Script) -> Self {
        Self::new(Target::Script(script))
    }

    /// The input: a JSON document. `{}` without.
    #[must_use]
    pub fn input(mut self, json: impl Into<String>) -> Self {
        self.input = json.into();
        self
    }

    /// Grants beside those of the named policy.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Calls that a person must approve first, beside those of the named policy.
    #[must_use]
    pub fn approvals(mut self, approvals: Approvals) -> Self {
        self.approvals = approvals;
        self
    }

    /// The span that asks, of a trace that began elsewhere (W3C Trace Context).
    #[must_use]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// A ceiling in place of the policy's or the host's, in the unit of its kind.
    #[must_use]
    pub fn limit(mut self, kind: LimitKind, value: u64) -> Self {
        self.limits.push((kind, value));
        self
    }

    /// No more than this, in the unit of its kind, however high the ceiling is otherwise.
    #[must_use]
    pub fn at_most(mut self, kind: LimitKind, value: u64) -> Self {
        self.ceilings.push((kind, value));
        self
    }

    /// Who asks; `embedder` without.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principal = principal;
        self
    }

    /// On whose account; `default` without.
    #[must_use]
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenant = tenant;
        self
    }

    /// For a script: the session whose variables it sees and changes, one of the principal's own. Variables are kept
    /// in memory for an hour after their last use.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.session = Some(id.into());
        self
    }

    /// The agent's client that asks: servers may ask it for input meanwhile, and it hears of progress and logs.
    #[must_use]
    pub fn client(mut self, client: Arc<dyn Client>) -> Self {
        self.client = Some(client);
        self
    }
}
