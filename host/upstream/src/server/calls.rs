//! Calls and queries of one server: one attempt each, its timeout, and what failures mean.

use super::{Live, Server};
use crate::callers::Caller;
use crate::client::{Answered, Behalf, Fault, Session, rejected};
use crate::connect::Link;
use crate::sending::{QueryRequest, Sending, meta_of};
use crate::text::clean;
use crate::within;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{
    Answer, BoxFuture, Call, CallContext, CallError, ListKind, Listed, Query, RpcError, Tool, Violation,
};
use tollgate_route::{Attempted, List};

/// How long the failure of a lost call waits for the child's last words: somewhat more than its end may take.
const LAST_WORDS: Duration = Duration::from_secs(4);

impl Server {
    /// Sends one call once.
    pub(crate) async fn attempt(&self, tool: &Tool, call: &Call, context: &CallContext) -> Attempted {
        let _use = self.begin_use();
        let live = match self.live().await {
            Ok(live) => live,
            Err(error) => return Attempted::unsent(error),
        };
        let _in_flight = live.in_flight.token();
        let Some(entry) = self.known(&tool.name) else {
            // The tool changed or went away since the caller found it.
            let refusal = self.refusal(&tool.name);
            return Attempted::unsent(refusal.unwrap_or(CallError::UnknownTool(Vec::new())));
        };
        let args = entry.check.read(&entry.tool.input_schema, &call.args, |why| {
            let (server, tool) = (&self.spec.name, &tool.name);
            tracing::warn!(target: crate::LOG, %server, %tool, "arguments go unchecked, its inputSchema: {why}");
        });
        let args = match args {
            Ok(args) => args,
            Err(error) => return Attempted::unsent(error),
        };
        let own = self.spec.route.tool(&tool.name).and_then(|route| route.timeout);
        let timeout = own.unwrap_or(self.spec.call_timeout);
        match &live.link {
            Link::Provider(provider) => {
                self.ask(context, timeout, provider.call(&entry.tool, call.clone(), context.clone())).await
            }
            Link::Mcp(session) => {
                let sending = Sending::Call { entry: &entry, args, meta: meta_of(call.meta.as_deref()) };
                self.send(&live, session, &sending, timeout, context).await
            }
        }
    }

    /// Sends one request that is no call of a tool, once.
    pub(crate) async fn attempt_query(&self, query: &Query, context: &CallContext) -> Attempted {
        let _use = self.begin_use();
        let live = match self.live().await {
            Ok(live) => live,
            Err(error) => return Attempted::unsent(error),
        };
        let _in_flight = live.in_flight.token();
        let timeout = self.spec.call_timeout;
        let session = match &live.link {
            Link::Mcp(session) => session,
            Link::Provider(provider) => {
                return self.ask(context, timeout, provider.query(query.clone(), context.clone())).await;
            }
        };
        match QueryRequest::read(query) {
            Ok(request) => self.send(&live, session, &Sending::Query(request), timeout, context).await,
            Err(why) => {
                let violation = Violation { path: String::new(), message: why };
                Attempted::unsent(CallError::InvalidArguments(vec![violation]))
            }
        }
    }

    /// The items of one of its lists. None of a server that has no such list, which is not started to say so.
    pub(crate) async fn list(&self, kind: ListKind) -> Result<List, CallError> {
        let none = List { items: Vec::new(), freshness: None };
        let _use = self.begin_use();
        if self.is_idle() && !self.lists.lock().has(kind) {
            return Ok(none);
        }
        let live = self.live().await?;
        let _in_flight = live.in_flight.token();
        let session = match &live.link {
            Link::Mcp(session) if session.lists().has(kind) => session,
            Link::Mcp(_) => return Ok(none),
            Link::Provider(provider) => {
                let items = provider.list(kind).await.map_err(CallError::Unavailable)?;
                return Ok(List { items: self.listed(items), freshness: None });
            }
        };
        // It is not among the callers: a list has nothing of whoever wants it, so nothing of theirs could be told to another.
        let listed = match within(&*self.shared.clock, self.spec.call_timeout, session.list(kind)).await {
            Some(listed) => listed,
            None => return Err(self.timed_out(self.spec.call_timeout)),
        };
        match listed {
            Ok((items, freshness)) => Ok(List { items: self.listed(items), freshness }),
            Err(fault) => Err(self.failed(&live, fault, true).await),
        }
    }

    fn listed(&self, items: Vec<Map<String, Value>>) -> Vec<Listed> {
        items.into_iter().map(|item| Listed { server: self.spec.name.clone(), item }).collect()
    }

    /// Waits for a component's answer.
    async fn ask(&self, context: &CallContext, timeout: Duration, answer: BoxFuture<'_, Answer>) -> Attempted {
        let waited = || context.run.budget.waited(self.shared.clock.monotonic());
        let before = waited();
        match self.within_own_time(context, timeout, answer).await {
            Some(answer) => {
                let (sent, fuel_used) = (answer.attempts > 0, answer.fuel_used);
                // A person was asked meanwhile, by the component or beside it.
                let personal = waited() > before;
                Attempted { fuel_used, http_status: answer.http_status, personal, ..Attempted::of(answer.result, sent) }
            }
            None => Attempted { sent: true, ..Attempted::unsent(self.timed_out(timeout)) },
        }
    }

