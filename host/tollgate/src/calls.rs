//! Direct calls and questions to servers, on somebody's behalf. Each is a run of its own at the gate.

use crate::host::Host;
use crate::request::Behalf;
use std::sync::Arc;
use tollgate_core::{
    Call, CallFailure, Caller as _, Change, ListKind, Listed, Means, Query, ServerInfo, Status, ToolName, ToolResult,
};
use tollgate_gate::{Opening, Session};

impl Host {
    /// Calls one tool on behalf of the embedding program, which may call everything.
    ///
    /// # Errors
    /// How the call failed; a tool's `isError` is a failure.
    pub async fn call(&self, name: &ToolName, args: impl Into<String>) -> Result<ToolResult, CallFailure> {
        self.call_as(Behalf::default(), Call::new(name.clone(), args)).await
    }

    /// Calls one tool on somebody's behalf. Takes the same way as a call of a policy.
    ///
    /// # Errors
    /// How the call failed; a tool's `isError` is a failure.
    pub async fn call_as(&self, behalf: Behalf, call: Call) -> Result<ToolResult, CallFailure> {
        let session = self.open(behalf);
        let (result, fuel_used) = session.call(call, means(&session)).await;
        session.finish(status_of(&result), fuel_used);
        result
    }

    /// Asks a server for something beside its tools, on somebody's behalf: the result's JSON text.
    ///
    /// # Errors
    /// How the request failed.
    pub async fn query_as(&self, behalf: Behalf, query: Query) -> Result<String, CallFailure> {
        let session = self.open(behalf);
        let (result, fuel_used) = session.query(query, means(&session)).await;
        session.finish(status_of(&result), fuel_used);
        result
    }

    /// The items of all servers' lists that somebody was granted.
    pub async fn list_as(&self, behalf: Behalf, kind: ListKind) -> Vec<Listed> {
        let session = self.open(behalf);
        let items = session.list(kind).await;
        session.finish(items.as_ref().map_or_else(|error| error.outcome().class().into(), |_| Status::Ok), 0);
        items.unwrap_or_default()
    }

    /// The resources of all servers at once that somebody was granted, or those of the best server of a domain that answers:
    /// a JSON object by server, each with `priority`, `domains`, `capabilities`, and `resources` by name or `error`.
    ///
    /// # Errors
    /// No server has resources that are granted; or, with `fail_fast` (`None`: as `orchestration.fail_fast` of the configuration
    /// says), the first error of a server.
    pub async fn gather_as(
        &self,
        behalf: Behalf,
        domain: Option<String>,
        fail_fast: Option<bool>,
    ) -> Result<String, CallFailure> {
        let session = self.open(behalf);
        let result = session.gather(domain, fail_fast).await;
        session.finish(status_of(&result), 0);
        result
    }

    /// The servers of which somebody was granted something, the best first. Waits for none.
    pub fn servers_as(&self, behalf: Behalf) -> Vec<ServerInfo> {
        let session = self.open(behalf);
        let servers = session.servers();
        session.finish(Status::Ok, 0);
        servers
    }

    /// The servers that say that they can do something, the best first.
    pub fn servers_by_capability(&self, capability: &str) -> Vec<ServerInfo> {
        let mut servers = self.servers_as(Behalf::default());
        servers.retain(|server| server.capabilities.iter().any(|own| own == capability));
        servers
    }

    /// What changes at the servers from now on.
    pub fn changes(&self) -> tokio::sync::broadcast::Receiver<Change> {
        self.0.fleet.changes()
    }

    fn open(&self, behalf: Behalf) -> Arc<Session> {
        let Behalf { principal, tenant, grants, approvals, ceilings, trace, client } = behalf;
        let (name, mut limits) = (principal.0.clone(), self.limits());
        limits.lower(&ceilings);
        let opening = Opening { name, digest: None, principal, tenant, grants, approvals, limits, trace, client };
        self.0.gate.open(opening, None)
    }
}

/// What a call of the host's own may use: all the fuel of its run. Its answer is taken as soon as it comes.
fn means(session: &Session) -> Means {
    Means { fuel: session.context().limits.fuel, memory: None }
}

fn status_of<T>(result: &Result<T, CallFailure>) -> Status {
    result.as_ref().map_or_else(|failure| failure.error.outcome().class().into(), |_| Status::Ok)
}
