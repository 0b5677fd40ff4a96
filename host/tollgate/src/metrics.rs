//! Numbers of what runs and calls did, for Prometheus.
//!
//! They are counted where everything that happens is told: [`Metrics`] is a journal. Labels are bounded by the configuration:
//! what guests make up (names of servers that are none) counts under one label.

use crate::status::HostStatus;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashSet;
use std::sync::Arc;
use tollgate_core::{BoxFuture, Outcome, RunId};
use tollgate_journal::{CallRecord, Entry, Event, Journal, JournalError};

const PREFIX: &str = "tollgate";
/// From a cached answer to a call that ran into its timeout.
const SECONDS: [f64; 13] = [1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    server: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServerLabel {
    server: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Word {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServerState {
    server: String,
    state: &'static str,
}

/// Counts what every run of a host does: give it to [`HostBuilder::journal`](crate::HostBuilder::journal) too.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<ServerLabel, Histogram>,
    attempts: Family<ServerLabel, Counter>,
    cached: Family<ServerLabel, Counter>,
    runs: Family<Word, Counter>,
    run_seconds: Histogram,
    fuel: Counter,
    http: Family<Word, Counter>,
    state: Family<Word, Counter>,
    model: Family<Word, Counter>,
    tokens: Family<Kind, Counter>,
    questions: Counter,
    /// Runs of components and scripts that go on: their ends do not tell them from direct calls.
    running: Mutex<HashSet<RunId>>,
    /// The servers that there were when somebody last looked: their names may be labels.
    known: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics with nothing counted.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            attempts: Family::default(),
            cached: Family::default(),
            runs: Family::default(),
            run_seconds: Histogram::new(SECONDS),
            fuel: Counter::default(),
            http: Family::default(),
            state: Family::default(),
            model: Family::default(),
            tokens: Family::default(),
            questions: Counter::default(),
            running: Mutex::default(),
            known: Mutex::default(),
        };
        let Self { registry, calls, call_seconds, attempts, cached, runs, run_seconds, .. } = &mut metrics;
        registry.register("calls", "Calls of tools, by how they ended", calls.clone());
        let about = "Calls, from request to answer, waits and retries included";
        registry.register_with_unit("call_duration", about, Unit::Seconds, call_seconds.clone());
        registry.register("attempts", "Sends of calls to servers", attempts.clone());
        registry.register("cached_answers", "Calls answered from memory", cached.clone());
        registry.register("runs", "Runs of components and scripts, by how they ended", runs.clone());
        let about = "Runs of components and scripts, from request to end";
        registry.register_with_unit("run_duration", about, Unit::Seconds, run_seconds.clone());
        let Self { registry, fuel, http, state, model, tokens, questions, .. } = &mut metrics;
        registry.register("fuel", "Fuel that runs used", fuel.clone());
        registry.register("http_requests", "HTTP requests of components, by the class of their status", http.clone());
        registry.register("state_requests", "Requests to the state of components, by how they ended", state.clone());
        registry.register("model_requests", "Requests to language models, by how they ended", model.clone());
        registry.register("model_tokens", "Tokens that language models read and wrote", tokens.clone());
        registry.register("questions", "Questions to the people behind runs", questions.clone());
        Arc::new(metrics)
    }

    /// Everything in the text format of OpenMetrics 1.0, which Prometheus reads, with how the host is now.
    pub fn text(&self, now: &HostStatus) -> String {
        *self.known.lock() = now.servers.iter().map(|server| server.name.clone()).collect();
        let mut text = String::new();
        let written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.gauges(now)))
            .and_then(|()| encode_eof(&mut text));
        // Writing to a text does not fail.
        debug_assert!(written.is_ok());
        text
    }

    /// The same, without the servers that are not to be shown.
    pub fn text_of(&self, now: &HostStatus, shows: &dyn Fn(&str) -> bool) -> String {
        let shown = |line: &&str| {
            let server = line.split_once("server=\"").and_then(|(_, rest)| rest.split_once('"'));
            // What stands for no server, or for several, is in brackets: no server's name is.
            server.is_none_or(|(server, _)| server.starts_with('(') || shows(server))
        };
        self.text(now).split_inclusive('\n').filter(shown).collect()
    }

    /// What is not counted but seen.
    fn gauges(&self, now: &HostStatus) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let gauge = |value: u64| {
            let gauge: Gauge = Gauge::default();
            gauge.set(signed(value));
            gauge
        };
        let running = self.running.lock().len() as u64;
        registry.register("runs_active", "Runs of components and scripts that go on", gauge(running));
        let up: Family<ServerState, Gauge> = Family::default();
        let in_flight: Family<ServerLabel, Gauge> = Family::default();
        let queued: Family<ServerLabel, Gauge> = Family::default();
        let tools: Family<ServerLabel, Gauge> = Family::default();
        for server in &now.servers {
            let label = ServerLabel { server: server.name.clone() };
            up.get_or_create(&ServerState { server: server.name.clone(), state: server.health.as_str() }).set(1);
            in_flight.get_or_create(&label).set(signed(server.route.in_flight));
            queued.get_or_create(&label).set(signed(server.route.queued));
            tools.get_or_create(&label).set(signed(server.tools as u64));
        }
        registry.register("server_state", "1 for the state that each server is in", up);
        registry.register("calls_in_flight", "Calls that each server works on", in_flight);
        registry.register("calls_queued", "Calls that wait for a place at each server", queued);
        registry.register("server_tools", "Tools that each server offers", tools);
        let cache = &now.cache.stats;
        registry.register("cache_entries", "Answers that are kept", gauge(cache.entries));
        registry.register("cache_bytes", "Bytes of the answers that are kept", gauge(cache.bytes));
        let counted = |value: u64| {
            let counter: Counter = Counter::default();
            counter.inc_by(value);
            counter
        };
        registry.register("cache_hits", "Requests answered from memory", counted(cache.hits));
        registry.register("cache_misses", "Requests that could have been and were not", counted(cache.misses));
        registry.register("cache_evictions", "Answers that made room for others", counted(cache.evictions));
        registry
    }

    /// The server of a call as a label. Names that a guest made up must not become series of their own.
    fn shown_server(&self, record: &CallRecord) -> String {
        if record.server.contains([':', '*']) {
            // A domain: the server that was asked last.
            record.tries.last().map_or_else(|| "(domain)".to_owned(), |attempt| attempt.server.clone())
        } else if record.attempts > 0 || record.cached || self.known.lock().contains(&record.server) {
            record.server.clone()
        } else {
            "(none)".to_owned()
        }
    }

    fn call_ended(&self, record: &CallRecord) {
        let server = self.shown_server(record);
        self.calls.get_or_create(&CallLabels { server: server.clone(), outcome: record.outcome.as_str() }).inc();
        let label = ServerLabel { server };
        self.call_seconds.get_or_create(&label).observe(record.elapsed.as_secs_f64());
        if record.cached {
            self.cached.get_or_create(&label).inc();
        }
        if record.tries.is_empty() {
            if record.attempts > 0 {
                self.attempts.get_or_create(&label).inc_by(u64::from(record.attempts));
            }
        } else {
            // By their kind, nothing was sent of these.
            let unsent = |outcome| matches!(outcome, Outcome::Unavailable | Outcome::Overloaded);
            for attempt in record.tries.iter().filter(|attempt| !unsent(attempt.outcome)) {
                self.attempts.get_or_create(&ServerLabel { server: attempt.server.clone() }).inc();
            }
        }
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Journal for Metrics {
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), JournalError>> {
        match &entry.event {
            Event::RunStarted { digest: Some(_), .. } => {
                self.running.lock().insert(entry.run);
            }
            Event::RunEnded { status, fuel_used } => {
                self.fuel.inc_by(*fuel_used);
                if self.running.lock().remove(&entry.run) {
                    self.runs.get_or_create(&Word { status: status.as_str() }).inc();
                    self.run_seconds.observe(entry.offset.as_secs_f64());
                }
            }
            Event::CallEnded(record) => self.call_ended(record),
            Event::HttpEnded { status, .. } => {
                let status = match status.map(|status| status / 100) {
                    Some(1) => "1xx",
                    Some(2) => "2xx",
                    Some(3) => "3xx",
                    Some(4) => "4xx",
                    Some(5) => "5xx",
                    _ => "none",
                };
                self.http.get_or_create(&Word { status }).inc();
            }
            Event::State { outcome, .. } => drop(self.state.get_or_create(&Word { status: outcome }).inc()),
            Event::ModelEnded { outcome, usage, .. } => {
                self.model.get_or_create(&Word { status: outcome }).inc();
                self.tokens.get_or_create(&Kind { kind: "input" }).inc_by(usage.input_tokens);
                self.tokens.get_or_create(&Kind { kind: "output" }).inc_by(usage.output_tokens);
            }
            Event::Asked { .. } => drop(self.questions.inc()),
            _ => {}
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
