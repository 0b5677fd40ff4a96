//! Whose requests are in flight at a server: to whom its questions, its progress and its log lines go.
//!
//! The protocol names the request that a message belongs to only in part: progress by its token, and over
//! Streamable HTTP by the stream on which a message comes. On a single stream (stdio, HTTP+SSE) a question
//! may belong to any request in flight; it is passed on only when all of these are one agent's. A request without a client
//! (REST, command line, library) is nobody's who can be asked, so it counts as another's. So does, for a while, a request that was given
//! up: its server may go on with it. Nobody sees what may be somebody else's.
//!
//! Whose a message is, is decided when it is read. Later its request may be over, and another agent's the only one left.

use parking_lot::Mutex;
use rmcp::model::{ClientCapabilities, ClientJsonRpcMessage, GetExtensions, GetMeta, ProgressToken, RequestId};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tollgate_core::{AskKind, Client, Clock, Notice};

/// Longest message of a progress notification or log line that is passed on, in bytes.
const MAX_NOTICE_BYTES: usize = 64 << 10;
/// How long a request that was given up counts as in flight: as long as a person may take for an answer.
const GIVEN_UP_COUNTS: Duration = Duration::from_secs(10 * 60);
/// The most agents of which requests that were given up are told apart. Of more, one entry stands for all.
const MAX_GIVEN_UP: usize = 64;
/// The most questions that were read and not put yet. The oldest give way, and are refused.
const MAX_UNPUT: usize = 64;

/// One request in flight whose client can be asked and told.
pub(crate) struct Caller {
    pub(crate) client: Arc<dyn Client>,
    clock: Arc<dyn Clock>,
    /// Known once the message is on its way.
    sent: OnceLock<(RequestId, Option<ProgressToken>)>,
    asking: Mutex<Asking>,
    asked: AtomicBool,
}

/// How long the request has waited for its client, which is not the server's fault.
#[derive(Default)]
struct Asking {
    open: u32,
    since: Duration,
    waited: Duration,
}

impl Caller {
    /// What the client behind the request can do.
    pub(crate) fn capabilities(&self) -> ClientCapabilities {
        serde_json::from_str(self.client.capabilities()).unwrap_or_default()
    }

    /// The time that was spent asking the client since this was asked last.
    pub(crate) fn take_waited(&self) -> Duration {
        let mut asking = self.asking.lock();
        let mut waited = std::mem::take(&mut asking.waited);
        if asking.open > 0 {
            let now = self.clock.monotonic();
            // Never nothing while a question is open, however coarse the clock.
            waited += now.saturating_sub(asking.since).max(Duration::from_millis(100));
            asking.since = now;
        }
        waited
    }

    /// Whether its answer may have come of a question to the client.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Notes that the client is being asked, until the value is dropped.
    pub(crate) fn asking(self: &Arc<Self>) -> impl Drop + use<> {
        struct Open(Arc<Caller>);
        impl Drop for Open {
            fn drop(&mut self) {
                let mut asking = self.0.asking.lock();
                asking.open -= 1;
                if asking.open == 0 {
                    let since = asking.since;
                    asking.waited += self.0.clock.monotonic().saturating_sub(since);
                }
            }
        }
        self.asked.store(true, Ordering::Relaxed);
        let mut asking = self.asking.lock();
        if asking.open == 0 {
            asking.since = self.clock.monotonic();
        }
        asking.open += 1;
        Open(self.clone())
    }
}

/// Travels with a request of rmcp to our transports, and never on the wire.
#[derive(Clone)]
pub(crate) struct Slot(pub(crate) Arc<Caller>);

/// The requests in flight at one server.
pub(crate) struct Callers {
    pub(crate) server: String,
    clock: Arc<dyn Clock>,
    flight: Mutex<Flight>,
    /// How many are in flight without a client.
    without_client: AtomicUsize,
    /// How many questions came that may have been about a request without a client.
    loose_questions: AtomicU64,
}

