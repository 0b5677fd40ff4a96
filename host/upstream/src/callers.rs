//! Whose requests are in flight at a server: to whom its questions, its progress and its log lines go.
//!
//! The protocol names the request that a message belongs to only in part: progress by its token, and over
//! Streamable HTTP by the stream on which a message comes. On a single stream (stdio, HTTP+SSE) a question
//! may belong to any request in flight; it is passed on only when all of these are one agent's. Nobody sees
//! what may be somebody else's.

use parking_lot::Mutex;
use rmcp::model::{ClientCapabilities, ClientJsonRpcMessage, GetExtensions, GetMeta, ProgressToken, RequestId};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tollgate_core::{Client, Clock, Notice};

/// Longest message of a progress notification or log line that is passed on, in bytes.
const MAX_NOTICE_BYTES: usize = 64 << 10;

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

/// The requests in flight at one server that have a client.
pub(crate) struct Callers {
    pub(crate) server: String,
    clock: Arc<dyn Clock>,
    open: Mutex<Vec<Arc<Caller>>>,
}

/// A place among the callers, given up when it is dropped.
pub(crate) struct Place {
    callers: Arc<Callers>,
    pub(crate) caller: Arc<Caller>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.callers.open.lock().retain(|c| !Arc::ptr_eq(c, &self.caller));
    }
}

impl Callers {
    pub(crate) fn new(server: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { server: server.to_owned(), clock, open: Mutex::default() })
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Takes a place for a request of `client`.
    pub(crate) fn enter(self: &Arc<Self>, client: &Arc<dyn Client>) -> Place {
        let caller = Arc::new(Caller {
            client: client.clone(),
            clock: self.clock.clone(),
            sent: OnceLock::new(),
            asking: Mutex::default(),
            asked: AtomicBool::new(false),
        });
        self.open.lock().push(caller.clone());
        Place { callers: self.clone(), caller }
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
        self.open.lock().iter().find(|c| c.sent.get().is_some_and(|(sent, _)| sent == id)).cloned()
    }

    /// Whom a question is for that names no request: it may be for any in flight.
    pub(crate) fn asked(&self) -> Option<Arc<Caller>> {
        self.open.lock().iter().for_each(|caller| caller.asked.store(true, Ordering::Relaxed));
        self.only()
    }

    /// The latest caller, if all that are in flight belong to one agent.
    pub(crate) fn only(&self) -> Option<Arc<Caller>> {
        let open = self.open.lock();
        let last = open.last()?;
        open.iter().all(|c| c.client.agent() == last.client.agent()).then(|| last.clone())
    }

    fn of_token(&self, token: &ProgressToken) -> Option<Arc<Caller>> {
        let is_it = |c: &&Arc<Caller>| c.sent.get().is_some_and(|(_, sent)| sent.as_ref() == Some(token));
        self.open.lock().iter().find(is_it).cloned()
    }

    /// Passes on a notification. `request` is the request on whose stream it came, where that is known. Done
    /// as the message arrives, so that what is told stays in order, and before the answer.
    pub(crate) fn heard(&self, method: &str, params: Option<&RawValue>, request: Option<&RequestId>) {
        let Some(params) = params.map(RawValue::get).filter(|p| p.len() <= MAX_NOTICE_BYTES) else { return };
        if self.open.lock().is_empty() {
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
                let caller = request.map_or_else(|| self.only(), |id| self.of_request(id));
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
