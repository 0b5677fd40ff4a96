//! The fixture over Streamable HTTP, on the loopback interface only.

use crate::server::Fixture;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::io;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A fixture that serves HTTP, until it is stopped or dropped.
pub struct Running {
    port: u16,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Serves `fixture` on 127.0.0.1 at `port`; 0 takes a free one.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(fixture: Fixture, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        let config = StreamableHttpServerConfig::default()
            .with_allowed_origins(["http://127.0.0.1:*", "http://localhost:*"])
            .with_cancellation_token(stop.child_token());
        let service =
            StreamableHttpService::new(move || Ok(fixture.session()), LocalSessionManager::default().into(), config);
        let router = axum::Router::new().route_service("/mcp", service);
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Ok(Self { port, stop, task })
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Stops it and waits until its connections are closed.
    ///
    /// # Errors
    /// It could not accept connections any more.
    pub async fn stop(mut self) -> io::Result<()> {
        self.stop.cancel();
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}
