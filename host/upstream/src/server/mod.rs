//! One server of the fleet: keeps it connected; `calls` answers calls over the connection, `phase` says how far it is,
//! `lazy` starts it when it is wanted and stops it when it is not.
//!
//! A task of its own connects, serves until the connection is lost, and tries again: at once after a
//! connection that had lasted, else after a random part of a growing delay (full jitter). It never gives up.
//! A slow, missing, crashing or lying server is a matter of its own task alone.

mod calls;
mod lazy;
mod phase;

use crate::auth::access::ServerAuth;
use crate::auth::spec::{AuthSpec, OAuthSpec};
use crate::auth::store::Logins;
use crate::callers::Callers;
use crate::catalog::{Catalog, Entry};
use crate::client::{Fault, Lifecycle, Lists, OurSide, Session};
use crate::connect::{Connected, Explained, Link, Remains, connect};
use crate::http::HttpClients;
use crate::kept::CatalogStore;
use crate::pins::Pins;
use crate::spec::{ServerSpec, Transport};
use crate::status::{ServerState, ServerStatus};
use crate::text::clean;
use crate::within;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use phase::{Failure, Live, Phase};
use rmcp::model::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_core::{Change, Clock, Entropy};
use tollgate_route::RouteSpec;

/// The ceiling of the first delay, doubled by each failure in a row.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A connection that lasted this long counts as sound: the count of failures begins anew.
const SOUND: Duration = Duration::from_secs(10);
/// How often at most the tools are read again.
const REFRESH_PAUSE: Duration = Duration::from_millis(200);
/// How long a session may take to close.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// What all servers of a fleet share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) http: HttpClients,
    /// Counts the changes.
    pub(crate) version: AtomicU64,
    /// Who hears of every change.
    pub(crate) changes: broadcast::Sender<Change>,
    /// Whether runs have clients that can be asked.
    pub(crate) has_clients: bool,
    pub(crate) logins: Logins,
    pub(crate) pins: Pins,
    /// Where the catalogs of lazy servers are kept.
    pub(crate) catalogs: Option<CatalogStore>,
}

/// How one connection ended.
struct Ended {
    why: String,
    /// Whether authorisation would help.
    needs_auth: bool,
    /// How long it stood.
    lasted: Duration,
    /// It was closed because nobody needed it, or because of one exchange over HTTP: no reason to be slow with the next.
    in_order: bool,
}

/// One server.
pub(crate) struct Server {
    pub(crate) spec: ServerSpec,
    /// Of the spec, for routing, which looks at them for every call.
    pub(crate) name: Arc<str>,
    pub(crate) route: Arc<RouteSpec>,
    pub(crate) shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    /// The tools as last read; they outlive a lost connection.
    pub(crate) catalog: ArcSwap<Catalog>,
    /// Held while the catalog is judged and replaced.
    pub(crate) judging: tokio::sync::Mutex<()>,
    connect_ms: Mutex<Option<u64>>,
    /// Why the last try failed, until one succeeds.
    last_error: Mutex<Option<String>>,
    /// The generations up to this one are found lost, whatever the phase still says.
    lost: AtomicU64,
    /// Those who use it, or wait to: calls, queries, lists.
    uses: TaskTracker,
    /// Counts the uses.
    used: AtomicU64,
    /// Somebody waits for a lazy server that is idle.
    wanted: Notify,
    /// Which lists it has, as last heard.
    lists: Mutex<Lists>,
    /// Whether it refused `initialize`, which it was sent because it had not answered yet: it starts slowly and speaks 2026-07-28.
    refused_initialize: AtomicBool,
    /// Whether its tools are known, from itself or from the catalog that was kept.
    learned: AtomicBool,
    /// Connections that are given up, and finish what is in flight.
    closing: TaskTracker,
    /// Its authorisation, if that is OAuth; an error when there can be none.
    auth: Result<Option<Arc<ServerAuth>>, String>,
    /// Counts how often somebody wanted it connected anew.
    anew: watch::Sender<u64>,
    stop: CancellationToken,
    callers: Arc<Callers>,
    /// Counts how often its tools were asked for while it was connected, whatever came of it.
    asked: watch::Sender<u64>,
    /// How many want to hear of each resource, by URI.
    subscribed: watch::Sender<BTreeMap<String, usize>>,
}

