//! Which servers a call may go to.

use crate::backend::{Backend, Member};
use crate::router::Router;
use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::{CallError, Candidates, Health, MayUse, Tool};

/// The most names that are suggested.
const NEAR_MAX: usize = 5;
/// Below this likeness (Jaro-Winkler) a name is not near.
const NEAR: f64 = 0.8;
/// How much of a name is compared.
const COMPARED_CHARS: usize = 64;

/// What became of one server that may have the tool: its place in the order, and the tool or why there is none.
type Found = (usize, Result<Arc<Tool>, CallError>);

impl<B: Backend + ?Sized> Router<B> {
    /// The tools of this name of the servers of a domain, the best first: by health, priority, name. Of equal priority a server that is
    /// there comes before one that starts.
    pub(crate) async fn resolve_domain(
        &self,
        domain: &str,
        tool: &str,
        may: &MayUse<'_>,
    ) -> Result<Candidates, CallError> {
        let mut members = self.backend().members();
        let exists = members.iter().any(|member| has(member, domain));
        members.retain(|member| may(&member.name));
        if !exists {
            return Err(CallError::UnknownTool(near_domains(domain, &members)));
        }
        members.retain(|member| has(member, domain));
        if members.is_empty() {
            return Err(CallError::Denied(format!("no server of the domain `{}` may be used", short(domain))));
        }
        self.put_best_first(&mut members, self.clock.monotonic());
        let mut found: Vec<Found> = Vec::with_capacity(members.len());
        // A ready server answers at once. Another is waited for only as long as there is none that has the tool; but a server that
        // starts is waited for where it comes before those.
        for (at, member) in members.iter().enumerate().filter(|(_, member)| rank(member) == 0) {
            let tool = self.backend().resolve(&member.name, tool);
            let result = if any(&found) { tool.now_or_never() } else { Some(tool.await) };
            found.extend(result.map(|result| (at, result)));
        }
        for stage in [1, 2] {
            let stage = members.iter().enumerate().filter(|(_, member)| rank(member) == stage);
            let mut waits: FuturesUnordered<_> = stage
                .map(|(at, member)| self.backend().resolve(&member.name, tool).map(move |tool| (at, tool)))
                .collect();
            while !waits.is_empty() {
                match if any(&found) { waits.next().now_or_never() } else { Some(waits.next().await) } {
                    Some(Some(result)) => found.push(result),
                    _ => break,
                }
            }
        }
        found.sort_by_key(|(at, _)| *at);
        let member = |at: usize| members.get(at);
        let tools = found.iter().filter_map(|(at, result)| {
            let tool = result.as_ref().ok()?.clone();
            Some(member(*at).map_or(tool.clone(), |member| self.server_of(member).tool(tool)))
        });
        match Candidates::of(tools) {
            Some(candidates) => Ok(candidates),
            None => Err(none_has(domain, tool, &members, found)),
        }
    }

    /// Orders servers by health, as it is with what routing knows, priority, and name.
    pub(crate) fn put_best_first(&self, members: &mut [Member], now: Duration) {
        for member in &mut *members {
            member.health = self.server_of(member).health(member.health, now);
        }
        members.sort_by(|a, b| order(a).cmp(&order(b)));
    }
}

fn any(found: &[Found]) -> bool {
    found.iter().any(|(_, result)| result.is_ok())
}

fn has(member: &Member, domain: &str) -> bool {
    member.route.domains.iter().any(|name| name == domain)
}

fn rank(member: &Member) -> u8 {
    match member.health {
        Health::Ready => 0,
        Health::Connecting if member.is_starting => 0,
        Health::Connecting | Health::Idle => 1,
        Health::Failed | Health::Broken | Health::Stopped => 2,
    }
}

fn order(member: &Member) -> (u8, u16, bool, &str) {
    (rank(member), member.route.priority, member.is_starting, &member.name)
}

/// Why no server of a domain has a tool: none knows it, or those that might are not there.
fn none_has(domain: &str, tool: &str, members: &[Member], found: Vec<Found>) -> CallError {
    let mut near = Vec::new();
    let mut away = Vec::new();
    let mut without = Vec::new();
    for (at, result) in found {
        let Some(name) = members.get(at).map(|member| &member.name) else { continue };
        match result {
            Ok(_) => {}
            Err(CallError::UnknownTool(names)) => {
                without.push(format!("`{name}`"));
                let own = names.iter().filter_map(|near| near.strip_prefix(&**name)?.strip_prefix(':'));
                near.extend(own.map(|tool| format!("{DOMAIN_PREFIX}{domain}:{tool}")));
            }
            Err(CallError::Unavailable(why)) => away.push(why),
            Err(error) => away.push(format!("`{name}`: {error}")),
        }
    }
    if away.is_empty() {
        near.sort_unstable();
        near.dedup();
        near.truncate(NEAR_MAX);
        return CallError::UnknownTool(near);
    }
    let without = match without.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} does not have it"),
        more => format!("; {} do not have it", more.join(", ")),
    };
    CallError::Unavailable(format!(
        "no server of the domain `{}` has `{}` now: {}{without}",
        short(domain),
        short(tool),
        away.join("; ")
    ))
}

/// Names of domains near one that no server has, as a call names them; where none is near, those that there are.
fn near_domains(domain: &str, members: &[Member]) -> Vec<String> {
    let wanted = short(&domain.to_lowercase());
    let mut domains: Vec<&str> = members.iter().flat_map(|member| &member.route.domains).map(String::as_str).collect();
    domains.sort_unstable();
    domains.dedup();
    let likeness = |name: &str| strsim::jaro_winkler(&wanted, &short(&name.to_lowercase()));
    let mut near: Vec<_> = domains.into_iter().map(|name| (likeness(name), name)).collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    if near.first().is_some_and(|(like, _)| *like >= NEAR) {
        near.retain(|(like, _)| *like >= NEAR);
    }
    near.into_iter().take(NEAR_MAX).map(|(_, name)| format!("{DOMAIN_PREFIX}{name}:*")).collect()
}

fn short(name: &str) -> String {
    name.chars().take(COMPARED_CHARS).collect()
}
