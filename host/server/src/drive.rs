//! One request of an agent at work.
//!
//! What it does, a call or a run, goes on here until it ends. Whatever that needs of the agent's client meanwhile comes
//! here too, through its [`Client`]: progress and log lines are told on, and questions of servers are asked. A client
//! before 2026-07-28 is asked by a request, while this one waits. A later one gets the questions as the answer of its
//! request, which is parked, a task of its own by then, until it comes again with the answers.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older clients speak")]

use crate::agent::Agent;
use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt};
use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientResult, ErrorData, GetExtensions, InputRequest, InputRequests, InputRequiredResult,
    InputResponses, LoggingMessageNotificationParam, ProgressNotificationParam, RequestId, ServerRequest,
};
use rmcp::service::{OriginatingRequestId, Peer, PeerRequestOptions, RequestContext};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tollgate::{Ask, AskKind, BoxFuture, Client, Notice, RpcError};

/// Notices that wait to be told on; more are dropped.
const MAX_NOTICES: usize = 1_000;
/// How long a question waits for others to be asked in the same round.
const ROUND: Duration = Duration::from_millis(10);
/// The most of what a run writes at once that is told on as progress, in bytes.
const MAX_OUTPUT_BYTES: usize = 4 << 10;
/// How much further a run is with each thing that it writes: nothing beside its own progress, and exact in binary.
const OUTPUT_STEP: f64 = 1.0 / 1024.0;
/// Questions that wait to be asked; more wait.
const MAX_QUESTIONS: usize = 16;
/// The longest key of a question that a client answers before it is asked, in bytes.
const MAX_KEY_BYTES: usize = 256;
/// The longest such answer, in bytes. A longer one is not kept: the question is put then.
const MAX_GIVEN_BYTES: usize = 64 << 10;
/// The most that the questions of one request hold together until they are answered, in bytes; others wait. A longer
/// question is refused.
const MAX_ASKED_BYTES: u32 = 1 << 20;

/// What a request comes to: the text of its result.
pub(crate) type Outcome = Result<String, ErrorData>;

/// How far a request has come.
pub(crate) enum Driven {
    /// It ended.
    Done(String),
    /// It waits for answers.
    Wants(InputRequiredResult),
}

/// What is behind a request, and what it needs of the client.
pub(crate) struct Work {
    job: Job,
    questions: mpsc::Receiver<Question>,
    notices: mpsc::Receiver<Notice>,
    /// Questions that were put to the client and are not answered.
    open: BTreeMap<String, Question>,
    asked: u64,
    /// Answers that came with a request to questions that are not asked yet.
    given: BTreeMap<String, String>,
    /// The last progress that the client was told.
    told: f64,
}

/// A call or a run.
enum Job {
    /// Goes on while its request does, and needs no task: most do.
    Here(BoxFuture<'static, Outcome>),
    /// Goes on while no request is there for it.
    Parked(AbortOnDrop),
}

impl Job {
    async fn ended(&mut self) -> Outcome {
        let broke = |why: String| Err(ErrorData::internal_error(format!("the request ended early: {why}"), None));
        match self {
            Self::Here(job) => match AssertUnwindSafe(job).catch_unwind().await {
                Ok(outcome) => outcome,
                Err(_) => broke("it panicked".to_owned()),
            },
            Self::Parked(task) => (&mut task.0).await.unwrap_or_else(|error| broke(error.to_string())),
        }
    }

    fn parked(self) -> Self {
        match self {
            Self::Here(job) => Self::Parked(AbortOnDrop(tokio::spawn(job))),
            parked => parked,
        }
    }
}

struct AbortOnDrop(JoinHandle<Outcome>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Question {
    ask: Ask,
    reply: oneshot::Sender<Result<String, RpcError>>,
    /// Its part of [`MAX_ASKED_BYTES`].
    _room: OwnedSemaphorePermit,
}

/// The client as the host sees it.
struct Link {
    agent: Arc<str>,
    its_capabilities: ClientCapabilities,
    /// The same as text. Made when it is asked for: most servers have no question.
    capabilities: OnceLock<String>,
    log_level: Option<String>,
    questions: mpsc::Sender<Question>,
    /// The bytes of [`MAX_ASKED_BYTES`] that no question holds.
    room: Arc<Semaphore>,
    notices: mpsc::Sender<Notice>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.agent)
    }
}

impl Client for Link {
    fn agent(&self) -> &str {
        &self.agent
    }

    fn capabilities(&self) -> &str {
        self.capabilities.get_or_init(|| serde_json::to_string(&self.its_capabilities).unwrap_or_default())
    }