#[derive(Default)]
struct Flight {
    /// Those that have a client.
    open: Vec<Arc<Caller>>,
    given_up: Vec<GivenUp>,
    /// Questions that name no request, by the server's identity of them, and whom each was for when it was read.
    unput: VecDeque<(RequestId, Option<Arc<Caller>>)>,
}

/// A request that its caller gave up. The server may go on with it, and ask.
struct GivenUp {
    /// `None` for a request without a client.
    agent: Option<String>,
    since: Duration,
}

/// A request in flight, until it is dropped.
pub(crate) struct Place<'a> {
    callers: &'a Callers,
    /// `None` for a request without a client.
    pub(crate) caller: Option<Arc<Caller>>,
    /// The loose questions before it.
    before: u64,
    answered: bool,
}

impl Place<'_> {
    /// Notes that the server is done with the request: there is an answer, or the connection is lost.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
    }

    /// Whether the answer may have come of a question. Where there is no client the question was refused, and what came of that is
    /// no answer for others either.
    pub(crate) fn was_asked(&self) -> bool {
        match &self.caller {
            Some(caller) => caller.was_asked(),
            None => self.callers.loose_questions.load(Ordering::Relaxed) != self.before,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // First, so that there is no moment in which it is neither in flight nor given up.
        if !self.answered {
            let agent = self.caller.as_ref().map(|caller| caller.client.agent());
            self.callers.flight.lock().give_up(agent, self.callers.clock.monotonic());
        }
        match &self.caller {
            Some(caller) => self.callers.flight.lock().open.retain(|c| !Arc::ptr_eq(c, caller)),
            None => {
                self.callers.without_client.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}

impl Flight {
    fn give_up(&mut self, agent: Option<&str>, now: Duration) {
        self.given_up.retain(|old| now.saturating_sub(old.since) < GIVEN_UP_COUNTS && old.agent.as_deref() != agent);
        if self.given_up.len() >= MAX_GIVEN_UP {
            self.given_up.clear();
            self.given_up.push(GivenUp { agent: None, since: now });
        }
        self.given_up.push(GivenUp { agent: agent.map(str::to_owned), since: now });
    }
}

impl Callers {
    pub(crate) fn new(server: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            server: server.to_owned(),
            clock,
            flight: Mutex::default(),
            without_client: AtomicUsize::new(0),
            loose_questions: AtomicU64::new(0),
        })
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Begins with a new stream, at whose other end nobody has heard of earlier requests.
    pub(crate) fn begin_stream(&self) {
        let mut flight = self.flight.lock();
        flight.given_up.clear();
        flight.unput.clear();
    }

    /// Enters a request: of `client`, if it has one.
    pub(crate) fn enter(&self, client: Option<&Arc<dyn Client>>) -> Place<'_> {
        let before = self.loose_questions.load(Ordering::Relaxed);
        let caller = client.map(|client| {
            Arc::new(Caller {
                client: client.clone(),
                clock: self.clock.clone(),
                sent: OnceLock::new(),
                asking: Mutex::default(),
                asked: AtomicBool::new(false),
            })
        });
        match &caller {
            Some(caller) => self.flight.lock().open.push(caller.clone()),
            None => {
                self.without_client.fetch_add(1, Ordering::SeqCst);
            }
        }
        Place { callers: self, caller, before, answered: false }
    }

    /// Notes under which identity a request goes out.
    pub(crate) fn sent(message: &ClientJsonRpcMessage) {
        if let ClientJsonRpcMessage::Request(request) = message
            && let Some(Slot(caller)) = request.request.extensions().get::<Slot>()
        {
            let token = request.request.get_meta().get_progress_token();
            let _ = caller.sent.set((request.id.clone(), token));
        }
    }

    /// The caller whose request has this identity.
    pub(crate) fn of_request(&self, id: &RequestId) -> Option<Arc<Caller>> {
        self.flight.lock().open.iter().find(|c| c.sent.get().is_some_and(|(sent, _)| sent == id)).cloned()
    }

    /// Notes a request of the server as it is read. `request` is the request of ours on whose stream it came, where that is known.
    pub(crate) fn questioned(&self, id: RequestId, method: &str, request: Option<&RequestId>) {
        if AskKind::of(method).is_none() {
            return;
        }
        if let Some(request) = request {
            match self.of_request(request) {
                Some(caller) => caller.asked.store(true, Ordering::Relaxed),
                None => {
                    self.loose_questions.fetch_add(1, Ordering::Relaxed);
                }
            }
            return;
        }
        // It may be about any in flight.
        self.loose_questions.fetch_add(1, Ordering::Relaxed);
        let mut flight = self.flight.lock();
        flight.open.iter().for_each(|caller| caller.asked.store(true, Ordering::Relaxed));
        let whose = self.only(&flight);
        if flight.unput.len() >= MAX_UNPUT {
            flight.unput.pop_front();
        }
        flight.unput.push_back((id, whose));
    }

    /// Whom a question is for that names no request, as it was when the question was read.
    pub(crate) fn whose(&self, id: &RequestId) -> Option<Arc<Caller>> {
        let mut flight = self.flight.lock();
        let at = flight.unput.iter().position(|(unput, _)| unput == id)?;
        flight.unput.remove(at)?.1
    }

    /// The latest caller, if all that are in flight, or may still be for the server, belong to one agent.
    fn only(&self, flight: &Flight) -> Option<Arc<Caller>> {
        if self.without_client.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let last = flight.open.last()?;
        let agent = last.client.agent();
        let now = self.clock.monotonic();
        let is_anothers =
            |up: &GivenUp| up.agent.as_deref() != Some(agent) && now.saturating_sub(up.since) < GIVEN_UP_COUNTS;
        let all_its_own = flight.open.iter().all(|c| c.client.agent() == agent);
        (all_its_own && !flight.given_up.iter().any(is_anothers)).then(|| last.clone())
    }

    fn of_token(&self, token: &ProgressToken) -> Option<Arc<Caller>> {
        let is_it = |c: &&Arc<Caller>| c.sent.get().is_some_and(|(_, sent)| sent.as_ref() == Some(token));
        self.flight.lock().open.iter().find(is_it).cloned()
    }

    /// Passes on a notification. `request` is the request on whose stream it came, where that is known. Done
    /// as the message arrives, so that what is told stays in order, and before the answer.
    pub(crate) fn heard(&self, method: &str, params: Option<&RawValue>, request: Option<&RequestId>) {
        let Some(params) = params.map(RawValue::get).filter(|p| p.len() <= MAX_NOTICE_BYTES) else { return };
        if self.flight.lock().open.is_empty() {
            return;
        }
        match method {
            "notifications/progress" => {
                #[derive(Deserialize)]
                #[serde(rename_all = "camelCase")]
                struct Progress {
                    progress_token: ProgressToken,
                    progress: f64,
                    #[serde(default)]
                    total: Option<f64>,
                    #[serde(default)]
                    message: Option<String>,
                }
                let Ok(progress) = serde_json::from_str::<Progress>(params) else { return };
                if let Some(caller) = self.of_token(&progress.progress_token) {
                    let Progress { progress: done, total, message, .. } = progress;
                    caller.client.tell(Notice::Progress { done, total, message });
                }
            }
            "notifications/message" => {
                #[derive(Deserialize)]
                struct Log<'a> {
                    #[serde(borrow)]
                    level: Cow<'a, str>,
                    #[serde(default)]
                    logger: Option<String>,
                    #[serde(borrow)]
                    data: &'a RawValue,
                }
                let Ok(log) = serde_json::from_str::<Log<'_>>(params) else { return };
                let caller = request.map_or_else(|| self.only(&self.flight.lock()), |id| self.of_request(id));
                if let Some(caller) = caller {
                    let logger = match log.logger {
                        Some(logger) => format!("{}/{logger}", self.server),
                        None => self.server.clone(),
                    };
                    let (level, data) = (log.level.into_owned(), log.data.get().to_owned());
                    caller.client.tell(Notice::Log { level, logger, data });
                }
            }
            _ => {}
        }
    }
}