    async fn send(
        &self,
        live: &Arc<Live>,
        session: &Session,
        sending: &Sending<'_>,
        timeout: Duration,
        context: &CallContext,
    ) -> Attempted {
        let mut place = self.callers.enter(context.run.client.as_ref());
        let behalf = Behalf { caller: place.caller.as_ref(), memory: context.means.memory.as_ref() };
        let sent = Box::pin(sending.send(session, behalf));
        let answered = self.in_time(place.caller.as_deref(), timeout, sent).await;
        if answered.is_some() {
            place.answered();
        }
        // Also of a question that this caller's client could not be asked: another's may.
        let was_asked =
            |answered: &Answered| answered.rounds > 1 || matches!(answered.text, Err(Fault::NeedsClient(_)));
        let personal = place.was_asked() || answered.as_ref().is_some_and(was_asked);
        let done = |result, freshness| Attempted { freshness, personal, ..Attempted::of(result, true) };
        match answered {
            Some(Answered { text: Ok(text), .. }) => {
                let freshness = sending.freshness(&text);
                let result = sending.read_result(text).map_err(|error| match error {
                    CallError::InvalidResponse(why) => {
                        CallError::InvalidResponse(format!("`{}`: {}", self.spec.name, clean(&why, 500)))
                    }
                    error => error,
                });
                done(result, freshness)
            }
            Some(Answered { text: Err(fault), rounds }) => {
                // Whoever asked something has taken it.
                let sent = rounds > 1 || !fault.is_untaken();
                let http_status = fault.http_status();
                let error = self.failed(live, fault, sending.is_repeatable()).await;
                Attempted { sent, http_status, ..done(Err(error), None) }
            }
            None => done(Err(self.timed_out(timeout)), None),
        }
    }

    /// What a fault means to the caller, and to the connection that it came over.
    async fn failed(&self, live: &Live, fault: Fault, repeatable: bool) -> CallError {
        let text = |why: &str| format!("`{}`: {}", self.spec.name, self.scrub(why));
        match fault {
            Fault::NotSent(why) => {
                self.lose(live);
                CallError::Unavailable(text(&why))
            }
            Fault::Lost(why) => {
                self.lose(live);
                if repeatable {
                    return CallError::Unavailable(text(&why));
                }
                // The task is about to know more: the child's last words.
                let mut told = live.ended.subscribe();
                let told = within(&*self.shared.clock, LAST_WORDS, told.wait_for(Option::is_some)).await;
                let told = told.and_then(|told| told.ok()?.clone());
                CallError::OutcomeUnknown(text(&told.unwrap_or(why)))
            }
            // The server is there, or what stands before it is: the connection is none the worse.
            Fault::Unavailable(why) => CallError::Unavailable(text(&why)),
            Fault::Unanswered(why) if repeatable => CallError::Unavailable(text(&why)),
            Fault::Unanswered(why) => CallError::OutcomeUnknown(text(&why)),
            Fault::Auth(why) => {
                // Its state has to say that it needs a login.
                if self.auth().is_some_and(|auth| auth.take_lost()) {
                    self.reconnect();
                }
                CallError::AuthRequired(text(&why))
            }
            Fault::Rpc(error) => rejected(error),
            // JSON-RPC's code for a request that is none the server takes.
            Fault::Refused(why) => CallError::Rejected(RpcError { code: -32600, message: text(&why), data: None }),
            Fault::RateLimited(wait_ms) => CallError::RateLimited(wait_ms),
            Fault::Invalid(why) => CallError::InvalidResponse(text(&why)),
            Fault::TooLarge(why) => CallError::TooLarge(text(&why)),
            Fault::Limit(reached) => CallError::BudgetExhausted(reached),
            Fault::TimedOut(why) => CallError::TimedOut(text(&why)),
            Fault::NeedsClient(error) => CallError::Rejected(error),
        }
    }

    /// `None` when a component takes longer than `limit`. The time in which a person is asked for the run behind the call, or
    /// for a run behind that one, does not count.
    async fn within_own_time<F: Future>(
        &self,
        context: &CallContext,
        mut limit: Duration,
        future: F,
    ) -> Option<F::Output> {
        let (clock, budget) = (&*self.shared.clock, &context.run.budget);
        let mut counted = budget.waited(clock.monotonic());
        let mut future = std::pin::pin!(future);
        loop {
            if let Some(output) = within(clock, limit, &mut future).await {
                return Some(output);
            }
            let waited = budget.waited(clock.monotonic());
            limit = waited.saturating_sub(counted);
            counted = waited;
            if limit.is_zero() {
                return None;
            }
        }
    }

    /// `None` when the server takes longer than `limit`. The time in which it waits for an answer of the client behind
    /// the call does not count.
    async fn in_time<F: Future>(&self, caller: Option<&Caller>, mut limit: Duration, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        loop {
            match within(&*self.shared.clock, limit, &mut future).await {
                Some(output) => return Some(output),
                None => limit = caller.map_or(Duration::ZERO, Caller::take_waited),
            }
            if limit.is_zero() {
                return None;
            }
        }
    }

    fn timed_out(&self, limit: Duration) -> CallError {
        let (name, limit) = (&self.spec.name, crate::duration_text(limit));
        CallError::TimedOut(format!("`{name}` did not answer within {limit}; the call was cancelled there"))
    }
}
