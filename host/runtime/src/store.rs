//! What one store holds.

use crate::held::{entries, transfer_bytes};
use crate::http::{Http, HttpView};
use crate::limiter::Limiter;
use crate::output::Output;
use crate::run::RunSetup;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{Caller, Clock, HostMemory, Names};
use tollgate_state::State;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

pub(crate) struct RunState {
    pub(crate) caller: Arc<dyn Caller>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limiter: Limiter,
    pub(crate) memory: HostMemory,
    pub(crate) output: Output,
    pub(crate) calls_at_once: u64,
    pub(crate) names: Option<Arc<dyn Names>>,
    pub(crate) state: Option<State>,
    /// Fuel of adapters behind this run's calls, already taken from the store.
    pub(crate) fuel_passed_on: u64,
    http: Http,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl RunState {
    pub(crate) fn new(setup: RunSetup, clock: Arc<dyn Clock>) -> Self {
        let RunSetup { caller, limits, seed, names, state, http } = setup;
        let output = Output::new(limits.log_bytes, caller.clone());
        let memory = HostMemory::new(&limits);
        let mut table = ResourceTable::new();
        table.set_max_capacity(entries(&memory));
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.stdout())
            .stderr(output.stderr())
            .wall_clock(RunClock::new(&clock))
            .monotonic_clock(RunClock::new(&clock))
            .secure_random(StdRng::seed_from_u64(seed))
            .insecure_random(StdRng::seed_from_u64(!seed))
            .insecure_random_seed(u128::from(seed))
            .max_random_size(transfer_bytes(&memory) as u64)
            .allow_tcp(false)
            .allow_udp(false);
        Self {
            http: Http::new(http, caller.clone(), memory.clone()),
            caller,
            clock,
            limiter: Limiter::new(&limits),
            memory,
            output,
            calls_at_once: limits.calls_at_once,
            names,
            state,
            fuel_passed_on: 0,
            wasi: wasi.build(),
            table,
        }
    }

    /// The run's way out, and its account of host memory.
    pub(crate) fn way_out(&self) -> (Arc<dyn Caller>, HostMemory) {
        (self.caller.clone(), self.memory.clone())
    }

    pub(crate) fn http(&mut self) -> HttpView<'_> {
        self.http.view(&mut self.table)
    }
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The clock of a run that has no grant for the real one: it starts at the epoch, and counts the run's own
/// time in whole milliseconds, too coarse to time the host with.
struct RunClock {
    clock: Arc<dyn Clock>,
    start: Duration,
}

impl RunClock {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: clock.clone(), start: clock.monotonic() }
    }

    fn elapsed(&self) -> Duration {
        let elapsed = self.clock.monotonic().saturating_sub(self.start);
        Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

const RESOLUTION: Duration = Duration::from_millis(1);

impl HostWallClock for RunClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        self.elapsed()
    }
}

impl HostMonotonicClock for RunClock {
    fn resolution(&self) -> u64 {
        RESOLUTION.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        // Not from zero: Go's runtime takes that for a clock that is not there.
        u64::try_from((RESOLUTION + self.elapsed()).as_nanos()).unwrap_or(u64::MAX)
    }
}
