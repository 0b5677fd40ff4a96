//! The course of one request: from server to server, attempt after attempt, until there is an answer.
//!
//! Each server that may answer is a target. The first that was not tried yet has its turn; one that failed has another after
//! its delay, if its policy says so, but not before the others had theirs. A request that may have reached a server, and
//! may have had an effect there that another attempt would repeat, goes nowhere else.

use crate::backend::{Attempted, Backend, Freshness};
use crate::breaker::Sign;
use crate::cache::key::Asked;
use crate::cache::{Entered, Reply};
use crate::router::Router;
use crate::servers::Server;
use crate::spec::ErrorClass;
use crate::target::{Keep, Request, Standing, Target, next};
use crate::trace;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tollgate_core::{Attempt, CallError, EffectClass, Outcome};
use tracing::Instrument as _;

/// How long a repeated attempt waits for a server whose connection was lost.
const READY_PATIENCE: Duration = Duration::from_secs(2);

/// How a request ended.
pub(crate) struct Ended {
    pub(crate) result: Result<Reply, CallError>,
    pub(crate) attempts: u32,
    pub(crate) fuel_used: u64,
    pub(crate) cached: bool,
    pub(crate) tries: Vec<Attempt>,
}

/// How one turn of a target ended without an answer.
struct Failure {
    error: CallError,
    class: ErrorClass,
    /// Whether the request may have reached the server.
    sent: bool,
    /// Whether the same server may have another turn.
    again: bool,
}

/// What came of a request that was sent once.
struct Sent {
    result: Result<Reply, CallError>,
    /// Whether the request may have reached the server.
    sent: bool,
    http_status: Option<u16>,
    freshness: Option<Freshness>,
}

impl Sent {
    fn of(result: Result<Reply, CallError>, sent: bool) -> Self {
        Self { result, sent, http_status: None, freshness: None }
    }
}

impl Failure {
    fn new(error: CallError, sent: bool, again: bool) -> Self {
        Self { class: ErrorClass::of(&error), error, sent, again }
    }
}

pub(crate) struct Course<'r, B: Backend + ?Sized> {
    router: &'r Router<B>,
    request: Request,
    /// The call's number, for its spans.
    number: u64,
    /// Whether `_meta` was looked at, and how it was before.
    meta: Option<Option<String>>,
    /// Whether each try is told even if there is but one.
    tell: bool,
    /// The attempts so far, sent or not.
    made: u32,
    attempts: u32,
    fuel_used: u64,
    cached: bool,
    tries: Vec<Attempt>,
    /// The target that failed last.
    last: usize,
}

impl<'r, B: Backend + ?Sized> Course<'r, B> {
    pub(crate) fn new(router: &'r Router<B>, request: Request, number: u64, tell: bool) -> Self {
        Self {
            router,
            request,
            number,
            meta: None,
            tell,
            made: 0,
            attempts: 0,
            fuel_used: 0,
            cached: false,
            tries: Vec::new(),
            last: 0,
        }
    }

    /// Goes through the targets, of which there is at least one.
    pub(crate) async fn run(mut self, mut targets: Vec<Target<'r>>) -> Ended {
        let result = self.pursue(&mut targets).await;
        if result.is_err() {
            targets.iter_mut().for_each(Target::end_lead);
        }
        let Self { attempts, fuel_used, cached, tries, tell, .. } = self;
        let tries = if tell || tries.len() > 1 { tries } else { Vec::new() };
        Ended { result, attempts, fuel_used, cached, tries }
    }

