//! Calls and queries of one server: attempts, the second one where it does no harm, timeouts, and what failures mean.

use super::{Live, Phase, Server};
use crate::callers::Caller;
use crate::client::{Fault, rejected};
use crate::connect::Link;
use crate::sending::{QueryRequest, Sending, meta_of};
use crate::text::clean;
use crate::within;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{Answer, Call, CallContext, CallError, ListKind, Listed, Query, Tool, ToolResult, Violation};

/// How long a second attempt waits for a server that is in backoff.
const PATIENCE: Duration = Duration::from_secs(2);

impl Server {
    /// Answers one call.
    pub(crate) async fn call(&self, tool: &Tool, call: Call, context: CallContext) -> Answer {
        let Ok(_place) = self.places.try_acquire() else { return Answer::refused(CallError::Overloaded) };
        let live = match self.live(0, Duration::ZERO).await {
            Ok(live) => live,
            Err(error) => return Answer::refused(error),
        };
        let Some(entry) = self.known(&tool.name) else {
            // The tool changed or went away since the caller found it.
            let refusal = self.refusal(&tool.name);
            return Answer::refused(refusal.unwrap_or(CallError::UnknownTool(Vec::new())));
        };
        let args = entry.check.read(&entry.tool.input_schema, &call.args, |why| {
            let (server, tool) = (&self.spec.name, &tool.name);
            tracing::warn!(target: crate::LOG, %server, %tool, "arguments go unchecked, its inputSchema: {why}");
        });
        let args = match args {
            Ok(args) => args,
            Err(error) => return Answer::refused(error),
        };
        let begun = self.shared.clock.monotonic();
        let answer = match &live.link {
            Link::Provider(provider) => {
                let answer = provider.call(&entry.tool, call, context);
                match within(&*self.shared.clock, self.spec.call_timeout, answer).await {
                    Some(answer) => answer,
                    None => Answer::once(Err(self.timed_out())),
                }
            }
            Link::Mcp(_) => {
                let sending = Sending::Call { entry: &entry, args, meta: meta_of(call.meta.as_deref()) };
                self.send(live, &sending, &context).await
            }
        };
        if answer.attempts > 0 {
            self.latencies.add(self.shared.clock.monotonic() - begun);
        }
        answer
    }

    /// Answers one request that is no call of a tool.
    pub(crate) async fn query(&self, query: Query, context: CallContext) -> Answer {
        let Ok(_place) = self.places.try_acquire() else { return Answer::refused(CallError::Overloaded) };
        let live = match self.live(0, Duration::ZERO).await {
            Ok(live) => live,
            Err(error) => return Answer::refused(error),
        };
        let request = match QueryRequest::read(query) {
            Ok(request) => request,
            Err(why) => {
                let violation = Violation { path: String::new(), message: why };
                return Answer::refused(CallError::InvalidArguments(vec![violation]));
            }
        };
        self.send(live, &Sending::Query(request), &context).await
    }

    /// The items of one of its lists; none when it is not ready.
    pub(crate) async fn list(&self, kind: ListKind) -> Vec<Listed> {
        let Phase::Ready(live) = self.phase.borrow().clone() else { return Vec::new() };
        let Link::Mcp(session) = &live.link else { return Vec::new() };
        if !session.has(kind) {
            return Vec::new();
        }
        let server = &self.spec.name;
        match within(&*self.shared.clock, self.spec.call_timeout, session.list(kind)).await {
            Some(Ok(items)) => items.into_iter().map(|item| Listed { server: server.clone(), item }).collect(),
            other => {
                let why = other.and_then(Result::err).map_or("no answer in time".to_owned(), |f| f.describe());
                tracing::warn!(target: crate::LOG, %server, "{} failed: {}", kind.method(), self.scrub(&why));
                Vec::new()
            }
        }
    }

