//! The gate as one run sees it.

use crate::Gate;
use crate::gather::LISTS_AT_ONCE;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tollgate_core::budget::{Paid, PaidCall};
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::{
    Answer, AskError, Attempt, BoxFuture, Call, CallError, CallFailure, Caller, Completion, HostInterface, LimitKind,
    LimitReached, ListKind, Listed, LogLevel, Means, ModelError, ModelRequest, Notice, Outcome, Query, QueryKind,
    Question, Reply, RunContext, ServerInfo, StateAccess, Status, Tool, ToolResult,
};
use tollgate_journal::{CallRecord, Entry, Event, JournalError};

/// The longest text of a guest or a failure that a record keeps, in characters.
const MESSAGE_MAX_CHARS: usize = 500;

/// One run at the gate.
pub struct Session {
    pub(crate) gate: Arc<Gate>,
    pub(crate) context: Arc<RunContext>,
    began: Duration,
    next_call: AtomicU64,
    next_request: AtomicU64,
    pub(crate) next_question: AtomicU64,
    pub(crate) next_completion: AtomicU64,
    next_seq: AtomicU64,
    /// The HTTP requests under way that are recorded.
    http: Mutex<HashMap<u64, Paid>>,
    /// Places of lists that are read.
    pub(crate) lists: Semaphore,
    /// Bytes of lists that were read and that the run has not got yet.
    pub(crate) listed_bytes: AtomicU64,
    records: Mutex<Vec<CallRecord>>,
    ended: Mutex<Option<Status>>,
}

/// What a session leaves.
#[derive(Debug)]
pub struct Summary {
    /// Each call, in the order in which they ended.
    pub calls: Vec<CallRecord>,
    /// Calls that were refused after the budget was used up and are not among them.
    pub calls_not_kept: u64,
    /// From the beginning to the end.
    pub elapsed: Duration,
}

impl Session {
    pub(crate) fn begin(gate: Arc<Gate>, context: RunContext, digest: Option<String>) -> Arc<Self> {
        let began = gate.clock.monotonic();
        let session = Self {
            gate,
            context: Arc::new(context),
            began,
            next_call: AtomicU64::new(0),
            next_request: AtomicU64::new(0),
            next_question: AtomicU64::new(0),
            next_completion: AtomicU64::new(0),
            next_seq: AtomicU64::new(0),
            http: Mutex::default(),
            lists: Semaphore::new(LISTS_AT_ONCE),
            listed_bytes: AtomicU64::new(0),
            records: Mutex::default(),
            ended: Mutex::default(),
        };
        let RunContext { name, principal, tenant, parent, seed, .. } = (*session.context).clone();
        session.note(&Paid::by_host(), Event::RunStarted { name, digest, principal, tenant, parent, seed });
        Arc::new(session)
    }

    /// A refusal for want of a grant, and how to give it.
    pub(crate) fn no_grant(&self, scope: &str) -> String {
        format!(
            "`{}` has no grant for {scope}; grant it with --grant '{scope}', or by the key `grants` of its entry in the configuration, if it has one",
            self.context.name
        )
    }

    /// The run's identity and rights.
    pub fn context(&self) -> &Arc<RunContext> {
        &self.context
    }

    /// Ends the session: records how the run ended, and gives what it leaves. A session that is dropped
    /// without was cancelled.
    pub fn finish(&self, status: Status, fuel_used: u64) -> Summary {
        self.end(status, fuel_used);
        let calls = std::mem::take(&mut *self.records.lock());
        let calls_not_kept = self.next_call.load(Ordering::Relaxed).saturating_sub(calls.len() as u64);
        Summary { calls, calls_not_kept, elapsed: self.elapsed() }
    }

    fn end(&self, status: Status, fuel_used: u64) {
        let mut ended = self.ended.lock();
        if ended.is_none() {
            *ended = Some(status);
            self.note(&Paid::by_host(), Event::RunEnded { status, fuel_used });
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.gate.clock.monotonic().saturating_sub(self.began)
    }

    fn entry(&self, event: Event) -> Entry {
        let at = self.gate.clock.now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Entry {
            run: self.context.run,
            seq: self.next_seq.fetch_add(1, Ordering::Relaxed),
            at_unix_ms: u64::try_from(at).unwrap_or(u64::MAX),
            offset: self.elapsed(),
            event,
        }
    }

    /// Records what has no effect outside: nobody waits for it to be safe.
    pub(crate) fn note(&self, _paid: &Paid, event: Event) {
        drop(self.gate.journal.append(self.entry(event)));
    }

    /// Records what is about to have an effect, and waits until that is safe.
    pub(crate) fn record(&self, _paid: &Paid, event: Event) -> BoxFuture<'_, Result<(), JournalError>> {
        self.gate.journal.append(self.entry(event))
    }

