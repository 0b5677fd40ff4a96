//! A configuration file, turned into what the host takes; and what to change when it is read anew.

use crate::adapter::{Adapter, AdapterSpec, Api};
use crate::host::{Host, HostError};
use crate::openapi;
use crate::outside::{self, Credential, Secrets};
use crate::request::{ComponentSource, PolicyCode, PolicySpec};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_config::lock::{Lock, Pin};
use tollgate_config::model::{self, AdapterCode, At, Code, Document, LimitOverrides, RemoteProtocol};
use tollgate_config::{self as config, Config};
use tollgate_core::{Grant, Grants, Limits, Secret};
use tollgate_outbound::Outbound;
use tollgate_route::RouteSpec;
use tollgate_runtime::Digest;
use tollgate_script::Language as ScriptLanguage;
use tollgate_secrets::{Chain, Place, PlacedStore, SecretStore};
use tollgate_upstream::{
    AuthSpec, ClientKey, HttpKind, KeyAlgorithm, Lazy, OAuthGrant, OAuthSpec, ServerSpec, Transport,
};

/// What the configuration file set up, to compare with when it is read anew.
#[derive(Default)]
pub(crate) struct Configured {
    servers: Vec<ConfiguredServer>,
    policies: Vec<String>,
}

/// A server as the file had it. Two are equal when a restart would change nothing.
#[derive(PartialEq)]
pub(crate) struct ConfiguredServer {
    /// The file that says it, for errors.
    file: PathBuf,
    server: config::Server,
    /// Environment and headers, filled in: they may change while the file does not.
    values: Result<Vec<(String, Secret)>, String>,
    /// What OAuth proves itself with: likewise.
    auth_secret: Option<config::AuthSecret>,
    /// An adapter's component, or an API's document: likewise.
    component: Option<Digest>,
    /// The ceilings of an adapter's calls.
    limits: Option<Limits>,
    /// What routing knows of it: defaults of the file count.
    route: RouteSpec,
}

impl Configured {
    /// Makes the host have what `config` says, and no longer what the last one said and this one does not. What can be wrong
    /// with it is found before anything is changed; but for a server of a name that the embedding program took.
    pub(crate) async fn apply(host: &Host, config: Config) -> Result<(), HostError> {
        let mut last = host.0.configured.lock().await;
        let store = secret_store(&config, host.0.secrets.clone());
        let lock = lock_of(&config)?;
        let mut defaults = host.base_limits();
        config.limits.apply(&mut defaults);
        let policies = config.policies.iter().map(|policy| {
            policy_spec(host, &config, policy, &store, &lock, &defaults).map(|spec| (policy.name.value.clone(), spec))
        });
        let policies: Vec<_> = policies.collect::<Result<_, _>>()?;
        let mut servers = Vec::new();
        for server in config.enabled() {
            servers.push(ConfiguredServer::new(&config, server, &defaults).await);
        }

        let (clock, entropy) = (host.0.clock.clone(), host.0.entropy.clone());
        host.0.model.configure(config.model.as_ref(), &host.0.outside.outbound, store.clone(), clock, entropy)?;
        host.0.gate.set_fail_fast(config.orchestration.fail_fast.unwrap_or(false));
        host.set_limits(defaults);
        for gone in std::mem::take(&mut last.policies) {
            host.remove_policy(&gone);
        }
        for (name, spec) in policies {
            last.policies.push(name.clone());
            host.add_policy(name, spec);
        }
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut last.servers).into_iter().partition(|old| servers.contains(old));
        last.servers = kept;
        for gone in gone {
            host.remove_server(&gone.server.name);
        }
        for new in servers {
            if !last.servers.contains(&new) {
                host.fleet().add_server(new.spec(host, &store, &lock))?;
                last.servers.push(new);
            }
        }
        Ok(())
    }
}

fn policy_spec(
    host: &Host,
    config: &Config,
    policy: &model::Policy,
    store: &Arc<dyn SecretStore>,
    lock: &Option<Arc<Lock>>,
    defaults: &Limits,
) -> Result<PolicySpec, HostError> {
    let code = match &policy.code {
        Code::Component(file) => PolicyCode::Component(pinned(&file.value, lock)),
        Code::Shipped(name) => match host.0.shipped.get(&name.value) {
            Some(shipped) => shipped.spec.code.clone(),
            None => {
                let known: Vec<_> = host.0.shipped.keys().map(String::as_str).collect();
                let errors = config::unknown_shipped(config, &known);
                return Err(config::ConfigError { errors, warnings: Vec::new() }.into());
            }
        },
        Code::Script(file, language) => {
            let language = match language {
                model::Language::JavaScript => ScriptLanguage::JavaScript,
                model::Language::TypeScript => ScriptLanguage::TypeScript,
                model::Language::Python => ScriptLanguage::Python,
            };
            PolicyCode::ScriptFile(file.value.clone(), language)
        }
    };
    let key = format!("policies.{}", policy.name.value);
    let secrets = credentials(&policy.secrets, (&config.file, &key), store);
    let secrets = outside::bindings(&secrets, &[], &BTreeMap::new(), &host.0.outside.outbound)
        .map_err(|why| HostError::Secrets { policy: policy.name.value.clone(), why })?;
    Ok(PolicySpec {
        code,
        grants: grants(&policy.grants),
        approvals: policy.approve.iter().map(|pattern| pattern.value.clone()).collect(),
        limits: own_limits(&policy.limits, defaults),
        description: policy.description.clone(),
        secrets,
    })
}