    fn log_level(&self) -> Option<&str> {
        self.log_level.as_deref()
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<String, RpcError>> {
        Box::pin(async move {
            let gone = |_| internal("the client is not there any more");
            let bytes = room_of(&ask)?;
            let room = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| gone(()))?;
            let (reply, answer) = oneshot::channel();
            self.questions.send(Question { ask, reply, _room: room }).await.map_err(|_| gone(()))?;
            answer.await.map_err(|_| gone(()))?
        })
    }

    fn tell(&self, notice: Notice) {
        // A client that does not keep up misses some.
        let _ = self.notices.try_send(notice);
    }
}

impl Work {
    /// Begins `work`, which is given the client that stands behind it.
    pub(crate) fn begin<F>(
        agent: &Agent,
        context: &RequestContext<RoleServer>,
        work: impl FnOnce(Arc<dyn Client>) -> F,
    ) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (question_sender, questions) = mpsc::channel(MAX_QUESTIONS);
        let (notice_sender, notices) = mpsc::channel(MAX_NOTICES);
        // What servers may ask of the client goes through here; nothing else that it can (tasks, say) does.
        let its = context.client_capabilities().unwrap_or_default();
        let mut capabilities = ClientCapabilities::default();
        capabilities.sampling = its.sampling;
        capabilities.elicitation = its.elicitation;
        capabilities.roots = its.roots;
        let link = Link {
            agent: agent.name(),
            its_capabilities: capabilities,
            capabilities: OnceLock::new(),
            log_level: agent
                .least_log(context)
                .and_then(|level| serde_json::to_value(level).ok().and_then(|level| Some(level.as_str()?.to_owned()))),
            questions: question_sender,
            room: Arc::new(Semaphore::new(MAX_ASKED_BYTES as usize)),
            notices: notice_sender,
        };
        let job = Job::Here(Box::pin(work(Arc::new(link))));
        let (open, given) = (BTreeMap::new(), BTreeMap::new());
        Self { job, questions, notices, open, asked: 0, given, told: 0.0 }
    }

    /// Goes on until it ends or waits for answers. `request` names it, as `tools/call NAME`.
    pub(crate) async fn drive(
        mut self,
        agent: &Agent,
        context: &RequestContext<RoleServer>,
        request: &str,
        responses: Option<InputResponses>,
    ) -> Result<Driven, ErrorData> {
        self.answer(responses.unwrap_or_default());
        let stateless = agent.is_stateless(context);
        let mut asking = FuturesUnordered::new();
        let timeout = agent.front().options().answer_timeout;
        loop {
            if stateless && !self.open.is_empty() {
                // Others are about to ask as well, most likely: one round for all.
                self.job = self.job.parked();
                while self.open.len() < MAX_QUESTIONS
                    && let Ok(Some(question)) = tokio::time::timeout(ROUND, self.questions.recv()).await
                {
                    self.put(question, context);
                }
                if !self.open.is_empty() {
                    return self.wait_for_answers(agent, request);
                }
            }
            tokio::select! {
                biased;
                Some(notice) = self.notices.recv() => self.told = tell(agent, context, notice, self.told).await,
                Some(question) = self.questions.recv(), if asking.len() < MAX_QUESTIONS => {
                    if stateless {
                        self.put(question, context);
                    } else if let Some(question) = refuse_what_it_cannot(question, context) {
                        asking.push(ask(context.peer.clone(), context.id.clone(), question, agent.names_servers(), timeout));
                    }
                }
                Some(()) = asking.next(), if !asking.is_empty() => {}
                outcome = self.job.ended() => {
                    while let Ok(notice) = self.notices.try_recv() {
                        self.told = tell(agent, context, notice, self.told).await;
                    }
                    return outcome.map(Driven::Done);
                }
                // What is dropped is cancelled, at the servers too.
                () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
            }
        }
    }

    /// Hands the client's answers to who asked.
    fn answer(&mut self, responses: InputResponses) {
        for (key, answer) in responses {
            match self.open.remove(&key) {
                Some(question) => drop(question.reply.send(Ok(answer.to_string()))),
                // A client may know what a server asks, and answer beforehand.
                None if self.given.len() < MAX_QUESTIONS && key.len() <= MAX_KEY_BYTES => {
                    let answer = answer.to_string();
                    if answer.len() <= MAX_GIVEN_BYTES {
                        self.given.insert(key, answer);
                    }
                }
                None => {}
            }
        }
    }

    /// Keeps a question for the answer of this request.
    fn put(&mut self, question: Question, context: &RequestContext<RoleServer>) {
        if let Some(question) = refuse_what_it_cannot(question, context) {
            if let Some(answer) = question.ask.key.as_ref().and_then(|key| self.given.remove(key)) {
                drop(question.reply.send(Ok(answer)));
                return;
            }
            let mut key = question.ask.key.clone();
            while key.as_ref().is_none_or(|key| self.open.contains_key(key)) {
                self.asked += 1;
                key = Some(format!("{}-{}", question.ask.server, self.asked));
            }
            self.open.insert(key.unwrap_or_default(), question);
        }
    }

    fn wait_for_answers(self, agent: &Agent, request: &str) -> Result<Driven, ErrorData> {
        let mut requests = InputRequests::new();
        for (key, question) in &self.open {
            let method = question.ask.kind.method();
            let whole = match attributed(&question.ask, agent.names_servers()) {
                Some(params) => json!({"method": method, "params": params}),
                None => json!({"method": method}),
            };
            let input: InputRequest = serde_json::from_value(whole).map_err(|error| {
                let server = &question.ask.server;
                ErrorData::internal_error(format!("`{server}` asks for {method} in a way that is none: {error}"), None)
            })?;
            requests.insert(key.clone(), input);
        }
        let state = agent.front().parked().park(agent.identity(), request, self)?;
        Ok(Driven::Wants(InputRequiredResult::new(Some(requests), Some(state))))
    }
}