    pub(crate) fn open_call(&self, server: &str, tool: &str, args: &str) -> OpenCall<'_> {
        OpenCall {
            session: self,
            number: self.next_call.fetch_add(1, Ordering::Relaxed),
            server: cut(server),
            tool: cut(tool),
            bytes_in: args.len() as u64,
            started: self.elapsed(),
            paid: None,
            failed_at: None,
            over: false,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end(Status::Cancelled, 0);
    }
}

impl Caller for Session {
    fn call(&self, call: Call, means: Means) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)> {
        Box::pin(async move {
            let mut open = self.open_call(&call.server, &call.tool, &call.args);
            let answer = self.pass(&mut open, call, means).await;
            open.close(answer)
        })
    }

    fn query(&self, query: Query, means: Means) -> BoxFuture<'_, (Result<String, CallFailure>, u64)> {
        Box::pin(async move {
            let shown = format!("{} {}", query.kind, query.name);
            let mut open = self.open_call(&query.server, &shown, &query.params);
            let answer = self.pass_query(&mut open, &shown, query, means).await;
            let (result, fuel_used) = open.close(answer);
            (result.map(|result| result.json), fuel_used)
        })
    }

    fn list(&self, kind: ListKind) -> BoxFuture<'_, Result<Vec<Listed>, CallError>> {
        Box::pin(self.granted_items(kind))
    }

    fn servers(&self) -> Vec<ServerInfo> {
        self.granted_servers()
    }

    fn tools(&self) -> BoxFuture<'_, Result<Vec<Arc<Tool>>, CallError>> {
        Box::pin(self.granted_tools())
    }

    fn gather(&self, domain: Option<String>, fail_fast: Option<bool>) -> BoxFuture<'_, Result<String, CallFailure>> {
        Box::pin(self.gather_resources(domain, fail_fast))
    }

    fn complete(&self, request: ModelRequest) -> BoxFuture<'_, Result<Completion, ModelError>> {
        Box::pin(self.ask_model(request))
    }

    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Reply, AskError>> {
        Box::pin(self.ask_person(question))
    }

    fn waited(&self) -> Duration {
        self.context.budget.waited(self.gate.clock.monotonic())
    }

    fn http_started(&self, method: &str, url: &str) -> BoxFuture<'_, Result<u64, String>> {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        let Some(paid) = self.context.budget.take_http_entry() else {
            return Box::pin(std::future::ready(Ok(request)));
        };
        let appended = self.record(&paid, Event::HttpStarted { request, method: cut(method), url: cut(url) });
        self.http.lock().insert(request, paid);
        Box::pin(async move {
            appended.await.map(|()| request).map_err(|error| format!("nothing was sent, because {error}"))
        })
    }

    fn http_ended(&self, request: u64, result: Result<u16, String>) {
        let Some(paid) = self.http.lock().remove(&request) else { return };
        let (status, message) = match result {
            Ok(status) => (Some(status), None),
            Err(why) => (None, Some(cut(&why))),
        };
        self.note(&paid, Event::HttpEnded { request, status, message });
    }

    fn state_started(&self) -> Result<Paid, LimitReached> {
        self.context.budget.take_state_request()
    }

    fn state_ended(&self, paid: Option<Paid>, access: StateAccess) {
        let StateAccess { owner, operation, key_sha256, bytes, version, outcome } = access;
        let Some(paid) = paid.or_else(|| self.context.budget.take_refusal()) else { return };
        self.note(&paid, Event::State { owner: cut(&owner), operation, key_sha256, bytes, version, outcome });
    }

    fn log(&self, paid: Paid, level: LogLevel, message: String) {
        if let Some(client) = &self.context.client {
            let data = serde_json::Value::from(message.as_str()).to_string();
            client.tell(Notice::Log { level: level.as_mcp().to_owned(), logger: self.context.name.to_string(), data });
        }
        self.note(&paid, Event::Log { level, message });
    }

    fn progress(&self, paid: Paid, done: f64, total: Option<f64>, message: Option<String>) {
        if let Some(client) = &self.context.client {
            client.tell(Notice::Progress { done, total, message: message.clone() });
        }
        self.note(&paid, Event::Progress { done, total, message });
    }

    fn output(&self, error: bool, text: &str) {
        if let Some(client) = &self.context.client {
            client.tell(Notice::Output { error, text: text.to_owned() });
        }
    }
}

/// A text as a record keeps it.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_MAX_CHARS).collect()
}

pub(crate) fn interface_of(kind: QueryKind) -> HostInterface {
    if kind.is_resource() { HostInterface::Resource } else { HostInterface::Prompt }
}

pub(crate) fn result_bytes(result: &Result<ToolResult, CallError>) -> u64 {
    match result {
        Ok(result) | Err(CallError::Failed(result)) => result.json.len() as u64,
        Err(_) => 0,
    }
}

