//! What is asked, and each server that may answer it.

use crate::cache::Lead;
use crate::cache::key::{Asked, Kind};
use crate::servers::Server;
use crate::spec::RetryPolicy;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{Call, CallContext, CallError, EffectClass, ListKind, Query, QueryKind, Tool};

/// What is asked.
pub(crate) enum Request {
    Call {
        call: Call,
        context: CallContext,
    },
    Query {
        query: Query,
        context: CallContext,
    },
    List {
        kind: ListKind,
        /// How deep the run that asks stands in a chain of calls; 0 where the host itself asks.
        depth: u64,
    },
}

impl Request {
    pub(crate) fn depth(&self) -> u64 {
        match self {
            Self::Call { context, .. } | Self::Query { context, .. } => context.run.depth,
            Self::List { depth, .. } => *depth,
        }
    }

    pub(crate) fn asked(&self, server: &Server, tool: Option<&Tool>) -> Option<Asked> {
        let who = |context: &CallContext| (context.run.tenant.0.clone(), context.run.principal.0.clone());
        match self {
            Self::Call { call, context } => {
                let (tenant, principal) = who(context);
                let (args, meta) = (call.args.as_str(), call.meta.as_deref());
                Asked::new(&server.name, Kind::Tool, &tool?.name, (args, meta), (&tenant, &principal))
            }
            Self::Query { query, context } => {
                let (tenant, principal) = who(context);
                let kind = match query.kind {
                    QueryKind::ReadResource => Kind::Resource,
                    QueryKind::GetPrompt => Kind::Prompt,
                    _ => return None,
                };
                Asked::new(&server.name, kind, &query.name, (&query.params, None), (&tenant, &principal))
            }
            Self::List { kind, .. } => Some(Asked::list(&server.name, Kind::of_list(*kind))),
        }
    }
}

/// A server that the request may go to.
pub(crate) struct Target<'a> {
    pub(crate) server: Arc<Server>,
    /// The tool, of a call.
    pub(crate) tool: Option<&'a Tool>,
    pub(crate) effect: EffectClass,
    pub(crate) keep: Keep,
    pub(crate) standing: Standing,
    pub(crate) retries: u32,
    /// Whether the connection was lost.
    pub(crate) lost: bool,
    /// How it failed last.
    pub(crate) error: Option<CallError>,
    /// Equal requests that wait for this one.
    pub(crate) lead: Option<Lead<'a>>,
}

/// How long an answer is kept.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Keep {
    Never,
    /// As long as the server says; not at all where it says nothing.
    AsSaid,
    /// So long, where the server says nothing.
    For(Duration),
}

impl Keep {
    /// What a configuration says of answers whose server may say it, too.
    fn of(configured: Option<Duration>) -> Self {
        configured.map_or(Self::AsSaid, Self::that_long)
    }

    fn that_long(ttl: Duration) -> Self {
        if ttl.is_zero() { Self::Never } else { Self::For(ttl) }
    }
}

/// Whether and when a target has its turn.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Standing {
    Untried,
    /// To be tried again, not before this moment.
    Again(Duration),
    Out,
}

impl<'a> Target<'a> {
    pub(crate) fn of_call(server: Arc<Server>, tool: &'a Tool) -> Self {
        let effect = server.effect(tool);
        let route = &server.route;
        // Of tools, only where the configuration says so.
        let ttl = match effect {
            EffectClass::Read => route.tool(&tool.name).and_then(|tool| tool.cache).unwrap_or(route.cache.tools),
            _ => None,
        };
        Self::new(server, Some(tool), effect, ttl.map_or(Keep::Never, Keep::that_long))
    }

    pub(crate) fn of_query(server: Arc<Server>, kind: QueryKind) -> Self {
        let (effect, keep) = match kind {
            QueryKind::Subscribe | QueryKind::Unsubscribe => (EffectClass::Idempotent, Keep::Never),
            QueryKind::ReadResource => (EffectClass::Read, Keep::of(server.route.cache.resources)),
            QueryKind::GetPrompt => (EffectClass::Read, Keep::of(server.route.cache.prompts)),
            QueryKind::CompleteResource | QueryKind::CompletePrompt => (EffectClass::Read, Keep::Never),
        };
        Self::new(server, None, effect, keep)
    }

    pub(crate) fn of_list(server: Arc<Server>) -> Self {
        let keep = Keep::of(server.route.cache.lists);
        Self::new(server, None, EffectClass::Read, keep)
    }

    fn new(server: Arc<Server>, tool: Option<&'a Tool>, effect: EffectClass, keep: Keep) -> Self {
        let standing = Standing::Untried;
        Self { server, tool, effect, keep, standing, retries: 0, lost: false, error: None, lead: None }
    }

    /// Whether there may be an answer that is kept. Where the server never said how long, there is none, and nobody waits
    /// for another's answer.
    pub(crate) fn may_be_known(&self) -> bool {
        match self.keep {
            Keep::Never => false,
            Keep::AsSaid => self.server.says_freshness(),
            Keep::For(_) => true,
        }
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        let of_tool =
            self.tool.and_then(|tool| self.server.route.tool(&tool.name)).and_then(|tool| tool.retry.as_ref());
        of_tool.unwrap_or(&self.server.route.retry)
    }

    /// Tells who follows how it failed.
    pub(crate) fn end_lead(&mut self) {
        if let (Some(lead), Some(error)) = (self.lead.take(), &self.error) {
            lead.end(|| Err(error.clone()));
        }
    }
}

/// The first target that has a turn now, else the one whose turn comes next.
pub(crate) fn next(targets: &[Target<'_>], now: Duration) -> Option<usize> {
    let due = |target: &Target<'_>| match target.standing {
        Standing::Untried => Some((false, now)),
        Standing::Again(until) => Some((true, until.max(now))),
        Standing::Out => None,
    };
    let turns = targets.iter().enumerate().filter_map(|(at, target)| Some((due(target)?, at)));
    turns.min().map(|(_, at)| at)
}
