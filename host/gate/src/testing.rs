//! A gate with nothing behind it, or with servers that only list, for the tests of this crate.

use crate::{Gate, Opening, Session};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::SystemTime;
use tollgate_core::{
    Answer, Approvals, BoxFuture, Call, CallContext, CallError, Candidates, Grants, Health, Limits, ListKind, Listed,
    ManualClock, MayUse, Model, Principal, Query, SeededEntropy, ServerInfo, Tenant, Tool, Upstream,
};
use tollgate_journal::MemoryJournal;

/// Servers that have no tools, and one resource, template and prompt each.
#[derive(Default)]
pub(crate) struct Servers {
    pub(crate) names: Vec<&'static str>,
    /// The servers that were asked for a list, in order.
    pub(crate) asked: Mutex<Vec<String>>,
    /// What happens before a list is given.
    pub(crate) before: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Upstream for Servers {
    fn resolve<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a MayUse<'a>,
    ) -> BoxFuture<'a, Result<Candidates, CallError>> {
        Box::pin(async { Err(CallError::UnknownTool(Vec::new())) })
    }

    fn call<'a>(&'a self, _: &'a Candidates, _: Call, _: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::refused(CallError::Overloaded) })
    }

    fn query<'a>(&'a self, _: Query, _: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::refused(CallError::Overloaded) })
    }

    fn list_of<'a>(
        &'a self,
        server: &'a str,
        kind: ListKind,
        _: CallContext,
    ) -> BoxFuture<'a, Result<Vec<Listed>, CallError>> {
        if let Some(before) = &self.before {
            before();
        }
        self.asked.lock().push(server.to_owned());
        let item = move |name: &str| {
            let item = serde_json::json!({kind.name_of_item(): name}).as_object().unwrap().clone();
            Listed { server: server.to_owned(), item }
        };
        Box::pin(async move { Ok(vec![item("a:open"), item("a:secret")]) })
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(async { Vec::new() })
    }

    fn servers(&self) -> Vec<ServerInfo> {
        let info = |name: &&str| ServerInfo {
            name: (*name).to_owned(),
            health: Health::Ready,
            priority: 100,
            domains: vec!["all".to_owned()],
            capabilities: Vec::new(),
            error: None,
        };
        self.names.iter().map(info).collect()
    }
}

/// A run that may ask the model.
pub(crate) fn session(model: Option<Arc<dyn Model>>, limits: Limits, journal: Arc<MemoryJournal>) -> Arc<Session> {
    session_before(Arc::new(Servers::default()), model, &["model"], limits, journal)
}

/// A run that was granted this, before these servers.
pub(crate) fn session_before(
    servers: Arc<Servers>,
    model: Option<Arc<dyn Model>>,
    grants: &[&str],
    limits: Limits,
    journal: Arc<MemoryJournal>,
) -> Arc<Session> {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let gate = Gate::new(servers, model, journal, clock, Arc::new(SeededEntropy::new(1)));
    let opening = Opening {
        name: "test".into(),
        digest: None,
        principal: Principal::new("p"),
        tenant: Tenant::new("t"),
        grants: Grants::parse(grants).unwrap(),
        approvals: Approvals::default(),
        limits,
        trace: None,
        client: None,
    };
    gate.open(opening, None)
}