fn grants(grants: &[At<Grant>]) -> Grants {
    grants.iter().map(|grant| grant.value.clone()).collect()
}

fn own_limits(overrides: &LimitOverrides, defaults: &Limits) -> Option<Limits> {
    (!overrides.0.is_empty()).then(|| {
        let mut limits = defaults.clone();
        overrides.apply(&mut limits);
        limits
    })
}

impl ConfiguredServer {
    pub(crate) async fn new(config: &Config, server: &config::Server, defaults: &Limits) -> Self {
        let owned = (config.clone(), server.clone());
        // A secret may come from a command, which may take its time.
        let resolved = tokio::task::spawn_blocking(move || {
            let (config, server) = owned;
            let from_environment = |source: config::Source, name: &str| match source {
                config::Source::Env => std::env::var(name).ok(),
                config::Source::Secret => None,
            };
            let values = config::resolve(&config, &server, &from_environment).map_err(|e| e.to_string());
            match config::resolve_auth(&config, &server, &from_environment) {
                Ok(secret) => (values, secret),
                Err(error) => (values.and(Err(error.to_string())), None),
            }
        });
        let (values, auth_secret) = resolved.await.unwrap_or_else(|error| (Err(error.to_string()), None));
        let mut component = None;
        let mut limits = None;
        if let model::Transport::Adapter(adapter) = &server.transport {
            let file = match &adapter.code {
                AdapterCode::Component(file) => Some(&file.value),
                AdapterCode::OpenApi(api) => match &api.document.value {
                    Document::File(file) => Some(file),
                    Document::Url(_) => None,
                },
            };
            if let Some(file) = file {
                component = tokio::fs::read(file).await.ok().map(|bytes| Digest::of(&bytes));
            }
            limits = Some(own_limits(&adapter.limits, defaults).unwrap_or_else(|| defaults.clone()));
        }
        let route = config::route(config, server);
        Self { file: config.file.clone(), server: server.clone(), values, auth_secret, component, limits, route }
    }

    fn spec(&self, host: &Host, store: &Arc<dyn SecretStore>, lock: &Option<Arc<Lock>>) -> ServerSpec {
        let server = &self.server;
        let mut spec = ServerSpec::new(server.name.value.clone(), self.transport(host, store, lock));
        if let Some(timeout) = server.timeout {
            spec.call_timeout = timeout;
        }
        if let Some(timeout) = server.connect_timeout {
            spec.connect_timeout = timeout;
        }
        if let model::Transport::Remote(remote) = &server.transport {
            spec.auth = self.auth(&remote.auth);
            spec.allow_http = remote.allow_http;
            spec.proxy = remote.proxy.clone();
        }
        spec.allow = server.tools.allow.clone();
        spec.deny = server.tools.deny.clone();
        spec.pin = server.tools.pin;
        spec.route = self.route.clone();
        spec.required = server.required;
        spec.lazy = server.routing.lazy.map(|lazy| Lazy { idle: lazy.idle });
        spec
    }

    fn auth(&self, auth: &model::Auth) -> AuthSpec {
        let model::Auth::OAuth(oauth) = auth else { return AuthSpec::None };
        let (mut client_secret, mut client_key) = (None, None);
        match &self.auth_secret {
            Some(config::AuthSecret::Secret(secret)) => client_secret = Some(secret.clone()),
            Some(config::AuthSecret::Key(pem)) => {
                let algorithm = match oauth.key_algorithm {
                    model::KeyAlgorithm::Es256 => KeyAlgorithm::Es256,
                    model::KeyAlgorithm::Es384 => KeyAlgorithm::Es384,
                    model::KeyAlgorithm::Rs256 => KeyAlgorithm::Rs256,
                    model::KeyAlgorithm::Rs384 => KeyAlgorithm::Rs384,
                    model::KeyAlgorithm::Rs512 => KeyAlgorithm::Rs512,
                };
                client_key = Some(ClientKey { pem: pem.clone(), algorithm });
            }
            None => {}
        }
        AuthSpec::OAuth(Box::new(OAuthSpec {
            client_id: oauth.client_id.clone(),
            client_secret,
            client_key,
            client_metadata_url: oauth.client_metadata_url.clone(),
            scopes: oauth.scopes.clone(),
            grant: match oauth.grant {
                model::OAuthGrant::Code => OAuthGrant::Code,
                model::OAuthGrant::ClientCredentials => OAuthGrant::ClientCredentials,
            },
            redirect_port: oauth.redirect_port,
            redirect_url: oauth.redirect_url.clone(),
            issuer: oauth.issuer.clone(),
        }))
    }

