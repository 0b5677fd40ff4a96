//! What all servers have together, as far as a run was granted it.

use crate::session::{OpenCall, Session, cut};
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::budget::PaidCall;
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::{
    Answer, CallContext, CallError, CallFailure, EffectClass, Health, HostInterface, LimitKind, ListKind, Listed,
    Means, ServerInfo, Tool, ToolResult,
};

/// The word in records for it.
const SHOWN: &str = "resources/list";
/// The lists of one run that are read at once: each may take 64 MiB before what was not granted of it is dropped.
pub(crate) const LISTS_AT_ONCE: usize = 8;
/// The memory of a JSON value beside its text, about, in bytes.
const VALUE_BYTES: u64 = 72;
/// The most domains that are named to who asked for another.
const NEAR_MAX: usize = 5;
/// The name in records that stands for all servers.
const ALL: &str = "*";

impl Session {
    /// The servers of which the run was granted something, the best first.
    pub(crate) fn granted_servers(&self) -> Vec<ServerInfo> {
        let mut servers = self.gate.upstream.servers();
        servers.retain(|server| self.context.grants.knows(&server.name));
        servers
    }

    /// The tools that the run was granted. It costs a call; no server is asked, so only a refusal is recorded.
    pub(crate) async fn granted_tools(&self) -> Result<Vec<Arc<Tool>>, CallError> {
        let paid = self.context.budget.take_call();
        let _paid = paid.map_err(|reached| self.refused(ALL, "tools/list", CallError::BudgetExhausted(reached)))?;
        let mut tools = self.gate.upstream.tools().await;
        tools.retain(|tool| self.may_call(tool));
        Ok(tools)
    }

    /// The items of the lists of all servers of which the run was granted such items. A server that gives no list is left out.
    pub(crate) async fn granted_items(&self, kind: ListKind) -> Result<Vec<Listed>, CallError> {
        let mut open = self.open_call(ALL, kind.method(), "");
        match self.items(&mut open, kind).await {
            Ok(items) => {
                drop(open.close(Answer::once(Ok(ToolResult { json: String::new(), is_error: false }))));
                Ok(items)
            }
            Err(error) => {
                drop(open.close(Answer::refused(error.clone())));
                Err(error)
            }
        }
    }

    async fn items(&self, open: &mut OpenCall<'_>, kind: ListKind) -> Result<Vec<Listed>, CallError> {
        let paid = open.pay()?;
        let interface = match kind {
            ListKind::Resources | ListKind::ResourceTemplates => HostInterface::Resource,
            ListKind::Prompts => HostInterface::Prompt,
        };
        let grants = &self.context.grants;
        let mut servers = self.granted_servers();
        // What a broken server listed may still be kept.
        let is_there = |health: Health| health.is_usable() || health == Health::Broken;
        servers.retain(|server| is_there(server.health) && grants.covers_any(interface, &server.name));
        // By name, as catalogs are.
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        if servers.is_empty() {
            return Ok(Vec::new());
        }
        let names = servers.iter().map(|server| server.name.clone()).collect();
        self.record_start(&paid, open.number, (ALL, kind.method()), ("", None), EffectClass::Read, names).await?;
        let held = HeldLists::new(self);
        let lists = servers.iter().map(|server| async {
            match self.list_of(&paid, &server.name, kind, &held).await {
                Ok(items) => Ok(items),
                Err(error @ CallError::BudgetExhausted(_)) => Err(error),
                Err(error) => {
                    tracing::debug!(target: "tollgate::gate", server = %server.name, "{} failed: {error}", kind.method());
                    Ok(Vec::new())
                }
            }
        });
        let lists: Result<Vec<_>, CallError> = join_all(lists).await.into_iter().collect();
        Ok(lists?.into_iter().flatten().collect())
    }

