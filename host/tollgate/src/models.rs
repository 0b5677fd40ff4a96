//! The language model that components may ask: the configuration's, or the embedding program's, or the agent's own.

use crate::host::HostError;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;
use tollgate_config::model as config;
use tollgate_core::model::Meter;
use tollgate_core::{BoxFuture, Clock, Completion, Entropy, Model, ModelError, ModelRequest, RunContext};
use tollgate_model::{Endpoint, ModelSettings, Models, Prefer, Provider, TokenKey};
use tollgate_outbound::Outbound;
use tollgate_secrets::SecretStore;

const OPENAI: &str = "https://api.openai.com/v1";
const ANTHROPIC: &str = "https://api.anthropic.com";

/// Who answers now. A reload of the configuration may change it; requests under way go on.
pub(crate) struct HostModel {
    given: Option<Arc<dyn Model>>,
    now: RwLock<Option<Arc<dyn Model>>>,
}

impl HostModel {
    /// `given` answers where the configuration has no model.
    pub(crate) fn new(given: Option<Arc<dyn Model>>) -> Arc<Self> {
        Arc::new(Self { given, now: RwLock::default() })
    }

    /// Takes what a configuration says.
    ///
    /// # Errors
    /// What of it cannot be.
    pub(crate) fn configure(
        &self,
        said: Option<&config::Model>,
        outbound: &Outbound,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(), HostError> {
        let settings = match said {
            Some(said) => settings(said),
            None if self.given.is_some() => {
                *self.now.write() = self.given.clone();
                return Ok(());
            }
            // The model of an agent that offers it.
            None => ModelSettings::default(),
        };
        let models = Models::new(settings, outbound.clone(), secrets, clock, entropy).map_err(HostError::Model)?;
        *self.now.write() = Some(Arc::new(models));
        Ok(())
    }
}

impl Model for HostModel {
    fn complete<'a>(
        &'a self,
        request: ModelRequest,
        run: &'a RunContext,
        meter: &'a Meter,
    ) -> BoxFuture<'a, Result<Completion, ModelError>> {
        let now = self.now.read().clone();
        Box::pin(async move {
            match now {
                Some(model) => model.complete(request, run, meter).await,
                None => Err(ModelError::Unavailable("this host has no model".to_owned())),
            }
        })
    }
}

fn settings(said: &config::Model) -> ModelSettings {
    let prefer = match said.prefer {
        Some(config::Prefer::Agent) | None => Prefer::Agent,
        Some(config::Prefer::Endpoint) => Prefer::Endpoint,
    };
    let (provider, base) = match said.provider {
        config::Provider::OpenAi => (Provider::OpenAi, OPENAI),
        config::Provider::Anthropic => (Provider::Anthropic, ANTHROPIC),
        config::Provider::Agent => return ModelSettings { prefer, endpoint: None },
    };
    let url = said.url.as_deref().unwrap_or(base);
    let mut endpoint = Endpoint::new(provider, url, said.model.as_deref().unwrap_or_default());
    endpoint.secret = said.secret.as_ref().map(|secret| secret.value.clone());
    endpoint.private = said.private.unwrap_or(endpoint.private);
    endpoint.models.clone_from(&said.models);
    endpoint.max_tokens = said.max_tokens;
    endpoint.token_key = match said.token_key {
        None => endpoint.token_key,
        Some(config::TokenKey::MaxCompletionTokens) => TokenKey::MaxCompletionTokens,
        Some(config::TokenKey::MaxTokens) => TokenKey::MaxTokens,
    };
    endpoint.strict = said.strict.unwrap_or(endpoint.strict);
    endpoint.stream = said.stream.unwrap_or(endpoint.stream);
    if let Some(timeout) = said.timeout {
        endpoint.timeout = timeout;
        endpoint.idle = endpoint.idle.min(timeout.max(Duration::from_millis(1)));
    }
    ModelSettings { prefer, endpoint: Some(endpoint) }
}