/// How much of [`MAX_ASKED_BYTES`] a question takes, in bytes.
///
/// # Errors
/// If it takes more than there is.
fn room_of(ask: &Ask) -> Result<u32, RpcError> {
    let bytes =
        ask.params.len().saturating_add(ask.key.as_ref().map_or(0, String::len)).saturating_add(ask.server.len());
    match u32::try_from(bytes) {
        Ok(bytes) if bytes <= MAX_ASKED_BYTES => Ok(bytes),
        _ => Err(RpcError {
            code: -32602,
            message: format!(
                "`{}` asks for {} with {bytes} bytes; a client is asked with at most {MAX_ASKED_BYTES}",
                ask.server,
                ask.kind.method()
            ),
            data: None,
        }),
    }
}

/// Answers for a client that cannot, and gives the question back otherwise.
fn refuse_what_it_cannot(question: Question, context: &RequestContext<RoleServer>) -> Option<Question> {
    let capabilities = context.client_capabilities().unwrap_or_default();
    let mut needed = ClientCapabilities::default();
    let can = match question.ask.kind {
        AskKind::Sampling => {
            needed.sampling = Some(Default::default());
            capabilities.sampling.is_some()
        }
        AskKind::Roots => {
            needed.roots = Some(Default::default());
            capabilities.roots.is_some()
        }
        AskKind::Elicitation => {
            needed.elicitation = Some(Default::default());
            let params: Value = serde_json::from_str(&question.ask.params).unwrap_or_default();
            let wants_url = params.get("mode").and_then(Value::as_str) == Some("url");
            // An empty capability means forms (2025-11-25).
            capabilities
                .elicitation
                .is_some_and(|e| if wants_url { e.url.is_some() } else { e.form.is_some() || e.url.is_none() })
        }
    };
    if can {
        return Some(question);
    }
    let client =
        context.client_info().map_or_else(|| "the client".to_owned(), |info| format!("the client `{}`", info.name));
    let Ask { server, kind, .. } = &question.ask;
    let error = ErrorData::missing_required_client_capability(needed);
    let message = format!("`{server}` asks for {}, which {client} does not support", kind.method());
    let data = error.data.map(|data| data.to_string());
    let _ = question.reply.send(Err(RpcError { code: i64::from(error.code.0), message, data }));
    None
}

/// Asks a client by a request, and hands the answer on.
async fn ask(peer: Peer<RoleServer>, of: RequestId, mut question: Question, names_servers: bool, timeout: Duration) {
    let answer = tokio::select! {
        answer = ask_peer(&peer, of, &question.ask, names_servers, timeout) => answer,
        // Who asked is not interested any more.
        () = question.reply.closed() => return,
    };
    let _ = question.reply.send(answer);
}