    /// The items of a server's list that the run was granted. Few lists of a run are read at once, and what it has of them until it
    /// takes them is bounded.
    async fn list_of(
        &self,
        paid: &PaidCall,
        server: &str,
        kind: ListKind,
        held: &HeldLists<'_>,
    ) -> Result<Vec<Listed>, CallError> {
        let interface = match kind {
            ListKind::Resources | ListKind::ResourceTemplates => HostInterface::Resource,
            ListKind::Prompts => HostInterface::Prompt,
        };
        // It is never closed.
        let _place = self.lists.acquire().await;
        let context = CallContext::new(self.context.clone(), paid, Means::default());
        let mut items = self.gate.upstream.list_of(server, kind, context).await?;
        items.retain(|listed| {
            let name = listed.item.get(kind.name_of_item()).and_then(Value::as_str);
            name.is_some_and(|name| self.context.grants.covers(interface, &listed.server, name))
        });
        held.add(items.iter().map(|listed| members_bytes(&listed.item)).sum())?;
        Ok(items)
    }

    /// Records a request that was refused before it began.
    fn refused(&self, server: &str, tool: &str, error: CallError) -> CallError {
        drop(self.open_call(server, tool, "").close(Answer::refused(error.clone())));
        error
    }

    /// The resources of all servers at once; or of the best server of a domain that answers.
    pub(crate) async fn gather_resources(
        &self,
        domain: Option<String>,
        fail_fast: Option<bool>,
    ) -> Result<String, CallFailure> {
        let fail_fast = fail_fast.unwrap_or_else(|| self.gate.fail_fast.load(Ordering::Relaxed));
        let server = domain.as_ref().map_or_else(|| ALL.to_owned(), |domain| format!("{DOMAIN_PREFIX}{domain}"));
        let mut open = self.open_call(&server, SHOWN, "");
        let answer = match self.gathered(&mut open, &server, domain.as_deref(), fail_fast).await {
            Ok(object) => Answer::once(Ok(ToolResult { json: Value::Object(object).to_string(), is_error: false })),
            Err(error) => Answer::refused(error),
        };
        open.close(self.bounded(answer)).0.map(|result| result.json)
    }

