//! What all servers have together, as far as a run was granted it.

use crate::session::{Session, cut};
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::{
    Answer, CallContext, CallError, CallFailure, EffectClass, HostInterface, ListKind, Listed, ServerInfo, Tool,
    ToolResult,
};

/// The word in records for it.
const SHOWN: &str = "resources/list";

impl Session {
    /// The servers of which the run was granted something, the best first.
    pub(crate) fn granted_servers(&self) -> Vec<ServerInfo> {
        let mut servers = self.gate.upstream.servers();
        servers.retain(|server| self.context.grants.knows(&server.name));
        servers
    }

    /// The tools that the run was granted.
    pub(crate) async fn granted_tools(&self) -> Vec<Arc<Tool>> {
        let mut tools = self.gate.upstream.tools().await;
        tools.retain(|tool| self.may_call(tool));
        tools
    }

    /// The resources of all servers at once; or of the best server of a domain that answers.
    pub(crate) async fn gather_resources(
        &self,
        domain: Option<String>,
        fail_fast: Option<bool>,
    ) -> Result<String, CallFailure> {
        let fail_fast = fail_fast.unwrap_or_else(|| self.gate.fail_fast.load(Ordering::Relaxed));
        let server = domain.as_ref().map_or_else(|| "*".to_owned(), |domain| format!("{DOMAIN_PREFIX}{domain}"));
        let mut open = self.open_call(&server, SHOWN, "");
        let answer = match self.gathered(open.number, &server, domain.as_deref(), fail_fast).await {
            Ok(object) => Answer::once(Ok(ToolResult { json: Value::Object(object).to_string(), is_error: false })),
            Err(error) => Answer::refused(error),
        };
        open.close(self.bounded(answer)).0.map(|result| result.json)
    }

    async fn gathered(
        &self,
        number: u64,
        shown: &str,
        domain: Option<&str>,
        fail_fast: bool,
    ) -> Result<Map<String, Value>, CallError> {
        let _place = self.pay("")?;
        let mut servers = self.granted_servers();
        servers.retain(|server| {
            domain.is_none_or(|domain| server.domains.iter().any(|d| d == domain))
                && self.context.grants.reads(&server.name)
        });
        if servers.is_empty() {
            let what = domain
                .map_or_else(|| "no server".to_owned(), |domain| format!("no server of the domain `{}`", cut(domain)));
            return Err(CallError::Unavailable(format!(
                "there is {what} whose resources this run may read; grants are written as resource=SERVER:*"
            )));
        }
        let names = servers.iter().map(|server| server.name.clone()).collect();
        self.record_start(number, (shown, SHOWN), ("", None), EffectClass::Read, names).await?;
        let mut gathered = Map::new();
        if domain.is_some() {
            let mut last = None;
            for server in servers {
                match self.resources_of(&server).await {
                    Ok(resources) => {
                        gathered.insert(server.name.clone(), entry(&server, Ok(resources)));
                        return Ok(gathered);
                    }
                    Err(error) => last = Some(error),
                }
            }
            return Err(last.unwrap_or(CallError::Overloaded));
        }
        let mut lists: FuturesUnordered<_> = servers
            .iter()
            .enumerate()
            .map(|(at, server)| async move { (at, self.resources_of(server).await) })
            .collect();
        let mut found: Vec<Option<Value>> = vec![None; servers.len()];
        while let Some((at, resources)) = lists.next().await {
            if fail_fast && let Err(error) = resources {
                return Err(error);
            }
            if let (Some(place), Some(server)) = (found.get_mut(at), servers.get(at)) {
                *place = Some(entry(server, resources));
            }
        }
        drop(lists);
        for (server, entry) in servers.into_iter().zip(found) {
            gathered.insert(server.name, entry.unwrap_or_default());
        }
        Ok(gathered)
    }

    async fn resources_of(&self, server: &ServerInfo) -> Result<Map<String, Value>, CallError> {
        let context = CallContext { run: self.context.clone(), fuel_left: 0 };
        let listed = self.gate.upstream.list_of(&server.name, ListKind::Resources, context).await?;
        let mut resources = Map::new();
        for Listed { item, .. } in listed {
            let text = |key: &str| item.get(key).and_then(Value::as_str);
            let Some(uri) = text("uri") else { continue };
            if !self.context.grants.covers(HostInterface::Resource, &server.name, uri) {
                continue;
            }
            let name = text("name").unwrap_or(uri);
            // Names need not be unique; URIs are.
            let key = if resources.contains_key(name) { uri.to_owned() } else { name.to_owned() };
            resources.insert(key, Value::Object(item));
        }
        Ok(resources)
    }
}

fn entry(server: &ServerInfo, resources: Result<Map<String, Value>, CallError>) -> Value {
    let (key, what) = match resources {
        Ok(resources) => ("resources", Value::Object(resources)),
        Err(error) => ("error", json!({"kind": error.outcome(), "message": error.to_string()})),
    };
    json!({
        "priority": server.priority,
        "domains": server.domains,
        "capabilities": server.capabilities,
        key: what,
    })
}
