//! All of routing, as the gate sees it.

use crate::backend::{Backend, Member};
use crate::cache::{Cache, Reply};
use crate::course::{Course, Ended};
use crate::servers::{Server, Servers};
use crate::settings::RouterSettings;
use crate::status::{CacheStats, RouteStatus};
use crate::target::{Request, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::{
    Answer, BoxFuture, Call, CallContext, CallError, Candidates, Change, Clock, Entropy, Health, Identity, ListKind,
    Listed, MayUse, Query, ServerInfo, Tool, ToolResult, Upstream,
};

/// The servers behind routing, retries, limits, circuit breakers and caches: the gate's [`Upstream`].
///
/// What it remembers of a server ends when the server is gone, or when its [`Member::route`] is another value.
pub struct Router<B: Backend + ?Sized> {
    backend: Arc<B>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) cache: Cache,
    servers: Servers,
    calls: AtomicU64,
}

impl<B: Backend + ?Sized> Router<B> {
    /// Routing over these servers.
    pub fn new(backend: Arc<B>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, settings: RouterSettings) -> Self {
        let (cache, servers) = (Cache::new(&settings.cache), Servers::default());
        Self { backend, clock, entropy, cache, servers, calls: AtomicU64::new(0) }
    }

    /// The servers.
    pub fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// How each server is doing, in the order of names.
    pub fn statuses(&self) -> Vec<RouteStatus> {
        let now = self.clock.monotonic();
        self.members().iter().map(|member| self.server_of(member).status(member.health, now)).collect()
    }

    /// What is kept of answers, and how much it helped.
    pub fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// Drops the answers that are kept of one server, or of all. Gives how many those were. Answers that are under way are
    /// not kept either.
    pub fn invalidate(&self, server: Option<&str>) -> u64 {
        self.cache.invalidate(server)
    }

    /// Drops the answers that are kept for somebody, of one server or of all; with `shared`, those too that anybody of his
    /// tenant may have. Gives how many those were. What others have stays, and so does what is under way.
    pub fn forget(&self, identity: &Identity, server: Option<&str>, shared: bool) -> u64 {
        self.cache.forget((&identity.tenant.0, &identity.principal.0), server, shared)
    }

    /// Drops the answers whose time is over. Gives how many those were. Nobody gets such an answer without it either;
    /// it gives memory back.
    pub fn cleanup(&self) -> u64 {
        self.cache.cleanup(self.clock.monotonic())
    }

    /// Drops the answers that a change makes old: lists and what they list when a list changed, a resource when it did.
    /// Changes of tools drop nothing. To be told of all changes of the servers.
    pub fn changed(&self, change: &Change) {
        self.cache.changed(change);
    }

    /// All servers. What is remembered of others is forgotten.
    fn members(&self) -> Vec<Member> {
        let members = self.backend.members();
        for gone in self.servers.forget_others(&members) {
            self.cache.invalidate(Some(&gone));
        }
        members
    }

    /// What is remembered of a member.
    pub(crate) fn server_of(&self, member: &Member) -> Arc<Server> {
        let found = self.servers.of(member);
        if found.is_new {
            self.cache.invalidate(Some(&member.name));
        }
        found.server
    }

    /// What is remembered of the server of a name. A server that is gone is forgotten.
    fn server(&self, name: &str) -> Result<Arc<Server>, CallError> {
        if let Some(member) = self.backend.member(name) {
            return Ok(self.server_of(&member));
        }
        if self.servers.forget(name) {
            self.cache.invalidate(Some(name));
        }
        let name: String = name.chars().take(NAME_MAX_CHARS).collect();
        Err(CallError::Unavailable(format!("there is no server `{name}`; `tollgate servers` lists what there is")))
    }

    async fn pursue(&self, targets: Vec<Target<'_>>, request: Request, tell: bool) -> Ended {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        Course::new(self, request, number, tell).run(targets).await
    }

