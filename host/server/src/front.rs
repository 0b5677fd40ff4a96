//! What all agents share.

use crate::agent::Connection;
use crate::catalog::Catalog;
use crate::given::GivenUris;
use crate::lines::LineTransport;
use crate::options::Options;
use crate::parked::Parked;
use parking_lot::Mutex;
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tollgate::{Access, Identity, Origin, Seat, View};

/// The most catalogs that are kept; callers with the same rights share one.
const MAX_CATALOGS: usize = 1_024;

/// A host as an MCP server. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Front(Arc<Shared>);

struct Shared {
    access: Access,
    options: Options,
    parked: Parked,
    given: GivenUris,
    /// The catalogs as they were made last, by the rights that they were made for.
    catalogs: Mutex<HashMap<u64, Arc<Catalog>>>,
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
    /// Serves what `access` gives each caller.
    pub fn new(access: Access, options: Options) -> Self {
        let parked = Parked::new(options.max_parked, options.answer_timeout);
        let (catalogs, next_agent) = (Mutex::default(), AtomicU64::new(1));
        let patient_until = Instant::now() + options.patience;
        let given = GivenUris::default();
        Self(Arc::new(Shared { access, options, parked, given, catalogs, next_agent, patient_until }))
    }

    /// Who may do what: its rules can be changed while the front end serves.
    pub fn access(&self) -> &Access {
        &self.0.access
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
        let connection = self.connection(self.0.access.seat(self.identity(), Origin::Local));
        let running = match connection.serve_with_ct(LineTransport::new(read, write), stop).await {
            Ok(running) => running,
            // It went before it began, as a client that only looks whether there is something.
            Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
            Err(error) => return Err(ServeError::Begin(Box::new(error))),
        };
        running.waiting().await.map(drop).map_err(|error| ServeError::Ended(error.to_string()))
    }

    /// Who asks where nothing says it.
    pub(crate) fn identity(&self) -> Identity {
        let Options { principal, tenant, .. } = &self.0.options;
        Identity { principal: principal.clone(), tenant: tenant.clone() }
    }

    /// The connection of the agent who asks from a seat.
    pub(crate) fn connection(&self, seat: Seat) -> Connection {
        let number = self.0.next_agent.fetch_add(1, Ordering::Relaxed);
        Connection::new(self.clone(), seat, number)
    }

    /// Waits for servers that are connecting, in the first time of a front end: what is not there by then comes as a change.
    pub(crate) async fn settled(&self) {
        if Instant::now() < self.0.patient_until {
            let _ = tokio::time::timeout_at(self.0.patient_until, self.0.access.settled()).await;
        }
    }

    /// The names of everything that exists in a view now, after [`Front::settled`].
    pub(crate) async fn settled_catalog(&self, view: &View) -> Arc<Catalog> {
        self.settled().await;
        self.catalog(view)
    }

    /// The names of everything that exists in a view now.
    pub(crate) fn catalog(&self, view: &View) -> Arc<Catalog> {
        let version = view.version();
        let mut catalogs = self.0.catalogs.lock();
        match catalogs.get(&version.0) {
            Some(catalog) if catalog.version == version => catalog.clone(),
            _ => {
                // What was made of tools that were there before is of no use, and rights that are gone come no more.
                catalogs.retain(|_, catalog| catalog.version.1 == version.1);
                if catalogs.len() >= MAX_CATALOGS {
                    catalogs.clear();
                }
                let new = Arc::new(Catalog::new(view, self.options()));
                catalogs.insert(version.0, new.clone());
                new
            }
        }
    }
}