    async fn gathered(
        &self,
        open: &mut OpenCall<'_>,
        shown: &str,
        domain: Option<&str>,
        fail_fast: bool,
    ) -> Result<Map<String, Value>, CallError> {
        let paid = open.pay()?;
        let mut servers = self.granted_servers();
        if let Some(domain) = domain {
            let mut known: Vec<_> = servers.iter().flat_map(|server| server.domains.clone()).collect();
            servers.retain(|server| server.domains.iter().any(|d| d == domain));
            if servers.is_empty() {
                known.sort();
                known.dedup();
                known.truncate(NEAR_MAX);
                let near = known.iter().map(|domain| format!("{DOMAIN_PREFIX}{}:*", cut(domain)));
                return Err(CallError::UnknownTool(near.collect()));
            }
        }
        servers.retain(|server| self.context.grants.covers_any(HostInterface::Resource, &server.name));
        if servers.is_empty() {
            let of = domain.map(|domain| format!(" of the domain `{}`", cut(domain))).unwrap_or_default();
            return Err(CallError::Denied(format!(
                "no server{of} whose resources this run may read; grants are written as resource=SERVER:*"
            )));
        }
        let names = servers.iter().map(|server| server.name.clone()).collect();
        self.record_start(&paid, open.number, (shown, SHOWN), ("", None), EffectClass::Read, names).await?;
        let mut gathered = Map::new();
        let held = HeldLists::new(self);
        if domain.is_some() {
            let mut last = None;
            for server in servers {
                match self.resources_of(&paid, &server, &held).await {
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
            .map(|(at, server)| {
                let (paid, held) = (&paid, &held);
                async move { (at, self.resources_of(paid, server, held).await) }
            })
            .collect();
        let mut found: Vec<Option<Value>> = vec![None; servers.len()];
        while let Some((at, resources)) = lists.next().await {
            let is_over = matches!(resources, Err(CallError::BudgetExhausted(_)));
            if (fail_fast || is_over)
                && let Err(error) = resources
            {
                open.failed_at = servers.get(at).map(|server| server.name.clone());
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

    async fn resources_of(
        &self,
        paid: &PaidCall,
        server: &ServerInfo,
        held: &HeldLists<'_>,
    ) -> Result<Map<String, Value>, CallError> {
        let listed = self.list_of(paid, &server.name, ListKind::Resources, held).await?;
        let mut resources = Map::new();
        for Listed { item, .. } in listed {
            let text = |key: &str| item.get(key).and_then(Value::as_str);
            let Some(uri) = text("uri") else { continue };
            let name = text("name").unwrap_or(uri);
            // Names need not be unique; URIs are.
            let key = if resources.contains_key(name) { uri.to_owned() } else { name.to_owned() };
            resources.insert(key, Value::Object(item));
        }
        Ok(resources)
    }
}

/// Lists that one request has read and its run has not got yet: their bytes as trees, counted for the whole run.
struct HeldLists<'s> {
    session: &'s Session,
    bytes: AtomicU64,
}

impl<'s> HeldLists<'s> {
    fn new(session: &'s Session) -> Self {
        Self { session, bytes: AtomicU64::new(0) }
    }

    /// Counts some more.
    ///
    /// # Errors
    /// With them the run would have the host hold more than it may.
    fn add(&self, bytes: u64) -> Result<(), CallError> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.session.listed_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let limits = &self.session.context.limits;
        if all > limits.host_memory_bytes {
            return Err(CallError::BudgetExhausted(limits.reached(LimitKind::HostMemory)));
        }
        Ok(())
    }
}

impl Drop for HeldLists<'_> {
    fn drop(&mut self) {
        self.session.listed_bytes.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The memory that the members of an object take, about, in bytes.
fn members_bytes(members: &Map<String, Value>) -> u64 {
    members.iter().map(|(key, value)| VALUE_BYTES + key.len() as u64 + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> u64 {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len() as u64,
            Value::Array(items) => items.iter().map(value_bytes).sum(),
            Value::Object(members) => members_bytes(members),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
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

#[cfg(test)]
mod tests {
    use crate::testing::{Servers, session_before};
    use std::sync::Arc;
    use tollgate_core::{CallError, Caller as _, LimitKind, Limits, ListKind, Outcome};
    use tollgate_journal::{Event, MemoryJournal};

    const KINDS: [ListKind; 3] = [ListKind::Resources, ListKind::ResourceTemplates, ListKind::Prompts];

    fn limits(calls: u64) -> Limits {
        Limits { calls, ..Limits::default() }
    }

    fn started(journal: &MemoryJournal) -> Vec<(String, Vec<String>)> {
        let entries = journal.entries().into_iter();
        let starts = entries.filter_map(|entry| match entry.event {
            Event::CallStarted { tool, servers, .. } => Some((tool, servers)),
            _ => None,
        });
        starts.collect()
    }

    #[tokio::test]
    async fn lists_are_paid_and_what_is_over_the_budget_reaches_no_server() {
        for kind in KINDS {
            let servers = Arc::new(Servers { names: vec!["crm"], ..Servers::default() });
            let journal = Arc::new(MemoryJournal::new(1_000));
            let grants = ["resource=*:*", "prompt=*:*"];
            let session = session_before(servers.clone(), None, &grants, limits(1), journal.clone());
            assert_eq!(session.list(kind).await.unwrap().len(), 2);
            for _ in 0..1_000 {
                let Err(CallError::BudgetExhausted(reached)) = session.list(kind).await else { panic!("it is free") };
                assert_eq!((reached.kind, reached.value), (LimitKind::Calls, 1));
            }
            assert_eq!(*servers.asked.lock(), ["crm"], "{kind:?}");
            assert_eq!(started(&journal), [(kind.method().to_owned(), vec!["crm".to_owned()])]);
            // The run's begin, the start, and an end for the one and for 64 of the others.
            assert_eq!(journal.entries().len(), 3 + 64, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn lists_over_what_the_host_may_hold_for_a_run_are_refused_and_given_back() {
        for (names, fits) in [(vec!["a", "b"], true), (vec!["a", "b", "c"], false)] {
            let servers = Arc::new(Servers { names, ..Servers::default() });
            let journal = Arc::new(MemoryJournal::new(1_000));
            let limits = Limits { host_memory_bytes: 700, ..limits(1_000) };
            let session = session_before(servers, None, &["resource=*:*"], limits, journal);
            let is_over = |error: &CallError| matches!(error, CallError::BudgetExhausted(reached) if reached.kind == LimitKind::HostMemory);
            // A request gives back its bytes at its end.
            for _ in 0..10 {
                let listed = session.list(ListKind::Resources).await;
                assert_eq!(listed.is_ok(), fits, "{listed:?}");
                assert!(listed.err().is_none_or(|error| is_over(&error)));
                let gathered = session.gather(None, None).await;
                assert_eq!(gathered.is_ok(), fits, "{gathered:?}");
                assert!(gathered.err().is_none_or(|failure| is_over(&failure.error)));
            }
        }
    }

    #[tokio::test]
    async fn a_server_without_a_grant_is_not_asked_for_its_lists_and_an_item_without_one_is_not_given() {
        for (kind, grant) in KINDS.into_iter().zip(["resource=crm:a:open", "resource=crm:a:open", "prompt=crm:a:open"])
        {
            let servers = Arc::new(Servers { names: vec!["crm", "hr"], ..Servers::default() });
            let journal = Arc::new(MemoryJournal::new(100));
            let session = session_before(servers.clone(), None, &[grant, "hr:*"], limits(9), journal.clone());
            let items = session.list(kind).await.unwrap();
            assert_eq!(items.iter().map(|item| item.server.as_str()).collect::<Vec<_>>(), ["crm"]);
            assert_eq!(items[0].item[kind.name_of_item()], "a:open");
            assert_eq!(*servers.asked.lock(), ["crm"], "{kind:?}");
        }
    }

    #[tokio::test]
    async fn a_list_without_any_grant_asks_nobody_and_says_so_in_the_journal() {
        let servers = Arc::new(Servers { names: vec!["crm"], ..Servers::default() });
        let journal = Arc::new(MemoryJournal::new(100));
        let session = session_before(servers.clone(), None, &["crm:*"], limits(9), journal.clone());
        for kind in KINDS {
            assert!(session.list(kind).await.unwrap().is_empty());
        }
        assert!(servers.asked.lock().is_empty() && started(&journal).is_empty());
        let ended = journal.entries().into_iter().filter(|entry| matches!(entry.event, Event::CallEnded(_))).count();
        assert_eq!(ended, 3);
    }

    #[tokio::test]
    async fn a_list_is_recorded_before_a_server_is_asked() {
        let journal = Arc::new(MemoryJournal::new(100));
        let seen = journal.clone();
        let before: Box<dyn Fn() + Send + Sync> = Box::new(move || assert_eq!(started(&seen).len(), 1));
        let servers = Arc::new(Servers { names: vec!["crm"], before: Some(before), ..Servers::default() });
        let session = session_before(servers.clone(), None, &["resource=*:*"], limits(9), journal);
        session.list(ListKind::Resources).await.unwrap();
        assert_eq!(servers.asked.lock().len(), 1);
    }

    #[tokio::test]
    async fn what_servers_have_together_and_lists_of_tools_cost_a_call_too() {
        let servers = Arc::new(Servers { names: vec!["crm", "hr"], ..Servers::default() });
        let journal = Arc::new(MemoryJournal::new(100));
        let session = session_before(servers.clone(), None, &["resource=*:*"], limits(2), journal.clone());
        session.gather(None, None).await.unwrap();
        session.tools().await.unwrap();
        assert!(matches!(session.tools().await, Err(CallError::BudgetExhausted(_))));
        let refused = session.gather(Some("all".to_owned()), None).await.unwrap_err();
        assert!(matches!(refused.error, CallError::BudgetExhausted(_)));
        assert_eq!(servers.asked.lock().len(), 2, "one list of each, for one call");
        let refusals = journal.entries().into_iter().filter(
            |entry| matches!(&entry.event, Event::CallEnded(record) if record.outcome == Outcome::BudgetExhausted),
        );
        assert_eq!(refusals.count(), 2);
    }
}