    async fn list_one(&self, server: &str, kind: ListKind, depth: u64) -> Result<Vec<Listed>, CallError> {
        let target = Target::of_list(self.server(server)?);
        match self.pursue(vec![target], Request::List { kind, depth }, false).await.result? {
            Reply::List(items) => Ok(items),
            // Lists are kept under keys of their own.
            Reply::Result(_) => Ok(Vec::new()),
        }
    }
}

/// How much of a name that is none is told, in characters.
const NAME_MAX_CHARS: usize = 80;

impl<B: Backend + ?Sized> Upstream for Router<B> {
    fn resolve<'a>(
        &'a self,
        server: &'a str,
        tool: &'a str,
        may: &'a MayUse<'a>,
    ) -> BoxFuture<'a, Result<Candidates, CallError>> {
        Box::pin(async move {
            if let Some(domain) = server.strip_prefix(DOMAIN_PREFIX) {
                return self.resolve_domain(domain, tool, may).await;
            }
            let tool = self.backend.resolve(server, tool).await?;
            let tool = match self.server(server) {
                Ok(server) => server.tool(tool),
                Err(_) => tool,
            };
            Ok(Candidates::one(tool))
        })
    }

    fn call<'a>(&'a self, tools: &'a Candidates, call: Call, context: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let tell = call.server.starts_with(DOMAIN_PREFIX);
            let (mut targets, mut gone) = (Vec::with_capacity(1), None);
            for tool in tools.iter() {
                match self.server(&tool.server) {
                    Ok(server) => targets.push(Target::of_call(server, tool)),
                    Err(error) => gone = Some(error),
                }
            }
            match gone {
                Some(error) if targets.is_empty() => Answer::refused(error),
                _ => answer(self.pursue(targets, Request::Call { call, context }, tell).await),
            }
        })
    }

    fn query<'a>(&'a self, query: Query, context: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.server(&query.server) {
                Ok(server) => {
                    let target = Target::of_query(server, query.kind);
                    answer(self.pursue(vec![target], Request::Query { query, context }, false).await)
                }
                // The backend knows near names.
                Err(_) => {
                    let attempted = self.backend.attempt_query(&query, &context).await;
                    Answer::of(attempted.result, u32::from(attempted.sent))
                }
            }
        })
    }

    fn list_of<'a>(
        &'a self,
        server: &'a str,
        kind: ListKind,
        context: CallContext,
    ) -> BoxFuture<'a, Result<Vec<Listed>, CallError>> {
        Box::pin(async move { self.list_one(server, kind, context.run.depth).await })
    }

    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>> {
        Box::pin(async move {
            let mut tools = self.backend.tools().await;
            let mut last: Option<Arc<Server>> = None;
            for tool in &mut tools {
                // They come server by server.
                if last.as_ref().is_none_or(|server| *server.name != *tool.server) {
                    last = self.server(&tool.server).ok();
                }
                if let Some(server) = &last {
                    *tool = server.tool(tool.clone());
                }
            }
            tools
        })
    }

    fn servers(&self) -> Vec<ServerInfo> {
        let now = self.clock.monotonic();
        let info = |member: Member| {
            let server = self.server_of(&member);
            let health = member.health;
            let broken = match &server.breaker {
                Some(breaker) if health == Health::Broken => breaker.why(now),
                _ => None,
            };
            ServerInfo {
                name: member.name.to_string(),
                health,
                priority: member.route.priority,
                domains: member.route.domains.clone(),
                capabilities: member.route.capabilities.clone(),
                error: broken.or(member.error),
            }
        };
        let mut members = self.members();
        self.put_best_first(&mut members, now);
        members.into_iter().map(info).collect()
    }
}

fn answer(ended: Ended) -> Answer {
    let Ended { result, attempts, fuel_used, cached, tries } = ended;
    let result = result.map(|reply| match reply {
        Reply::Result(result) => result,
        // No call gives a list.
        Reply::List(_) => ToolResult { json: "{}".to_owned(), is_error: false },
    });
    Answer { fuel_used, cached, tries, ..Answer::of(result, attempts) }
}
