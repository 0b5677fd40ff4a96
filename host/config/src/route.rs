//! What routing is told of a server: the host's defaults, `orchestration` over them, the server over that, and its tools'
//! settings over that.

use crate::model::{Breaker, Cache, Config, Keep, Orchestration, Retry, Server, Switch, ToolSettings};
use std::time::Duration;
use tollgate_core::routing::DEFAULT_PRIORITY;
use tollgate_route::{BreakerPolicy, CachePolicy, RetryPolicy, RouteSpec, ToolRoute};

/// How long answers are kept where `cache: true` says that they are and nothing says how long.
pub const CACHE_TTL: Duration = Duration::from_secs(5 * 60);

/// What routing is told of `server`, with everything filled in.
///
/// Two configurations that give equal routes route equally, whatever their lines say, so a reload compares this. In the
/// cache, zero stands for what `false` turned off: nothing is kept then, also where the server says how long it might be.
pub fn route(config: &Config, server: &Server) -> RouteSpec {
    let Orchestration { retry, breaker, cache, .. } = &config.orchestration;
    let base = RouteSpec::default();
    let routing = &server.routing;
    let retry = Retries::default().over(retry.as_ref()).over(routing.retry.as_ref());
    let cache = over(&routing.cache, cache);
    RouteSpec {
        priority: server.priority.unwrap_or(DEFAULT_PRIORITY),
        domains: server.domains.clone(),
        capabilities: server.capabilities.clone(),
        at_once: routing.max_in_flight.unwrap_or(base.at_once),
        queue: routing.queue.unwrap_or(base.queue),
        rate: routing.rate.clone(),
        breaker: breaker_policy([breaker, &routing.breaker]),
        cache: CachePolicy {
            tools: ttl(cache.tools),
            resources: ttl(cache.resources),
            prompts: ttl(cache.prompts),
            lists: ttl(cache.lists),
        },
        tools: routing
            .tools
            .iter()
            .map(|(pattern, settings)| (pattern.value.clone(), tool_route(settings, &retry, cache.tools)))
            .collect(),
        retry: retry.policy(),
    }
}

fn tool_route(settings: &ToolSettings, server: &Retries, server_cache: Option<Keep>) -> ToolRoute {
    ToolRoute {
        effect: settings.effect,
        timeout: settings.timeout,
        retry: settings.retry.as_ref().map(|retry| server.clone().over(Some(retry)).policy()),
        cache: settings.cache.map(|keep| ttl(nearer(Some(keep), server_cache)).filter(|ttl| !ttl.is_zero())),
    }
}

/// A policy, and whether it is on: what was turned off keeps its numbers for a level that turns it on again.
#[derive(Clone, Default)]
struct Retries {
    off: bool,
    policy: RetryPolicy,
}

impl Retries {
    fn over(mut self, said: Option<&Switch<Retry>>) -> Self {
        let Some(said) = said else { return self };
        let Switch::On(retry) = said else { return Self { off: true, ..self } };
        let policy = &mut self.policy;
        set(&mut policy.max_retries, retry.max_retries);
        set(&mut policy.first_delay, retry.first_delay);
        set(&mut policy.backoff_factor, retry.backoff_factor);
        set(&mut policy.max_delay, retry.max_delay);
        set(&mut policy.jitter, retry.jitter);
        set(&mut policy.on, retry.on.clone());
        Self { off: false, ..self }
    }

    fn policy(self) -> RetryPolicy {
        let Self { off, policy } = self;
        RetryPolicy {
            max_retries: if off { 0 } else { policy.max_retries },
            // The two may come from different levels.
            first_delay: policy.first_delay.min(policy.max_delay),
            ..policy
        }
    }
}

fn breaker_policy(levels: [&Option<Switch<Breaker>>; 2]) -> Option<BreakerPolicy> {
    let mut policy = BreakerPolicy::default();
    let mut on = true;
    for said in levels.into_iter().flatten() {
        on = matches!(said, Switch::On(_));
        if let Switch::On(breaker) = said {
            set(&mut policy.failures, breaker.failures);
            set(&mut policy.open_for, breaker.open_for);
            set(&mut policy.probes, breaker.probes);
        }
    }
    on.then_some(policy)
}

fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

fn over(near: &Cache, far: &Cache) -> Cache {
    Cache {
        tools: nearer(near.tools, far.tools),
        resources: nearer(near.resources, far.resources),
        prompts: nearer(near.prompts, far.prompts),
        lists: nearer(near.lists, far.lists),
    }
}

/// What the nearer level says; a plain `true` takes its time from the farther one.
fn nearer(near: Option<Keep>, far: Option<Keep>) -> Option<Keep> {
    match (near, far) {
        (None, far) => far,
        (Some(Keep::On), Some(Keep::For(time))) => Some(Keep::For(time)),
        (near, _) => near,
    }
}

fn ttl(keep: Option<Keep>) -> Option<Duration> {
    keep.map(|keep| match keep {
        Keep::Not => Duration::ZERO,
        Keep::On => CACHE_TTL,
        Keep::For(time) => time,
    })
}
