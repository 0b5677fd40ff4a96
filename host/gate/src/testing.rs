//! A gate with nothing behind it, for the tests of this crate.

use crate::{Gate, Opening, Session};
use std::sync::Arc;
use std::time::SystemTime;
use tollgate_core::{
    Answer, Approvals, BoxFuture, Call, CallContext, CallError, Candidates, Grants, Limits, ListKind, Listed,
    ManualClock, MayUse, Model, Principal, Query, SeededEntropy, ServerInfo, Tenant, Tool, Upstream,
};
use tollgate_journal::MemoryJournal;

/// There is no server.
struct NoServers;

impl Upstream for NoServers {
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

    fn list(&self, _: ListKind) -> BoxFuture<'_, Vec<Listed>> {
        Box::pin(async { Vec::new() })
    }

    fn list_of<'a>(&'a self, _: &'a str, _: ListKind, _: CallContext) -> BoxFuture<'a, Result<Vec<Listed>, CallError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(async { Vec::new() })
    }

    fn servers(&self) -> Vec<ServerInfo> {
        Vec::new()
    }
}

/// A run that may ask the model.
pub(crate) fn session(model: Option<Arc<dyn Model>>, limits: Limits, journal: Arc<MemoryJournal>) -> Arc<Session> {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let gate = Gate::new(Arc::new(NoServers), model, journal, clock, Arc::new(SeededEntropy::new(1)));
    let opening = Opening {
        name: "test".into(),
        digest: None,
        principal: Principal::new("p"),
        tenant: Tenant::new("t"),
        grants: Grants::parse(["model"]).unwrap(),
        approvals: Approvals::default(),
        limits,
        trace: None,
        client: None,
    };
    gate.open(opening, None)
}
