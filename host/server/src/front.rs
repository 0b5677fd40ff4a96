//! What all agents share.

use crate::agent::Agent;
use crate::catalog::Catalog;
use crate::given::GivenUris;
use crate::lines::LineTransport;
use crate::options::Options;
use crate::parked::Parked;
use parking_lot::Mutex;
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tollgate::{Host, Principal};

/// A host as an MCP server. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Front(Arc<Shared>);

struct Shared {
    host: Host,
    options: Options,
    parked: Parked,
    given: GivenUris,
    /// The catalog as it was made last.
    catalog: Mutex<Option<Arc<Catalog>>>,
    next_agent: AtomicU64,
    /// Until when lists wait for servers that are connecting.
    patient_until: Instant,
}

/// Why serving a stream ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The agent did not begin as MCP does.
    #[error("the client did not begin as MCP does: {0}")]
    Begin(Box<ServerInitializeError>),
    /// The connection broke in a way that it should not.
    #[error("the connection ended: {0}")]
    Ended(String),
}

impl Front {
    /// Serves `host`.
    pub fn new(host: Host, options: Options) -> Self {
        let parked = Parked::new(options.max_parked, options.answer_timeout);
        let (catalog, next_agent) = (Mutex::default(), AtomicU64::new(1));
        let patient_until = Instant::now() + options.patience;
        Self(Arc::new(Shared {
            host,
            options,
            parked,
            given: GivenUris::default(),
            catalog,
            next_agent,
            patient_until,
        }))
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// How it is served.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn parked(&self) -> &Parked {
        &self.0.parked
    }

    pub(crate) fn given(&self) -> &GivenUris {
        &self.0.given
    }

    /// Serves one agent over a stream of lines (MCP's stdio transport), until it closes the stream or `stop` is
    /// cancelled. The two ends of a [`tokio::io::duplex`], split, do as well as [`crate::stdio::open`].
    ///
    /// # Errors
    /// The agent did not begin as MCP does, or the connection broke.
    pub async fn serve<R, W>(&self, read: R, write: W, stop: CancellationToken) -> Result<(), ServeError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let agent = self.agent(self.options().principal.clone());
        let running = match agent.serve_with_ct(LineTransport::new(read, write), stop).await {
            Ok(running) => running,
            // It went before it began, as a client that only looks whether there is something.
            Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
            Err(error) => return Err(ServeError::Begin(Box::new(error))),
        };
        running.waiting().await.map(drop).map_err(|error| ServeError::Ended(error.to_string()))
    }

    /// An agent's connection.
    pub(crate) fn agent(&self, principal: Principal) -> Agent {
        let number = self.0.next_agent.fetch_add(1, Ordering::Relaxed);
        Agent::new(self.clone(), principal, number)
    }

    /// Waits for servers that are connecting, in the first time of a front end: what is not there by then comes as a change.
    pub(crate) async fn settled(&self) {
        if Instant::now() < self.0.patient_until {
            let _ = tokio::time::timeout_at(self.0.patient_until, self.host().settled()).await;
        }
    }

    /// The names of everything that is there now, after [`Front::settled`].
    pub(crate) async fn settled_catalog(&self) -> Arc<Catalog> {
        self.settled().await;
        self.catalog()
    }

    /// The names of everything that is there now.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        let version = self.host().catalog_version();
        let mut catalog = self.0.catalog.lock();
        match &*catalog {
            Some(catalog) if catalog.version == version => catalog.clone(),
            _ => {
                let new = Arc::new(Catalog::new(version, self.host(), self.options()));
                *catalog = Some(new.clone());
                new
            }
        }
    }
}