    async fn pursue(&mut self, targets: &mut [Target<'r>]) -> Result<Reply, CallError> {
        loop {
            let now = self.router.clock.monotonic();
            let Some(at) = next(targets, now) else { return Err(self.all_failed(targets)) };
            let (before, from) = targets.split_at_mut(at);
            // It is one of them.
            let Some((target, after)) = from.split_first_mut() else { return Err(CallError::Overloaded) };
            let others = before.iter().chain(&*after).any(|target| target.standing == Standing::Untried);
            let failure = match self.turn(target, before.iter_mut().chain(after), now).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            self.last = at;
            let moves = self.judge(target, &failure);
            let Failure { error, sent, .. } = failure;
            let error = settled(error, sent, target.effect);
            target.error = Some(error.clone());
            if !moves {
                return Err(error);
            }
            // Who follows can ask the others too.
            if others {
                target.end_lead();
            }
            if sent && target.effect != EffectClass::Read {
                // It may have been done. That doing it twice does no harm is this server's word, not the others'.
                let others = targets.iter_mut().filter(|other| !other.effect.is_repeatable());
                others.for_each(|other| other.standing = Standing::Out);
            }
        }
    }

    /// Whether the request may go on after this failure; if so, whether and when this target has another turn.
    fn judge(&self, target: &mut Target<'r>, failure: &Failure) -> bool {
        let Failure { error, class, sent, again } = failure;
        let (class, sent) = (*class, *sent);
        target.standing = Standing::Out;
        if sent && !target.effect.is_repeatable() {
            return false;
        }
        let policy = target.retry();
        let listed = policy.on.contains(&class) && !is_hosts_own(error);
        if *again && listed && target.retries < policy.max_retries {
            let asked = match error {
                CallError::RateLimited(Some(ms)) => Some(Duration::from_millis(*ms)),
                _ => None,
            };
            let delay = policy.delay(target.retries.saturating_add(1), asked, &*self.router.entropy);
            if let Some(delay) = delay {
                target.standing = Standing::Again(self.router.clock.monotonic().saturating_add(delay));
            }
        }
        target.lost = class == ErrorClass::Connection;
        let away =
            matches!(class, ErrorClass::Connection | ErrorClass::Auth | ErrorClass::RateLimit | ErrorClass::Timeout);
        listed || (!sent && (away || matches!(error, CallError::UnknownTool(_))))
    }

    /// One turn of a target: what is kept, else an attempt when there is room for it.
    async fn turn<'t>(
        &mut self,
        target: &mut Target<'r>,
        others: impl Iterator<Item = &'t mut Target<'r>>,
        now: Duration,
    ) -> Result<Reply, Failure>
    where
        'r: 't,
    {
        if let Standing::Again(until) = target.standing {
            self.before_retry(target, until.saturating_sub(now)).await?;
        }
        let router = self.router;
        let asked = if target.may_be_known() { self.request.asked(&target.server, target.tool) } else { None };
        if let Some(asked) = &asked
            && target.lead.is_none()
            && let Some(reply) = self.known(target, others, asked).await?
        {
            self.cached = true;
            return Ok(Arc::unwrap_or_clone(reply));
        }
        let generation = (target.keep != Keep::Never).then(|| router.cache.generation(&target.server.name));
        let (reply, freshness) = self.attempt(target).await?;
        if let Some(generation) = generation {
            self.keep(target, asked, &reply, freshness, generation);
        }
        if let Some(lead) = target.lead.take() {
            lead.end(|| Ok(Arc::new(reply.clone())));
        }
        Ok(reply)
    }

    /// Waits until a target may have another turn.
    async fn before_retry(&mut self, target: &mut Target<'r>, wait: Duration) -> Result<(), Failure> {
        let router = self.router;
        if !target.server.budget.take() {
            // The failure stands.
            let error = target.error.take().unwrap_or(CallError::Overloaded);
            return Err(Failure::new(error, false, false));
        }
        if !wait.is_zero() {
            router.clock.sleep(wait).await;
        }
        target.retries = target.retries.saturating_add(1);
        if target.lost {
            let ready = router.backend().wait_ready(&target.server.name, READY_PATIENCE).await;
            ready.map_err(|error| Failure::new(error, false, true))?;
        }
        Ok(())
    }