impl Server {
    pub(crate) fn new(spec: ServerSpec, shared: Arc<Shared>, stop: CancellationToken) -> Arc<Self> {
        let uses = TaskTracker::new();
        // So that it can be waited for; it can be used all the same.
        uses.close();
        let began = shared.clock.monotonic();
        Arc::new(Self {
            callers: Callers::new(&spec.name, shared.clock.clone()),
            subscribed: watch::Sender::default(),
            auth: auth_of(&spec, &shared),
            anew: watch::Sender::new(0),
            asked: watch::Sender::new(0),
            name: spec.name.as_str().into(),
            route: Arc::new(spec.route.clone()),
            spec,
            shared,
            phase: watch::Sender::new(Phase::Connecting(began)),
            catalog: ArcSwap::default(),
            judging: tokio::sync::Mutex::default(),
            connect_ms: Mutex::default(),
            last_error: Mutex::default(),
            lost: AtomicU64::new(0),
            uses,
            used: AtomicU64::new(0),
            wanted: Notify::new(),
            lists: Mutex::default(),
            refused_initialize: AtomicBool::new(false),
            learned: AtomicBool::new(false),
            closing: TaskTracker::new(),
            stop,
        })
    }

    /// Keeps the server connected until it is stopped.
    pub(crate) async fn run(self: Arc<Self>) {
        self.recall().await;
        let (mut failures, mut generation) = (0, 0);
        while !self.stop.is_cancelled() {
            let mut anew = self.anew.subscribe();
            if self.is_unneeded() {
                self.idle(&mut anew).await;
                if self.stop.is_cancelled() {
                    break;
                }
            }
            generation += 1;
            self.set_phase(self.connecting());
            let mut remains = Remains::default();
            let Ended { why, needs_auth, lasted, in_order } = self.one_connection(generation, &mut remains).await;
            if self.stop.is_cancelled() {
                break;
            }
            if in_order || anew.has_changed().unwrap_or(false) {
                failures = 0;
                continue;
            }
            failures = if lasted >= SOUND { 0 } else { failures + 1 };
            let delay = self.delay(failures);
            let retry_at = self.shared.clock.monotonic() + delay;
            tracing::warn!(target: crate::LOG, server = %self.spec.name, retry_ms = delay.as_millis(), "{why}");
            if failures > 0 {
                *self.last_error.lock() = Some(why.clone());
                self.set_phase(Phase::Failed(Arc::new(Failure { why, needs_auth, retry_at })));
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => {}
                    _ = anew.changed() => failures = 0,
                    () = self.shared.clock.sleep(delay) => {}
                }
            }
        }
        self.closing.close();
        self.closing.wait().await;
        self.set_phase(Phase::Stopped);
    }

    /// Connects and serves.
    async fn one_connection(&self, generation: u64, remains: &mut Remains) -> Ended {
        let clock = &*self.shared.clock;
        let begun = clock.monotonic();
        let connecting = async {
            let auth = self.auth.as_ref().map_err(|why| Fault::NotSent(why.clone()))?;
            connect(&self.spec, &self.shared.http, self.side(), auth.as_ref(), remains).await
        };
        let connecting = within(clock, self.spec.connect_timeout, connecting);
        let connected = tokio::select! {
            () = self.stop.cancelled() => None,
            connected = connecting => Some(connected),
        };
        let fault = match connected {
            Some(Some(Ok(connected))) => {
                let ready = clock.monotonic();
                let connect_ms = u64::try_from((ready - begun).as_millis()).unwrap_or(u64::MAX);
                *self.connect_ms.lock() = Some(connect_ms);
                *self.last_error.lock() = None;
                tracing::info!(target: crate::LOG, server = %self.spec.name, connect_ms, "ready");
                let (live, in_order) = self.serve(connected, generation).await;
                let lasted = clock.monotonic() - ready;
                let why = self.lost(remains.explain(clock, "the connection was lost", false).await);
                live.ended.send_replace(Some(why.clone()));
                return Ended { why, needs_auth: false, lasted, in_order };
            }
            Some(Some(Err(fault))) => Some(fault),
            Some(None) => None,
            None => {
                remains.explain(clock, "", false).await;
                return Ended { why: String::new(), needs_auth: false, lasted: Duration::ZERO, in_order: false };
            }
        };
        let saw = fault.as_ref().map_or_else(
            || format!("was not ready within {}", crate::duration_text(self.spec.connect_timeout)),
            Fault::describe,
        );
        // An answer that was understood says more than how the process ended.
        let said_why = !matches!(&fault, Some(Fault::Lost(_)) | Some(Fault::NotSent(_)));
        let why = self.scrub(&remains.explain(clock, &saw, said_why).await.whole());
        let needs_auth = matches!(fault, Some(Fault::Auth(_)));
        let refused =
            matches!(&fault, Some(Fault::Rpc(error)) if error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION);
        // At once again, and then without `initialize`; where that fails too, from the beginning.
        let in_order = refused && !self.refused_initialize.load(Ordering::Relaxed);
        self.refused_initialize.store(in_order, Ordering::Relaxed);
        Ended { why, needs_auth, lasted: Duration::ZERO, in_order }
    }

    /// Why a connection was lost, for its callers. What the server wrote meanwhile goes to the log: it may quote the
    /// arguments of one caller, and every caller is told why.
    fn lost(&self, explained: Explained) -> String {
        let why = self.scrub(&explained.why);
        let Some(wrote) = explained.wrote else { return why };
        tracing::error!(target: crate::LOG, server = %self.spec.name, "{why}; {}", self.scrub(&wrote));
        format!("{why}; what it wrote is in the host's log")
    }

    fn side(&self) -> OurSide {
        OurSide {
            callers: self.callers.clone(),
            changes: self.shared.changes.clone(),
            has_clients: self.shared.has_clients,
            subscribed: self.subscribed.clone(),
            lifecycle: match self.refused_initialize.load(Ordering::Relaxed) {
                true => Lifecycle::Discover,
                false => Lifecycle::Auto,
            },
        }
    }

    pub(crate) fn changed(&self, change: Change) {
        self.shared.version.fetch_add(1, Ordering::Release);
        // Nobody may be listening.
        let _ = self.shared.changes.send(change);
    }

    /// Serves until the connection is lost, nobody needs the server, or it is stopped. Tells which connection it was, and
    /// whether the next may follow at once.
    async fn serve(&self, connected: Connected, generation: u64) -> (Arc<Live>, bool) {
        let Connected { link, end, tools, lists, transport } = connected;
        let is_news = self.learn(tools, lists).await;
        // Who asked while it was connecting has what they wanted.
        let mut anew = self.anew.subscribe();
        let live = Arc::new(Live::new(link, generation, transport));
        self.set_phase(Phase::Ready(live.clone()));
        if is_news {
            let server = || self.spec.name.clone();
            for change in [Change::Tools, Change::Resources { server: server() }, Change::Prompts { server: server() }]
            {
                self.changed(change);
            }
        }
        let (Some(mut end), Link::Mcp(session)) = (end, &live.link) else {
            let unneeded = tokio::select! {
                () = self.stop.cancelled() => false,
                () = self.watch_approvals() => false,
                () = self.unneeded(&live) => true,
            };
            return (live.clone(), unneeded);
        };
        // Over HTTP one exchange may be lost, and the others go on.
        let may_drain = matches!(self.spec.transport, Transport::Http { .. });
        let (unneeded, drain) = tokio::select! {
            () = self.stop.cancelled() => (false, false),
            () = live.found_lost.cancelled() => (false, may_drain),
            _ = anew.changed() => (false, may_drain),
            () = end.lost() => (false, false),
            () = self.unneeded(&live) => (true, false),
            () = async {
                tokio::join!(session.listen(), self.refresh(session), session.subscribe_anew(), self.watch_approvals());
            } => (false, false),
        };
        if !unneeded {
            self.set_phase(self.connecting());
            if !self.is_listed_always() {
                self.changed(Change::Tools);
            }
        }
        let clock = self.shared.clock.clone();
        if drain {
            let (stop, old) = (self.stop.clone(), live.clone());
            self.closing.spawn(async move {
                // Each call in flight has a timeout of its own.
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = old.in_flight.wait() => {}
                }
                let _ = within(&*clock, CLOSE_GRACE, end.close()).await;
            });
        } else {
            let _ = within(&*clock, CLOSE_GRACE, end.close()).await;
        }
        (live.clone(), unneeded || drain)
    }

    /// Reads the tools again whenever the server says that they changed. Never returns.
    async fn refresh(&self, session: &Session) {
        let clock = &*self.shared.clock;
        loop {
            session.changed.notified().await;
            match within(clock, self.spec.connect_timeout, session.tools(&self.spec)).await {
                Some(Ok(tools)) => {
                    self.learn(tools, session.lists()).await;
                    self.changed(Change::Tools);
                }
                other => {
                    let why = other.and_then(Result::err).map_or("no answer in time".to_owned(), |f| f.describe());
                    let (server, why) = (&self.spec.name, self.scrub(&why));
                    tracing::warn!(target: crate::LOG, %server, "its tools changed, but could not be read: {why}");
                }
            }
            self.asked.send_modify(|count| *count += 1);
            clock.sleep(REFRESH_PAUSE).await;
        }
    }

    /// Has the server asked for its tools anew, also where it has not said that they changed, and waits for that up to the connect
    /// timeout. However many want it at once, it is asked once or twice. One that is not connected is left alone.
    pub(crate) async fn ask_anew(&self) {
        let Phase::Ready(live) = self.phase.borrow().clone() else { return };
        let Link::Mcp(session) = &live.link else { return };
        let mut asked = self.asked.subscribe();
        let before = *asked.borrow_and_update();
        session.changed.notify_one();
        for kind in
            [Change::Resources { server: self.spec.name.clone() }, Change::Prompts { server: self.spec.name.clone() }]
        {
            self.changed(kind);
        }
        // Who closes it ends the server too.
        let asked = asked.wait_for(|count| *count != before);
        drop(within(&*self.shared.clock, self.spec.connect_timeout, asked).await);
    }

    fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let ceiling = FIRST_DELAY.saturating_mul(1 << doublings.min(16)).min(LONGEST_DELAY);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.shared.entropy.next_u64() % (millis + 1))
    }

    /// Text about the server, fit to be shown: no secret of its configuration, no control characters.
    fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // Short values are words that stand anywhere, and no secrets.
        for secret in self.spec.transport.secrets().filter(|s| s.len() >= 6) {
            text = text.replace(secret, "***");
            if let Some((_, token)) = secret.split_once(' ').filter(|(_, token)| token.len() >= 6) {
                text = text.replace(token, "***");
            }
        }
        for secret in self.auth().iter().flat_map(|auth| auth.secrets()).filter(|s| s.expose().len() >= 6) {
            text = text.replace(secret.expose(), "***");
        }
        clean(&text, 4_000)
    }

    /// Its authorisation, if that is OAuth.
    pub(crate) fn auth(&self) -> Option<&Arc<ServerAuth>> {
        self.auth.as_ref().ok().and_then(Option::as_ref)
    }

    /// Connects anew, whatever state it is in. Who waits for it from now on waits for the new connection.
    pub(crate) fn reconnect(&self) {
        self.phase.send_if_modified(|phase| match phase {
            Phase::Stopped | Phase::Connecting(_) => false,
            _ => {
                *phase = self.connecting();
                true
            }
        });
        self.anew.send_modify(|count| *count += 1);
    }

    /// The tool as last read, connected or not.
    pub(crate) fn known(&self, tool: &str) -> Option<Arc<Entry>> {
        self.catalog.load().get(tool).cloned()
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Lets calls in flight finish, for at most `grace`, then stops.
    pub(crate) async fn retire(&self, grace: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            _ = within(&*self.shared.clock, grace, self.uses.wait()) => self.stop.cancel(),
        }
    }

    /// How far it is, and why no further.
    pub(crate) fn state(&self) -> (ServerState, Option<String>) {
        match &*self.phase.borrow() {
            Phase::Connecting(since) => {
                let last = self.last_error.lock().clone();
                (ServerState::Connecting, last.or_else(|| self.silence(*since)))
            }
            Phase::Idle => (ServerState::Idle, self.last_error.lock().clone()),
            // Its task is about to see it.
            Phase::Ready(live) if self.is_lost(live) => (ServerState::Connecting, None),
            Phase::Ready(_) => (ServerState::Ready, None),
            Phase::Failed(failure) => (ServerState::Failed, Some(failure.why.clone())),
            Phase::Stopped => (ServerState::Stopped, None),
        }
    }

    pub(crate) fn status(&self) -> ServerStatus {
        let (state, error) = self.state();
        let phase = self.phase.borrow().clone();
        let live = match &phase {
            Phase::Ready(live) => Some(live),
            _ => None,
        };
        let session = live.and_then(|l| match &l.link {
            Link::Mcp(session) => Some(session),
            Link::Provider(_) => None,
        });
        ServerStatus {
            name: self.spec.name.clone(),
            state,
            transport: live.map_or(self.spec.transport.name(), |l| l.transport),
            protocol: session.map(|s| s.protocol.clone()),
            version: session.and_then(|s| s.version.clone()),
            tools: self.catalog.load().tools().len(),
            quarantined: self.catalog.load().held().len(),
            required: self.spec.required,
            error,
            needs_auth: matches!(&phase, Phase::Failed(failure) if failure.needs_auth),
            connect_ms: *self.connect_ms.lock(),
        }
    }
}

fn auth_of(spec: &ServerSpec, shared: &Shared) -> Result<Option<Arc<ServerAuth>>, String> {
    let AuthSpec::OAuth(oauth) = &spec.auth else { return Ok(None) };
    let url = match &spec.transport {
        Transport::Http { url, .. } => url,
        // What is wrong with it is said elsewhere.
        Transport::Misconfigured { .. } => return Ok(None),
        _ => return Err("OAuth is for servers over HTTP; remove its `auth`".to_owned()),
    };
    let (oauth, logins, clock) = (OAuthSpec::clone(oauth), shared.logins.clone(), shared.clock.clone());
    ServerAuth::new(spec, url, oauth, logins, clock).map(|auth| Some(Arc::new(auth)))
}
