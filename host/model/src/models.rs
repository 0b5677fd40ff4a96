//! Who answers a request.

use crate::check::{self, Checked};
use crate::endpoint::Remote;
use crate::sampling;
use crate::settings::{ModelSettings, Prefer};
use std::sync::Arc;
use tollgate_core::model::Meter;
use tollgate_core::{BoxFuture, Client, Clock, Completion, Entropy, Model, ModelError, ModelRequest, RunContext};
use tollgate_outbound::Outbound;
use tollgate_secrets::SecretStore;

/// The models that a host can ask: the agent's, and the endpoint of the configuration. A host has one.
pub struct Models {
    prefer: Prefer,
    endpoint: Option<Remote>,
}

impl Models {
    /// Sets it up; nothing is asked yet, and the secret is not read.
    ///
    /// # Errors
    /// What of the settings cannot be, in words for the configuration's author, with the key.
    pub fn new(
        settings: ModelSettings,
        outbound: Outbound,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, String> {
        let ModelSettings { prefer, endpoint } = settings;
        let endpoint = endpoint.map(|endpoint| Remote::new(endpoint, outbound, secrets, clock, entropy)).transpose()?;
        Ok(Self { prefer, endpoint })
    }

    async fn answer(&self, request: &ModelRequest, run: &RunContext, meter: &Meter) -> Result<Completion, ModelError> {
        let request = check::check(request)?;
        match self.choose(&request, run)? {
            Chosen::Agent(client) => sampling::complete(&request, client, &run.name, meter).await,
            Chosen::Endpoint(remote) => remote.complete(&request, &run.tenant, meter).await,
        }
    }

    fn choose<'a>(&'a self, request: &Checked<'_>, run: &'a RunContext) -> Result<Chosen<'a>, ModelError> {
        let client = run.client.as_deref();
        let offer = client.map(sampling::Offer::of).unwrap_or_default();
        let lacks_tools = offer.is_there && request.needs_tools() && !offer.takes_tools;
        let agent = client.filter(|_| offer.is_there && !lacks_tools).map(Chosen::Agent);
        let endpoint = self.endpoint.as_ref().map(Chosen::Endpoint);
        let chosen = match self.prefer {
            Prefer::Agent => agent.or(endpoint),
            Prefer::Endpoint => endpoint.or(agent),
        };
        chosen.ok_or_else(|| {
            let why = match client {
                _ if lacks_tools => "the agent's client offers its model without tools, and the request needs tools",
                Some(_) => "the agent's client does not offer its model (the capability `sampling`)",
                None => "no agent's client is behind this run",
            };
            ModelError::Unavailable(format!("{why}, and the configuration has no `model` with a `url`"))
        })
    }
}

enum Chosen<'a> {
    Agent(&'a dyn Client),
    Endpoint(&'a Remote),
}

impl Model for Models {
    fn complete<'a>(
        &'a self,
        request: ModelRequest,
        run: &'a RunContext,
        meter: &'a Meter,
    ) -> BoxFuture<'a, Result<Completion, ModelError>> {
        Box::pin(async move { self.answer(&request, run, meter).await })
    }
}
