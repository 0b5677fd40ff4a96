//! What routing remembers of each server.

use crate::backend::Member;
use crate::breaker::Breaker;
use crate::limits::Limits;
use crate::retry::RetryBudget;
use crate::spec::RouteSpec;
use crate::stats::Stats;
use crate::status::{BreakerStatus, RouteStatus};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tollgate_core::{EffectClass, Health, Tool};

/// The most tools of one server whose changed copies are kept.
const CHANGED_TOOLS_MAX: usize = 4096;

/// One server, as long as its settings are the same.
pub(crate) struct Server {
    pub(crate) name: Arc<str>,
    pub(crate) route: Arc<RouteSpec>,
    pub(crate) limits: Limits,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) budget: RetryBudget,
    pub(crate) stats: Stats,
    /// Whether it ever said how long an answer may be kept: then equal requests are worth waiting for.
    says_freshness: AtomicBool,
    /// Whether another took its place: what it answers is kept no more.
    replaced: AtomicBool,
    /// Tools whose effect class the configuration says otherwise.
    changed_tools: Mutex<HashMap<String, Changed>>,
}

/// A tool as its server lists it, and as routing does.
struct Changed {
    listed: Arc<Tool>,
    routed: Arc<Tool>,
}

impl Server {
    fn new(member: &Member) -> Self {
        let (name, route) = (member.name.clone(), member.route.clone());
        Self {
            limits: Limits::new(name.clone(), &route),
            breaker: route.breaker.clone().map(|policy| Breaker::new(name.clone(), policy)),
            budget: RetryBudget::new(),
            stats: Stats::new(),
            says_freshness: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            changed_tools: Mutex::default(),
            name,
            route,
        }
    }

    /// Whether answers of it may be kept.
    pub(crate) fn is_current(&self) -> bool {
        !self.replaced.load(Ordering::Acquire)
    }

    pub(crate) fn says_freshness(&self) -> bool {
        self.says_freshness.load(Ordering::Relaxed)
    }

    pub(crate) fn saw_freshness(&self) {
        self.says_freshness.store(true, Ordering::Relaxed);
    }

    /// The effect class of a tool, as the configuration and else its annotations say.
    pub(crate) fn effect(&self, tool: &Tool) -> EffectClass {
        self.route.tool(&tool.name).and_then(|route| route.effect).unwrap_or(tool.effect)
    }

    /// A tool, with the effect class that the configuration says.
    pub(crate) fn tool(&self, tool: Arc<Tool>) -> Arc<Tool> {
        let effect = self.effect(&tool);
        if effect == tool.effect {
            return tool;
        }
        let mut changed = self.changed_tools.lock();
        if let Some(Changed { listed, routed }) = changed.get(&tool.name)
            && Arc::ptr_eq(listed, &tool)
        {
            return routed.clone();
        }
        if changed.len() >= CHANGED_TOOLS_MAX {
            changed.clear();
        }
        let routed = Arc::new(Tool { effect, ..Tool::clone(&tool) });
        changed.insert(tool.name.clone(), Changed { listed: tool, routed: routed.clone() });
        routed
    }

    /// How far the server is, where the backend says `health`.
    pub(crate) fn health(&self, health: Health, now: Duration) -> Health {
        match &self.breaker {
            Some(breaker) if health.is_usable() && matches!(breaker.status(now), BreakerStatus::Open { .. }) => {
                Health::Broken
            }
            _ => health,
        }
    }

    pub(crate) fn status(&self, health: Health, now: Duration) -> RouteStatus {
        RouteStatus {
            server: self.name.to_string(),
            health: self.health(health, now),
            breaker: self.breaker.as_ref().map_or(BreakerStatus::Closed, |breaker| breaker.status(now)),
            in_flight: self.stats.in_flight.load(Ordering::Relaxed),
            queued: self.limits.queued(),
            attempts: self.stats.attempts.load(Ordering::Relaxed),
            failures: self.stats.failures(),
            retries: self.stats.retries.load(Ordering::Relaxed),
            retry_budget: self.budget.left(),
            latency: self.stats.latency(),
        }
    }
}

/// All servers that were called so far.
#[derive(Default)]
pub(crate) struct Servers(RwLock<HashMap<Arc<str>, Arc<Server>>>);

/// A server, and whether it took the place of another of its name.
pub(crate) struct Found {
    pub(crate) server: Arc<Server>,
    pub(crate) is_new: bool,
}

impl Servers {
    /// What is remembered of a member. A member whose settings are another value is another server.
    pub(crate) fn of(&self, member: &Member) -> Found {
        let same = |server: &&Arc<Server>| Arc::ptr_eq(&server.route, &member.route);
        if let Some(server) = self.0.read().get(&member.name).filter(same) {
            return Found { server: server.clone(), is_new: false };
        }
        let mut servers = self.0.write();
        if let Some(server) = servers.get(&member.name).filter(same) {
            return Found { server: server.clone(), is_new: false };
        }
        let server = Arc::new(Server::new(member));
        if let Some(old) = servers.insert(member.name.clone(), server.clone()) {
            old.replaced.store(true, Ordering::Release);
        }
        Found { server, is_new: true }
    }

    /// Forgets a server that is gone. False when nothing was known of it.
    pub(crate) fn forget(&self, name: &str) -> bool {
        if !self.0.read().contains_key(name) {
            return false;
        }
        let old = self.0.write().remove(name);
        old.inspect(|old| old.replaced.store(true, Ordering::Release)).is_some()
    }

    /// Forgets all that are not among these; gives their names.
    pub(crate) fn forget_others(&self, members: &[Member]) -> Vec<Arc<str>> {
        let gone = |name: &Arc<str>| !members.iter().any(|member| member.name == *name);
        let mut gone: Vec<_> = self.0.read().keys().filter(|name| gone(name)).cloned().collect();
        gone.retain(|name| self.forget(name));
        gone
    }
}
