//! Answers that are kept for a time, and equal requests that are made once.
//!
//! An answer is kept for one principal, unless its server says that anybody of the tenant may have it. What may not be kept:
//! errors, `isError`, what is larger than an eighth of the whole cache.
//!
//! **Flights.** The first of equal requests leads, the others follow and get its answer or its error. They go on by
//! themselves, one of them leading, when the leader is dropped or when its error is its own (cancelled, denied, budget used
//! up). Nobody follows a leader that stands nearer to the start of a chain of nested calls, and who follows leads nobody:
//! so no call waits for one that waits for it.

pub(crate) mod key;

use crate::settings::CacheSettings;
use crate::status::CacheStats;
use key::{Asked, Kind};
use parking_lot::Mutex;
use quick_cache::unsync::Cache as Store;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tollgate_core::{CallError, Change, Listed, ToolResult};

/// What an entry takes beside its key and its answer, about.
const ENTRY_BYTES: u64 = 256;
/// The most entries and bytes that can be counted together.
const ENTRIES_MAX: usize = 1 << 22;
const BYTES_MAX: u64 = 1 << 40;
/// The most servers with a generation of their own.
const SERVERS_MAX: usize = 1 << 12;
/// Below this many entries, eviction has no use for a part of its own for what was seen once.
const FEW: usize = 64;

/// What a server answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Result(ToolResult),
    List(Vec<Listed>),
}

impl Reply {
    fn may_be_kept(&self) -> bool {
        !matches!(self, Self::Result(result) if result.is_error)
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Result(result) => result.json.len() as u64,
            Self::List(items) => items.iter().map(|listed| ENTRY_BYTES + json_bytes(&listed.item)).sum(),
        }
    }
}

/// How long a value is as JSON.
fn json_bytes(item: &serde_json::Map<String, serde_json::Value>) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting fails at nothing.
    let _ = serde_json::to_writer(&mut count, item);
    count.0
}

/// How a flight ended.
type End = Result<Arc<Reply>, CallError>;

pub(crate) struct Cache {
    /// The most bytes of one answer; 0 where nothing is kept.
    one_max: u64,
    state: Mutex<State>,
}

struct State {
    kept: Store<Box<[u8]>, Kept, Weigh, RandomState, Evictions>,
    flights: HashMap<Box<[u8]>, Flight>,
    next_flight: u64,
    generations: Generations,
    stats: CacheStats,
}

/// Another number of a server whenever something of it is dropped before its time: what was asked before that is not kept
/// after.
#[derive(Default)]
struct Generations {
    last: u64,
    /// The number of a server that has none of its own.
    all: u64,
    own: HashMap<Box<str>, u64>,
}

impl Generations {
    fn of(&self, server: &str) -> u64 {
        self.own.get(server).copied().unwrap_or(self.all)
    }

    /// The next, of one server or of all.
    fn next(&mut self, server: Option<&str>) {
        self.last = self.last.wrapping_add(1);
        match server {
            Some(server) if self.own.len() < SERVERS_MAX => {
                self.own.insert(server.into(), self.last);
            }
            _ => {
                self.all = self.last;
                self.own.clear();
            }
        }
    }
}

struct Kept {
    reply: Arc<Reply>,
    until: Duration,
    bytes: u64,
    server: Arc<str>,
    kind: Kind,
    name: Box<str>,
    /// Whose it is, as in the key.
    owner: Box<[u8]>,
}

struct Flight {
    id: u64,
    generation: u64,
    depth: u64,
    end: watch::Receiver<Option<End>>,
}

/// Bounds bytes and entries at once: no entry weighs less than its share of the entries.
#[derive(Clone)]
struct Weigh {
    entries: u64,
    bytes: u64,
}

impl Weighter<Box<[u8]>, Kept> for Weigh {
    fn weight(&self, _key: &Box<[u8]>, kept: &Kept) -> u64 {
        kept.bytes.saturating_mul(self.entries).max(self.bytes)
    }
}

#[derive(Clone)]
struct Evictions;

#[derive(Default)]
struct Evicted {
    entries: u64,
    bytes: u64,
}

impl Lifecycle<Box<[u8]>, Kept> for Evictions {
    type RequestState = Evicted;

    fn on_evict(&self, evicted: &mut Evicted, _key: Box<[u8]>, kept: Kept) {
        evicted.entries += 1;
        evicted.bytes += kept.bytes;
    }
}