/// The digest of a message, for a journal that must not have its words.
pub(crate) fn digest_of(message: Option<&str>, reason: Option<&str>) -> Option<String> {
    message.filter(|_| reason.is_none()).map(|message| hex::encode(Sha256::digest(message)))
}

/// How a call ended.
struct Ended {
    outcome: Outcome,
    message: Option<String>,
    reason: Option<String>,
    bytes_out: u64,
    attempts: u32,
    cached: bool,
    tries: Vec<Attempt>,
}

/// A call that has not ended. One whose future is dropped ends as cancelled.
pub(crate) struct OpenCall<'a> {
    session: &'a Session,
    pub(crate) number: u64,
    server: String,
    tool: String,
    bytes_in: u64,
    started: Duration,
    /// None of a call that was refused for want of a budget.
    paid: Option<Paid>,
    /// The server at which a request to several failed.
    pub(crate) failed_at: Option<String>,
    over: bool,
}

impl OpenCall<'_> {
    /// Takes a request from the budget, and a place among the requests at once for as long as the value lives.
    pub(crate) fn pay(&mut self) -> Result<PaidCall, CallError> {
        let context = &self.session.context;
        let paid = context.budget.take_call().map_err(CallError::BudgetExhausted)?;
        self.paid = Some(paid.proof());
        if self.bytes_in > context.limits.call_bytes_in {
            return Err(CallError::TooLarge(context.limits.reached(LimitKind::CallBytesIn).to_string()));
        }
        Ok(paid)
    }

    /// Records how it ended; gives the answer as the caller gets it, and the fuel to charge.
    pub(crate) fn close(&mut self, answer: Answer) -> (Result<ToolResult, CallFailure>, u64) {
        let (outcome, message, reason) = match &answer.result {
            Ok(_) => (Outcome::Ok, None, None),
            Err(error) => (error.outcome(), Some(cut(&error.to_string())), error.own_words().as_deref().map(cut)),
        };
        self.over = true;
        // A call that names a domain failed at one of its servers.
        let last = answer.tries.last().filter(|_| self.server.starts_with(DOMAIN_PREFIX));
        let failed_at = self.failed_at.take().or_else(|| last.map(|last| last.server.clone()));
        let ended = Ended {
            outcome,
            message,
            reason,
            bytes_out: result_bytes(&answer.result),
            attempts: answer.attempts,
            cached: answer.cached,
            tries: answer.tries,
        };
        let elapsed = self.record(ended);
        let failure = |error| CallFailure {
            server: failed_at.unwrap_or_else(|| std::mem::take(&mut self.server)),
            tool: std::mem::take(&mut self.tool),
            attempts: answer.attempts,
            elapsed,
            error,
        };
        (answer.result.map_err(failure), answer.fuel_used)
    }

    fn record(&mut self, ended: Ended) -> Duration {
        let elapsed = self.session.elapsed().saturating_sub(self.started);
        // What was not paid must not fill the journal.
        if let Some(paid) = self.paid.take().or_else(|| self.session.context.budget.take_refusal()) {
            let mut records = self.session.records.lock();
            let record = CallRecord {
                call: self.number,
                server: self.server.clone(),
                tool: self.tool.clone(),
                outcome: ended.outcome,
                message_sha256: digest_of(ended.message.as_deref(), ended.reason.as_deref()),
                message: ended.message,
                reason: ended.reason,
                started: self.started,
                elapsed,
                bytes_in: self.bytes_in,
                bytes_out: ended.bytes_out,
                attempts: ended.attempts,
                cached: ended.cached,
                tries: ended.tries,
            };
            // Under the lock: the journal's order is the records' order.
            self.session.note(&paid, Event::CallEnded(record.clone()));
            records.push(record);
        }
        elapsed
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        if !self.over {
            let message = Some("cancelled before it ended".to_owned());
            self.record(Ended {
                outcome: Outcome::Cancelled,
                reason: message.clone(),
                message,
                bytes_out: 0,
                attempts: 0,
                cached: false,
                tries: Vec::new(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;
    use std::sync::Arc;
    use tollgate_core::{Caller as _, Limits};
    use tollgate_journal::MemoryJournal;

    #[tokio::test]
    async fn requests_that_the_limit_refuses_do_not_fill_the_journal() {
        let journal = Arc::new(MemoryJournal::new(10_000));
        let session = testing::session(None, Limits { http_requests: 10, ..Limits::default() }, journal.clone());
        for _ in 0..1_000 {
            let request = session.http_started("GET", "https://example.com/").await.unwrap();
            session.http_ended(request, Err("refused".to_owned()));
        }
        // The run's begin, and two a request.
        assert_eq!(journal.entries().len(), 1 + 2 * (10 + 64));
    }
}