    /// The answer that is kept, or that an equal request gets. `None`: this one is to be made.
    async fn known<'t>(
        &mut self,
        target: &mut Target<'r>,
        mut others: impl Iterator<Item = &'t mut Target<'r>>,
        asked: &Asked,
    ) -> Result<Option<Arc<Reply>>, Failure>
    where
        'r: 't,
    {
        let (router, depth) = (self.router, self.request.depth());
        loop {
            match router.cache.enter(&target.server.name, asked, depth, router.clock.monotonic()) {
                Entered::Kept(reply) => return Ok(Some(reply)),
                Entered::Alone => return Ok(None),
                Entered::Lead(lead) => {
                    target.lead = Some(lead);
                    return Ok(None);
                }
                Entered::Follow(follow) => {
                    // Who follows leads nobody, or two would wait for each other.
                    others.by_ref().for_each(|other| other.lead = None);
                    match follow.end().await {
                        Some(Ok(reply)) => return Ok(Some(reply)),
                        Some(Err(error)) => return Err(Failure::new(error, true, false)),
                        None => {}
                    }
                }
            }
        }
    }

    fn keep(
        &self,
        target: &Target<'r>,
        asked: Option<Asked>,
        reply: &Reply,
        freshness: Option<Freshness>,
        generation: u64,
    ) {
        let router = self.router;
        if freshness.is_some() {
            target.server.saw_freshness();
        }
        let (ttl, shared) = match (freshness, target.keep) {
            (_, Keep::Never) | (None, Keep::AsSaid) => return,
            (Some(freshness), _) => (freshness.ttl, freshness.shared),
            (None, Keep::For(ttl)) => (ttl, false),
        };
        if ttl.is_zero() || !target.server.is_current() {
            return;
        }
        if let Some(asked) = asked.or_else(|| self.request.asked(&target.server, target.tool)) {
            let until = router.clock.monotonic().saturating_add(ttl);
            router.cache.keep(&target.server.name, &asked, shared, reply, until, generation);
        }
    }

    /// Makes one attempt, when there is room for it.
    async fn attempt(&mut self, target: &mut Target<'r>) -> Result<(Reply, Option<Freshness>), Failure> {
        let (router, server) = (self.router, target.server.clone());
        let clock = &*router.clock;
        let mut now = clock.monotonic();
        let entered = async {
            if let Some(breaker) = &server.breaker {
                breaker.check(now)?;
            }
            let place = match server.limits.try_enter(now) {
                Some(place) => place,
                None => {
                    let place = server.limits.enter(clock).await?;
                    now = clock.monotonic();
                    place
                }
            };
            let pass = server.breaker.as_ref().map(|breaker| breaker.enter(now)).transpose()?;
            Ok((place, pass))
        };
        let (_place, pass) = match entered.await {
            Ok(entered) => entered,
            Err(error) => {
                self.note(&server, Some(&error), Duration::ZERO);
                // What the server did says more than that it is left alone for it.
                let error = target.error.take().unwrap_or(error);
                return Err(Failure::new(error, false, false));
            }
        };
        if target.retries == 0 {
            server.budget.deposit();
        } else {
            server.stats.retries.fetch_add(1, Ordering::Relaxed);
        }
        self.made = self.made.saturating_add(1);
        let running = server.stats.begin();
        let span =
            tracing::debug_span!(target: "tollgate::route", "attempt", server = %server.name, number = self.made);
        let Sent { result, sent, http_status, freshness } = self.send(target).instrument(span).await;
        let ended = clock.monotonic();
        let class = result.as_ref().err().map(|error| ErrorClass::with_status(error, http_status));
        let elapsed = ended.saturating_sub(now);
        running.end(elapsed, class);
        if let Some(pass) = pass {
            let sign = match (&result, class) {
                (_, None) => Sign::Life,
                (_, Some(class)) if class.is_fault() => Sign::Fault,
                (Err(CallError::Overloaded), _) => Sign::None,
                _ if sent => Sign::Life,
                _ => Sign::None,
            };
            pass.end(sign, ended, || result.as_ref().err().map(ToString::to_string).unwrap_or_default());
        }
        // A request that was refused at the door was sent too.
        let refused = match &result {
            Err(CallError::RateLimited(_)) => true,
            Err(CallError::AuthRequired(_)) => http_status.is_some(),
            _ => false,
        };
        self.attempts = self.attempts.saturating_add(u32::from(sent || refused));
        self.note(&server, result.as_ref().err(), elapsed);
        match result {
            Ok(reply) => Ok((reply, freshness)),
            Err(error) => {
                Err(Failure { class: class.unwrap_or_else(|| ErrorClass::of(&error)), error, sent, again: true })
            }
        }
    }

    /// Sends it, once.
    async fn send(&mut self, target: &mut Target<'r>) -> Sent {
        let backend = self.router.backend();
        self.dress(&target.server.name);
        let attempted = match (&mut self.request, target.tool) {
            (Request::Call { call, context }, Some(tool)) => {
                let attempted = backend.attempt(tool, call, context).await;
                self.fuel_used = self.fuel_used.saturating_add(attempted.fuel_used);
                context.means.fuel = context.means.fuel.saturating_sub(attempted.fuel_used);
                attempted
            }
            (Request::Query { query, context }, _) => backend.attempt_query(query, context).await,
            (Request::List { kind, .. }, _) => {
                return match backend.list_of(&target.server.name, *kind).await {
                    Ok(list) => Sent { freshness: list.freshness, ..Sent::of(Ok(Reply::List(list.items)), true) },
                    Err(error) => Sent::of(Err(error), true),
                };
            }
            // A call's targets have tools.
            (Request::Call { .. }, None) => return Sent::of(Err(CallError::UnknownTool(Vec::new())), false),
        };
        let Attempted { result, sent, http_status, freshness, personal, .. } = attempted;
        if personal {
            target.keep = Keep::Never;
            target.lead = None;
        }
        match result {
            Ok(result) if result.is_error && target.tool.is_some() => Sent::of(Err(CallError::Failed(result)), sent),
            // What was answered was sent.
            Ok(result) => Sent { freshness, ..Sent::of(Ok(Reply::Result(result)), true) },
            Err(error) => Sent { http_status, ..Sent::of(Err(error), sent) },
        }
    }

    /// Makes the request that of this attempt: it names its server and its span.
    fn dress(&mut self, server: &str) {
        let (number, made) = (self.number, self.made);
        match &mut self.request {
            Request::Call { call, context } => {
                if call.server != server {
                    server.clone_into(&mut call.server);
                }
                let span = trace::span(&context.run, number, made);
                let meta = self.meta.get_or_insert_with(|| call.meta.clone());
                if let Some(dressed) = trace::into_meta(meta.as_deref(), span) {
                    call.meta = Some(dressed);
                }
            }
            Request::Query { query, context } => {
                let span = trace::span(&context.run, number, made);
                let params = self.meta.get_or_insert_with(|| Some(query.params.clone()));
                if let Some(dressed) = params.as_deref().and_then(|params| trace::into_params(params, span)) {
                    query.params = dressed;
                }
            }
            Request::List { .. } => {}
        }
    }

    /// Remembers a try.
    fn note(&mut self, server: &Server, error: Option<&CallError>, elapsed: Duration) {
        // The one try of a call that went well is not told.
        if !self.tell && error.is_none() && self.tries.is_empty() {
            return;
        }
        self.tries.push(Attempt {
            server: server.name.to_string(),
            outcome: error.map_or(Outcome::Ok, CallError::outcome),
            message: error.map(ToString::to_string),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
    }

    /// Why there is no answer, when no target has another turn.
    fn all_failed(&self, targets: &mut [Target<'r>]) -> CallError {
        let texts = targets.iter().map(|target| match &target.error {
            Some(CallError::Unavailable(why)) => Some(why.as_str()),
            _ => None,
        });
        match texts.collect::<Option<Vec<_>>>() {
            Some(all) if all.len() > 1 => CallError::Unavailable(all.join("; ")),
            _ => {
                let last = targets.get_mut(self.last).and_then(|target| target.error.clone());
                last.unwrap_or(CallError::Overloaded)
            }
        }
    }
}

/// Whether the host itself refused, so that asking again is in vain: one that is full is not made emptier by it.
fn is_hosts_own(error: &CallError) -> bool {
    matches!(error, CallError::Overloaded | CallError::Denied(_) | CallError::BudgetExhausted(_) | CallError::Cancelled)
}

/// An error as the caller gets it. That a connection was lost is worth a word of its own only where the effect is.
fn settled(error: CallError, sent: bool, effect: EffectClass) -> CallError {
    match error {
        CallError::Unavailable(why) if sent && !effect.is_repeatable() => CallError::OutcomeUnknown(why),
        CallError::OutcomeUnknown(why) if !sent || effect.is_repeatable() => CallError::Unavailable(why),
        error => error,
    }
}