/// What somebody who asks finds.
pub(crate) enum Entered<'c> {
    /// The answer.
    Kept(Arc<Reply>),
    /// An equal request that is under way.
    Follow(Follow<'c>),
    /// Nothing: the request is to be made, and others may follow it.
    Lead(Lead<'c>),
    /// Nothing: the request is to be made, and nobody follows it.
    Alone,
}

impl Cache {
    pub(crate) fn new(settings: &CacheSettings) -> Self {
        let (entries, bytes) = (settings.entries.min(ENTRIES_MAX), settings.bytes.min(BYTES_MAX));
        let weigh = Weigh { entries: (entries as u64).max(1), bytes: bytes.max(1) };
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(entries).weight_capacity(weigh.bytes.saturating_mul(weigh.entries));
        if entries < FEW {
            options.hot_allocation(1.0);
        }
        let kept = match options.build() {
            Ok(options) => Store::with_options(options, weigh, RandomState::new(), Evictions),
            // It was told all that it wants to know.
            Err(_) => Store::with(entries, weigh.bytes, weigh, RandomState::new(), Evictions),
        };
        let state = State {
            kept,
            flights: HashMap::new(),
            next_flight: 0,
            generations: Generations::default(),
            stats: CacheStats::default(),
        };
        Self { one_max: if entries == 0 { 0 } else { bytes / 8 }, state: Mutex::new(state) }
    }

    /// Asks for an answer of a server. `depth` is that of the run that asks.
    pub(crate) fn enter(&self, server: &str, asked: &Asked, depth: u64, now: Duration) -> Entered<'_> {
        let mut state = self.state.lock();
        if let Some(reply) = state.find(asked, now) {
            state.stats.hits += 1;
            return Entered::Kept(reply);
        }
        let generation = state.generations.of(server);
        if let Some(flight) = state.flights.get(asked.own()).filter(|flight| flight.generation == generation) {
            if flight.depth >= depth {
                return Entered::Follow(Follow { cache: self, end: flight.end.clone() });
            }
            state.stats.misses += 1;
            return Entered::Alone;
        }
        state.stats.misses += 1;
        let (sender, end) = watch::channel(None);
        let id = state.next_flight;
        state.next_flight = id.wrapping_add(1);
        let key: Box<[u8]> = asked.own().into();
        state.flights.insert(key.clone(), Flight { id, generation, depth, end });
        Entered::Lead(Lead { cache: self, key, id, sender })
    }

    /// What changes whenever something of a server is dropped before its time.
    pub(crate) fn generation(&self, server: &str) -> u64 {
        self.state.lock().generations.of(server)
    }

    /// Keeps an answer to what was asked at a generation, if it may be kept. False if it is not.
    pub(crate) fn keep(
        &self,
        server: &Arc<str>,
        asked: &Asked,
        shared: bool,
        reply: &Reply,
        until: Duration,
        generation: u64,
    ) -> bool {
        let key = if shared { asked.shared() } else { asked.own() };
        let bytes = ENTRY_BYTES + key.len() as u64 + asked.name.len() as u64 + reply.bytes();
        if !reply.may_be_kept() || bytes > self.one_max {
            return false;
        }
        let kept = Kept {
            reply: Arc::new(reply.clone()),
            until,
            bytes,
            server: server.clone(),
            kind: asked.kind,
            name: asked.name.clone(),
            owner: asked.owner_in(key).into(),
        };
        let mut state = self.state.lock();
        if state.generations.of(server) != generation {
            return false;
        }
        if let Some((_, old)) = state.kept.remove(key) {
            state.stats.bytes -= old.bytes;
        }
        let mut evicted = Evicted::default();
        state.kept.insert_with_lifecycle(key.into(), kept, &mut evicted);
        state.stats.bytes = (state.stats.bytes + bytes).saturating_sub(evicted.bytes);
        state.stats.evictions += evicted.entries;
        true
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let state = self.state.lock();
        CacheStats { entries: state.kept.len() as u64, ..state.stats }
    }

    /// Drops what is kept of one server, or all. Gives how many answers that were.
    pub(crate) fn invalidate(&self, server: Option<&str>) -> u64 {
        self.state.lock().drop_those(server, |_| true)
    }

    /// Drops what is kept for a tenant's principal, and with `shared` what all of the tenant have. Gives how many answers that
    /// were. It is no new generation: nobody must keep others from keeping theirs by doing this again and again.
    pub(crate) fn forget(&self, (tenant, principal): (&str, &str), server: Option<&str>, shared: bool) -> u64 {
        let (own, all) = (key::owner(tenant, Some(principal)), key::owner(tenant, None));
        self.state.lock().retain(|kept| {
            let is_his = kept.owner == own || (shared && (kept.owner == all || kept.owner.is_empty()));
            !is_his || server.is_some_and(|server| *kept.server != *server)
        })
    }

    /// Drops what a change makes old.
    pub(crate) fn changed(&self, change: &Change) -> u64 {
        let mut state = self.state.lock();
        match change {
            Change::Tools => 0,
            Change::Prompts { server } => {
                state.drop_those(Some(server), |kept| matches!(kept.kind, Kind::Prompts | Kind::Prompt))
            }
            Change::Resources { server } => state.drop_those(Some(server), |kept| {
                matches!(kept.kind, Kind::Resources | Kind::ResourceTemplates | Kind::Resource)
            }),
            // It may be a part of the one that was subscribed to, and another way round.
            Change::Resource { server, uri } => state.drop_those(Some(server), |kept| {
                kept.kind == Kind::Resource && (kept.name.starts_with(uri.as_str()) || uri.starts_with(&*kept.name))
            }),
        }
    }

    /// Drops answers whose time is over. Gives how many those were.
    pub(crate) fn cleanup(&self, now: Duration) -> u64 {
        let mut state = self.state.lock();
        let dropped = state.retain(|kept| kept.until > now);
        state.stats.expired += dropped;
        dropped
    }
}