async fn ask_peer(
    peer: &Peer<RoleServer>,
    of: RequestId,
    ask: &Ask,
    names_servers: bool,
    timeout: Duration,
) -> Result<String, RpcError> {
    let method = ask.kind.method();
    let malformed = |error: serde_json::Error| RpcError {
        code: -32602,
        message: format!("the params of {method} do not fit: {error}"),
        data: None,
    };
    let params = attributed(ask, names_servers).unwrap_or_default();
    let mut request =
        serde_json::from_value::<ServerRequest>(json!({"method": method, "params": params})).map_err(malformed)?;
    // It goes on the stream of the request that it is about.
    request.extensions_mut().insert(OriginatingRequestId(of));
    let options = PeerRequestOptions::with_timeout(timeout);
    let sent = peer.send_cancellable_request(request, options).await;
    let answer = match sent {
        Ok(handle) => handle.await_response().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(result) => serde_json::to_string::<ClientResult>(&result).map_err(malformed),
        Err(rmcp::ServiceError::McpError(error)) => Err(RpcError {
            code: i64::from(error.code.0),
            message: error.message.into_owned(),
            data: error.data.map(|data| data.to_string()),
        }),
        Err(error) => Err(internal(&format!("the client did not answer {method}: {error}"))),
    }
}

/// The question's params, with who asks: people and clients must know it.
fn attributed(ask: &Ask, in_words: bool) -> Option<Value> {
    let mut params: Value = serde_json::from_str(&ask.params).unwrap_or_default();
    let members = params.as_object_mut()?;
    if ask.kind == AskKind::Roots && members.is_empty() {
        return None;
    }
    if in_words
        && ask.kind == AskKind::Elicitation
        && let Some(Value::String(message)) = members.get_mut("message")
    {
        *message = format!("{} asks: {message}", ask.server);
    }
    let meta = members.entry("_meta").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        meta.insert("io.tollgate/server".to_owned(), Value::from(ask.server.as_str()));
    }
    Some(params)
}

/// Tells the client. One that is gone misses it. `told` is the last progress that it was told; gives what it is now.
async fn tell(agent: &Agent, context: &RequestContext<RoleServer>, notice: Notice, told: f64) -> f64 {
    let (done, total, message) = match notice {
        Notice::Progress { done, total, message } => (done, total, message),
        // What it writes is progress too, and MCP wants progress to grow.
        Notice::Output { text, .. } => {
            (told + OUTPUT_STEP, None, Some(cut(text.trim_end_matches('\n'), MAX_OUTPUT_BYTES)))
        }
        Notice::Log { level, logger, data } => {
            let Some(level) = agent.wants_log(context, &level) else { return told };
            let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
            let params = LoggingMessageNotificationParam::new(level, data).with_logger(logger);
            told_by_peer(context, context.peer.notify_logging_message(params)).await;
            return told;
        }
    };
    if let Some(token) = context.meta.get_progress_token() {
        let mut params = ProgressNotificationParam::new(token, done);
        (params.total, params.message) = (total, message);
        told_by_peer(context, context.peer.notify_progress(params)).await;
    }
    done
}

/// Waits until it is told, or nobody tells anything any more.
async fn told_by_peer<T>(context: &RequestContext<RoleServer>, told: impl Future<Output = T>) {
    match context.extensions.get::<Arc<crate::link::Link>>() {
        Some(link) => link.tell(told).await,
        None => drop(told.await),
    }
}

fn cut(text: &str, max_bytes: usize) -> String {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or_default().to_owned()
}

fn internal(message: &str) -> RpcError {
    RpcError { code: -32603, message: message.to_owned(), data: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(bytes: usize) -> Ask {
        Ask { server: "s".to_owned(), key: None, kind: AskKind::Elicitation, params: "x".repeat(bytes) }
    }

    #[tokio::test]
    async fn questions_of_a_request_wait_for_room() {
        let (questions, mut asked) = mpsc::channel(MAX_QUESTIONS);
        let link = Link {
            agent: "a".into(),
            its_capabilities: ClientCapabilities::default(),
            capabilities: OnceLock::new(),
            log_level: None,
            questions,
            room: Arc::new(Semaphore::new(MAX_ASKED_BYTES as usize)),
            notices: mpsc::channel(1).0,
        };
        let half = MAX_ASKED_BYTES as usize / 2;
        let (mut first, mut second) = (link.ask(question(half)), link.ask(question(half + 1)));
        assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        let sent = asked.try_recv().unwrap();
        assert!(asked.try_recv().is_err(), "there is no room for the second question");
        sent.reply.send(Ok("{}".to_owned())).unwrap();
        drop(sent._room);
        assert_eq!(first.await, Ok("{}".to_owned()));
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(asked.try_recv().unwrap().ask.params.len(), half + 1);
    }

    #[test]
    fn question_longer_than_the_bound_is_refused() {
        let too_long = room_of(&question(MAX_ASKED_BYTES as usize)).unwrap_err();
        assert_eq!(
            too_long.message,
            "`s` asks for elicitation/create with 1048577 bytes; a client is asked with at most 1048576"
        );
    }
}