    /// One attempt; and a second on the next connection, when the first cannot have had an effect that a
    /// second would repeat.
    async fn send(&self, live: Arc<Live>, sending: &Sending<'_>, context: &CallContext) -> Answer {
        let answer = Answer::of;
        let first = self.attempt(&live, sending, context).await;
        let (was_sent, why) = match first {
            Ok(result) => return answer(result, 1),
            Err(Fault::NotSent(why)) => (false, why),
            Err(Fault::Lost(why)) => (true, why),
            Err(fault) => {
                // Its state has to say that it needs a login.
                if matches!(fault, Fault::Auth(_)) && self.auth().is_some_and(|auth| auth.take_lost()) {
                    self.reconnect();
                }
                return answer(Err(self.call_error(fault)), 1);
            }
        };
        live.found_lost.cancel();
        let name = &self.spec.name;
        let sent = u32::from(was_sent);
        if was_sent && !sending.is_repeatable() {
            // The task is about to know more: the child's last words.
            let why = match self.live(live.generation, Duration::ZERO).await {
                Err(CallError::Unavailable(why)) => why,
                _ => format!("`{name}`: {why}"),
            };
            return answer(Err(CallError::OutcomeUnknown(why)), sent);
        }
        let next = match self.live(live.generation, PATIENCE).await {
            Ok(next) => next,
            Err(error) => return answer(Err(error), sent),
        };
        match self.attempt(&next, sending, context).await {
            Ok(result) => answer(result, sent + 1),
            Err(fault) => {
                if matches!(fault, Fault::Lost(_) | Fault::NotSent(_)) {
                    next.found_lost.cancel();
                }
                let sent = sent + u32::from(!matches!(fault, Fault::NotSent(_)));
                let error = match fault {
                    Fault::Lost(why) if !sending.is_repeatable() => {
                        CallError::OutcomeUnknown(format!("`{name}`: {why}"))
                    }
                    fault => self.call_error(fault),
                };
                answer(Err(error), sent)
            }
        }
    }

    async fn attempt(
        &self,
        live: &Live,
        sending: &Sending<'_>,
        context: &CallContext,
    ) -> Result<Result<ToolResult, CallError>, Fault> {
        let Link::Mcp(session) = &live.link else {
            return Err(Fault::NotSent("it is no MCP server, so it has neither resources nor prompts".to_owned()));
        };
        let place = context.run.client.as_ref().map(|client| self.callers.enter(client));
        let caller = place.as_ref().map(|place| &*place.caller);
        match self.in_time(caller, sending.send(session, place.as_ref())).await {
            Some(Ok(json)) => Ok(sending.read_result(json).map_err(|error| match error {
                CallError::InvalidResponse(why) => {
                    CallError::InvalidResponse(format!("`{}`: {}", self.spec.name, clean(&why, 500)))
                }
                error => error,
            })),
            Some(Err(fault)) => Err(fault),
            None => Ok(Err(self.timed_out())),
        }
    }

    /// `None` when the server takes longer than its timeout. The time in which it waits for an answer of the
    /// client behind the call does not count.
    async fn in_time<F: Future>(&self, caller: Option<&Caller>, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        let mut limit = self.spec.call_timeout;
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

    fn timed_out(&self) -> CallError {
        let limit = crate::duration_text(self.spec.call_timeout);
        CallError::TimedOut(format!("`{}` did not answer within {limit}; the call was cancelled there", self.spec.name))
    }

    fn call_error(&self, fault: Fault) -> CallError {
        let text = |why: &str| format!("`{}`: {}", self.spec.name, self.scrub(why));
        match fault {
            Fault::NotSent(why) | Fault::Lost(why) => CallError::Unavailable(text(&why)),
            Fault::Rpc(error) => rejected(error),
            Fault::Auth(why) => CallError::AuthRequired(text(&why)),
            Fault::RateLimited(wait_ms) => CallError::RateLimited(wait_ms),
            Fault::Invalid(why) => CallError::InvalidResponse(text(&why)),
            Fault::TooLarge(why) => CallError::TooLarge(text(&why)),
            Fault::TimedOut(why) => CallError::TimedOut(text(&why)),
            Fault::NeedsClient(error) => CallError::Rejected(error),
        }
    }
}