impl State {
    fn find(&mut self, asked: &Asked, now: Duration) -> Option<Arc<Reply>> {
        let (own, shared) = (asked.own(), asked.shared());
        for key in [Some(own), (own != shared).then_some(shared)].into_iter().flatten() {
            match self.kept.get(key) {
                Some(kept) if kept.until > now => return Some(kept.reply.clone()),
                Some(_) => {
                    let old = self.kept.remove(key).map_or(0, |(_, old)| old.bytes);
                    self.stats.bytes = self.stats.bytes.saturating_sub(old);
                    self.stats.expired += 1;
                }
                None => {}
            }
        }
        None
    }

    /// Drops some of what is kept of one server, or of all.
    fn drop_those(&mut self, server: Option<&str>, which: impl Fn(&Kept) -> bool) -> u64 {
        self.generations.next(server);
        self.retain(|kept| server.is_some_and(|server| *kept.server != *server) || !which(kept))
    }

    /// Gives how many it dropped.
    fn retain(&mut self, keep: impl Fn(&Kept) -> bool) -> u64 {
        let (dropped, bytes) = (Cell::new(0), Cell::new(0));
        self.kept.retain(|_, kept| {
            let keep = keep(kept);
            if !keep {
                dropped.set(dropped.get() + 1);
                bytes.set(bytes.get() + kept.bytes);
            }
            keep
        });
        self.stats.bytes = self.stats.bytes.saturating_sub(bytes.get());
        dropped.get()
    }
}

/// A request that others follow. Dropping it makes them go on by themselves.
pub(crate) struct Lead<'c> {
    cache: &'c Cache,
    key: Box<[u8]>,
    id: u64,
    sender: watch::Sender<Option<End>>,
}

impl Lead<'_> {
    /// Tells who follows how it ended. What is to be kept has been.
    pub(crate) fn end(self, end: impl FnOnce() -> End) {
        self.leave();
        // Who comes from here on finds the answer, or leads.
        if self.sender.receiver_count() > 0 {
            self.sender.send_replace(Some(end()));
        }
    }

    /// Nobody follows any more.
    fn leave(&self) {
        let mut state = self.cache.state.lock();
        if state.flights.get(&self.key).is_some_and(|flight| flight.id == self.id) {
            state.flights.remove(&self.key);
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A request that another leads.
pub(crate) struct Follow<'c> {
    cache: &'c Cache,
    end: watch::Receiver<Option<End>>,
}

impl Follow<'_> {
    /// What the leader got; `None` where who followed has to go on by himself.
    pub(crate) async fn end(mut self) -> Option<End> {
        let end = self.end.wait_for(Option::is_some).await.ok()?.clone()?;
        if matches!(end, Err(CallError::Cancelled | CallError::Denied(_) | CallError::BudgetExhausted(_))) {
            return None;
        }
        self.cache.state.lock().stats.shared += 1;
        Some(end)
    }
}
