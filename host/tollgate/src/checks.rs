//! Components that are looked at and not run, and what a configuration gives them.

use crate::configured::{ConfiguredServer, lock_of, secret_store};
use crate::host::{Host, HostError, read};
use crate::outside::Secrets;
use crate::request::{ComponentSource, PolicyCode};
use tollgate_config::Config;
use tollgate_config::model::Transport;
use tollgate_core::{Approvals, Grants, Limits};
use tollgate_runtime::{Descriptor, Inspection, RunError, World};
use tollgate_state::Quota;

/// A component that was looked at.
#[derive(Debug)]
pub struct Checked {
    /// What it is.
    pub inspection: Inspection,
    /// What it says of itself, for a policy.
    pub descriptor: Option<Descriptor>,
    /// The names of the tools that it provides, for an adapter.
    pub tools: Vec<String>,
}

/// A policy, or a server that is a component, with what it was given.
#[derive(Debug)]
pub struct Given {
    /// The component. None of a script: what runs it is its interpreter.
    pub component: Option<Checked>,
    /// What it may use, before what a run may add.
    pub grants: Grants,
    /// What the host adds to its HTTP requests.
    pub secrets: Secrets,
    /// Its ceilings.
    pub limits: Limits,
    /// Which of its calls a person must approve first.
    pub approvals: Approvals,
    /// What it may keep.
    pub quota: Quota,
}

impl Host {
    /// Looks at a component: what it is, imports, exports, and says of itself. Runs nothing of it but its
    /// description, with every import denied.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub async fn check(&self, source: &ComponentSource) -> Result<Checked, HostError> {
        let which = match source {
            ComponentSource::File(path) | ComponentSource::Pinned(path, _) => path.display().to_string(),
            ComponentSource::Bytes(_) => "this component".to_owned(),
        };
        let program = self.prepare(&which, source).await?;
        let inspection = program.inspection().clone();
        let describe = |source| HostError::Describe { which: which.clone(), source };
        let mut descriptor = None;
        let tools = match inspection.world {
            world if world.is_policy() => {
                descriptor = Some(self.0.runtime.describe(&program).await.map_err(describe)?.clone());
                Vec::new()
            }
            // What it has depends on the document.
            World::DocumentAdapter => Vec::new(),
            World::Plain => {
                let unusable = |why| describe(RunError::Unusable(why));
                let functions = crate::adapter::functions(&which, read(source).await?).await.map_err(unusable)?;
                functions.into_keys().collect()
            }
            _ => {
                let tools = self.0.runtime.list_tools(&program).await.map_err(describe)?;
                tools.iter().map(|tool| tool.name.clone()).collect()
            }
        };
        Ok(Checked { inspection, descriptor, tools })
    }

    /// Looks at a policy that the host knows by this name, as [`Host::check`] does.
    ///
    /// # Errors
    /// An unknown name, or what is wrong with its component.
    pub async fn check_policy(&self, name: &str) -> Result<Given, HostError> {
        let policy = self.policy(name)?;
        let component = match &policy.spec.code {
            PolicyCode::Component(source) => Some(self.check(source).await?),
            PolicyCode::Script(_) | PolicyCode::ScriptFile(..) => None,
        };
        Ok(Given {
            component,
            grants: policy.spec.grants.clone(),
            secrets: policy.spec.secrets.clone(),
            limits: policy.spec.limits.clone().unwrap_or_else(|| self.limits()),
            approvals: policy.spec.approvals.clone(),
            quota: self.0.outside.quota,
        })
    }

    /// Looks at a server of a configuration, as [`Host::check`] does; the document of an API is read. `None` if there is no
    /// such server, or it is no component. The host need not have the server, and does not get it.
    ///
    /// # Errors
    /// What is wrong with its component, its document or its secrets.
    pub async fn check_server(&self, config: &Config, name: &str) -> Result<Option<Given>, HostError> {
        let Some(server) = config.servers.iter().find(|server| *server.name == name) else { return Ok(None) };
        let Transport::Adapter(adapter) = &server.transport else { return Ok(None) };
        let wrong = |why| HostError::Adapter { server: name.to_owned(), why };
        let mut limits = self.base_limits();
        config.limits.apply(&mut limits);
        let (store, lock) = (secret_store(config, self.0.secrets.clone()), lock_of(config)?);
        let configured = ConfiguredServer::new(config, server, &limits).await;
        let (component, grants, secrets) =
            configured.adapter(adapter, self, &store, &lock).map_err(wrong)?.looked_at().await.map_err(wrong)?;
        adapter.limits.apply(&mut limits);
        Ok(Some(Given {
            component: Some(component),
            grants,
            secrets,
            limits,
            approvals: Approvals::default(),
            quota: self.0.outside.quota,
        }))
    }
}