    fn transport(&self, host: &Host, store: &Arc<dyn SecretStore>, lock: &Option<Arc<Lock>>) -> Transport {
        let values: BTreeMap<_, _> = self.values.iter().flatten().cloned().collect();
        let transport = match &self.server.transport {
            model::Transport::Process(process) => Transport::Stdio {
                command: process.command.to_string_lossy().into_owned(),
                args: process.args.clone(),
                env: values,
                cwd: process.cwd.clone(),
            },
            model::Transport::Remote(remote) => Transport::Http {
                url: remote.url.to_string(),
                headers: values,
                kind: match remote.protocol {
                    RemoteProtocol::Auto => HttpKind::Auto,
                    RemoteProtocol::StreamableHttp => HttpKind::Streamable,
                    RemoteProtocol::Sse => HttpKind::Sse,
                },
            },
            model::Transport::Adapter(adapter) => match self.adapter(adapter, host, store, lock) {
                Ok(adapter) => Transport::provider(Arc::new(adapter)),
                Err(why) => Transport::Misconfigured { name: "component", why },
            },
        };
        match &self.values {
            Ok(_) => transport,
            // The server is there and has failed, with this as its error: the others start all the same.
            Err(why) => Transport::Misconfigured { name: transport.name(), why: why.clone() },
        }
    }

    pub(crate) fn adapter(
        &self,
        adapter: &model::Adapter,
        host: &Host,
        store: &Arc<dyn SecretStore>,
        lock: &Option<Arc<Lock>>,
    ) -> Result<Adapter, String> {
        let credentials = credentials(&adapter.secrets, (&self.file, &self.server.key), store);
        let mut spec = AdapterSpec {
            component: ComponentSource::Bytes(Bytes::new()),
            grants: grants(&adapter.grants),
            limits: self.limits.clone(),
            secrets: Secrets::default(),
        };
        let api = match &adapter.code {
            AdapterCode::Component(file) => {
                spec.component = pinned(&file.value, lock);
                spec.secrets = outside::bindings(&credentials, &[], &BTreeMap::new(), &host.0.outside.outbound)?;
                None
            }
            AdapterCode::OpenApi(document) => {
                let shipped = host.0.openapi.clone();
                spec.component = shipped.ok_or("this host was built without the adapter for OpenAPI documents")?;
                Some(Api { document: (**document).clone(), credentials, lock: lock.clone() })
            }
        };
        Ok(host.adapter(&self.server.name, spec, api))
    }
}

/// The secrets of what stands at a key of a file.
fn credentials(uses: &[model::SecretUse], (file, key): (&Path, &str), store: &Arc<dyn SecretStore>) -> Vec<Credential> {
    let credential = |used: &model::SecretUse| Credential {
        at: format!("{}:{}: {key}.secrets.{}", file.display(), used.secret.line, used.secret.value),
        used: used.clone(),
        store: store.clone(),
    };
    uses.iter().map(credential).collect()
}

/// The secrets that a configuration places, and then those of `others`.
pub fn secret_store(config: &Config, others: Option<Arc<dyn SecretStore>>) -> Arc<dyn SecretStore> {
    let place = |from: &model::SecretPlace| match from {
        model::SecretPlace::Env(variable) => Place::Env(variable.clone()),
        model::SecretPlace::File(file) => Place::File(file.clone()),
        model::SecretPlace::Command(argv) => Place::Command(argv.clone()),
    };
    let placed = config.secrets.iter().map(|secret| (secret.name.value.clone(), place(&secret.from)));
    let placed: Arc<dyn SecretStore> = Arc::new(PlacedStore::new(placed));
    Arc::new(Chain::new([placed].into_iter().chain(others)))
}

/// What pins the files of a configuration, where there is such a file beside it.
pub(crate) fn lock_of(config: &Config) -> Result<Option<Arc<Lock>>, HostError> {
    if config.file.as_os_str().is_empty() {
        return Ok(None);
    }
    Ok(Lock::load(&Lock::beside(&config.file))?.map(Arc::new))
}

fn pinned(file: &Path, lock: &Option<Arc<Lock>>) -> ComponentSource {
    match lock {
        Some(lock) => ComponentSource::Pinned(file.to_owned(), lock.clone()),
        None => ComponentSource::File(file.to_owned()),
    }
}

/// What a lock file would pin now: every component and every API document that a configuration names.
///
/// # Errors
/// One of them cannot be read.
pub async fn locked(config: &Config, file: &Path) -> Result<Lock, HostError> {
    let mut lock = Lock::new(file.to_owned());
    for component in config::lock::components(config) {
        let bytes = crate::host::read(&ComponentSource::File(component.to_owned())).await?;
        let source = lock.path(component).map_err(HostError::Lock)?;
        lock.pin(config::lock::Kind::Component, source, Pin::of(&bytes));
    }
    let outbound = Outbound::new(tollgate_outbound::Settings::default());
    for document in config::lock::documents(config) {
        let text = openapi::fetch(document, &outbound).await.map_err(HostError::Document)?;
        let source = lock.document(document).map_err(HostError::Lock)?;
        lock.pin(config::lock::Kind::Document, source, Pin::of(text.as_bytes()));
    }
    Ok(lock)
}
