//! The engine of a host, and components made ready to run.

use crate::bindings;
use crate::cache::CompileCache;
use crate::http;
use crate::inspect::{COMPONENT_MAX_BYTES, Digest, InspectError, Inspection, inspect};
use crate::offers::{Exports, Offers};
use crate::run::Descriptor;
use crate::run::ToolInfo;
use crate::store::RunState;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tollgate_component_tools::{DecodeError, check_bounds, on_large_stack};
use tollgate_core::{Clock, SystemClock};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Fuel between two points at which a guest lets others run. 10,000 costs 15 % on a tight loop, 100,000
/// 2 %, and still lets a timeout end a loop within a millisecond.
pub(crate) const FUEL_YIELD_INTERVAL: u64 = 100_000;
/// Instances of one component that the pool has room for: a CPython guest takes 14.
const CORE_INSTANCES_PER_RUN: u32 = 16;
const TABLES_PER_RUN: u32 = 16;
/// The largest table that the pool has room for, in elements.
const TABLE_MAX_ELEMENTS: usize = 1_000_000;

/// How a [`Runtime`] is set up.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Runs at once, those behind calls included. One more is refused as overloaded.
    pub max_runs: u32,
    /// The folder of the compile cache; without one, nothing is kept.
    pub cache_dir: Option<PathBuf>,
    /// A folder of the same form with components that came with the program; it is only read.
    pub bundled_dir: Option<PathBuf>,
    /// What the host goes by.
    pub clock: Arc<dyn Clock>,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self { max_runs: 1_000, cache_dir: None, bundled_dir: None, clock: Arc::new(SystemClock::default()) }
    }
}

/// The one Wasmtime engine of a host: its pool, its linker, its compiled components. The engine is set up when the first
/// component is made ready: a host that only passes calls on does without its memory.
pub struct Runtime {
    config: RuntimeConfig,
    engine: Mutex<Option<Arc<SetUp>>>,
    programs: Mutex<HashMap<Digest, Arc<OnceCell<Arc<Program>>>>>,
    pub(crate) clock: Arc<dyn Clock>,
}

struct SetUp {
    engine: Engine,
    linker: Linker<RunState>,
    cache: CompileCache,
}

/// Why a component could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It is not what it should be.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// It is valid, and cannot be compiled or linked.
    #[error("this component cannot be used: {0}")]
    Unusable(String),
    /// The engine could not be set up.
    #[error("the WebAssembly engine could not be set up: {0}")]
    Engine(String),
}

/// A component that is compiled and linked, ready to run any number of times.
pub struct Program {
    pub(crate) inspection: Inspection,
    pub(crate) pre: InstancePre<RunState>,
    /// `run`, `call-tool`, `call-operation`; none of a plain component.
    pub(crate) main: Option<ComponentExportIndex>,
    /// `describe`, `list-tools`, `read-document`; none of a plain component.
    pub(crate) about: Option<ComponentExportIndex>,
    pub(crate) descriptor: OnceCell<Descriptor>,
    pub(crate) exports: Exports,
    pub(crate) tools: OnceCell<Arc<[ToolInfo]>>,
    pub(crate) offers: OnceCell<Arc<Offers>>,
}

impl Program {
    /// What the component is.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

impl Runtime {
    /// A runtime that is set up so.
    pub fn new(config: RuntimeConfig) -> Self {
        let clock = config.clock.clone();
        Self { config, engine: Mutex::default(), programs: Mutex::default(), clock }
    }

    fn set_up(&self) -> Result<Arc<SetUp>, PrepareError> {
        let mut engine = self.engine.lock();
        if let Some(ready) = &*engine {
            return Ok(ready.clone());
        }
        let ready = Arc::new(SetUp::new(&self.config)?);
        *engine = Some(ready.clone());
        Ok(ready)
    }

    /// Makes a component ready: inspected, compiled or loaded from the cache, linked. Equal bytes are made
    /// ready once, however many ask at once.
    ///
    /// # Errors
    /// Says what is wrong with the component.
    pub async fn prepare(self: &Arc<Self>, bytes: impl Into<Bytes>) -> Result<Arc<Program>, PrepareError> {
        let bytes: Bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let cell = self.programs.lock().entry(digest).or_default().clone();
        let prepared = cell
            .get_or_try_init(|| async {
                let this = self.clone();
                // Validating and compiling take up to seconds of CPU: not on a thread that serves runs.
                tokio::task::spawn_blocking(move || deep(&bytes, || this.prepare_now(&bytes).map(Arc::new)))
                    .await
                    .map_err(|e| PrepareError::Unusable(format!("compiling it ended early: {e}")))?
            })
            .await;
        if prepared.is_err() {
            // A failure is not kept: the next caller may bring the same bytes to a mended host.
            self.programs.lock().remove(&digest);
        }
        prepared.cloned()
    }

    fn prepare_now(&self, bytes: &[u8]) -> Result<Program, PrepareError> {
        let inspection = inspect(bytes)?;
        let set_up = self.set_up()?;
        let SetUp { engine, cache, .. } = &*set_up;
        let component = match cache.load(engine, inspection.digest) {
            Some(component) => component,
            None => {
                let component = Component::from_binary(engine, bytes).map_err(unusable)?;
                cache.store(inspection.digest, &component);
                component
            }
        };
        set_up.link(&component, inspection)
    }

    /// The file that a component is kept in when it was compiled, where there is a cache.
    pub fn cached(&self, digest: Digest) -> Option<PathBuf> {
        self.set_up().ok()?.cache.path(digest)
    }

    /// Compiles a component ahead of time: machine code for [`Runtime::load_compiled`], to be kept where nobody else can
    /// write, and what the component is.
    ///
    /// # Errors
    /// Says what is wrong with the component.
    pub fn compile(&self, bytes: &[u8]) -> Result<(Vec<u8>, Inspection), PrepareError> {
        deep(bytes, || {
            let inspection = inspect(bytes)?;
            let code = self.set_up()?.engine.precompile_component(bytes).map_err(unusable)?;
            Ok((code, inspection))
        })
    }

    /// Makes ready what [`Runtime::compile`] wrote, of any size within milliseconds: nothing is read but what runs.
    ///
    /// # Safety
    /// The file must be one that [`Runtime::compile`] wrote and nobody changed: it holds machine code that runs as it is.
    ///
    /// # Errors
    /// The file cannot be read, or was compiled for another version, other settings or another processor.
    #[allow(unsafe_code)]
    pub unsafe fn load_compiled(&self, file: &Path, inspection: Inspection) -> Result<Program, PrepareError> {
        let set_up = self.set_up()?;
        // SAFETY: the caller's promise.
        let component = unsafe { Component::deserialize_file(&set_up.engine, file) };
        set_up.link(&component.map_err(unusable)?, inspection)
    }
}

impl SetUp {
    fn new(config: &RuntimeConfig) -> Result<Self, PrepareError> {
        let fail = |e: wasmtime::Error| PrepareError::Engine(format!("{e:#}"));
        let engine = Engine::new(&engine_config(config.max_runs)).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(fail)?;
        http::add_to_linker(&mut linker).map_err(fail)?;
        bindings::add_to_linker(&mut linker).map_err(fail)?;
        let cache = CompileCache::new(config.cache_dir.as_deref(), config.bundled_dir.as_deref(), &engine);
        Ok(Self { engine, linker, cache })
    }

    fn link(&self, component: &Component, inspection: Inspection) -> Result<Program, PrepareError> {
        let pre = self.linker.instantiate_pre(component).map_err(unusable)?;
        let export = |name| {
            let found = component.get_export_index(None, name);
            found.map(Some).ok_or_else(|| PrepareError::Inspect(InspectError::WrongWorld(inspection.exports.clone())))
        };
        let (main, about) = match inspection.world.exports() {
            Some((main, about)) => (export(main)?, export(about)?),
            None => (None, None),
        };
        Ok(Program {
            exports: Exports::of(component, &inspection)?,
            pre,
            main,
            about,
            inspection,
            descriptor: OnceCell::new(),
            tools: OnceCell::new(),
            offers: OnceCell::new(),
        })
    }
}

/// Validating and compiling recurse with the nesting of a component's types, which three bytes a level make: it is bounded
/// first, and then has the stack for what is left.
fn deep<T: Send>(bytes: &[u8], work: impl FnOnce() -> Result<T, PrepareError> + Send) -> Result<T, PrepareError> {
    if bytes.len() <= COMPONENT_MAX_BYTES && bytes.starts_with(b"\0asm\x0d\0\x01\0") {
        // Of the other errors, what comes next has better words.
        if let Err(error @ DecodeError::TooMuch(_)) = check_bounds(bytes) {
            return Err(PrepareError::Unusable(error.to_string()));
        }
    }
    on_large_stack(work).unwrap_or_else(|error| Err(PrepareError::Unusable(error.to_string())))
}

fn unusable(error: wasmtime::Error) -> PrepareError {
    PrepareError::Unusable(format!("{error:#}"))
}

fn engine_config(max_runs: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_runs)
        .total_core_instances(max_runs.saturating_mul(CORE_INSTANCES_PER_RUN))
        .total_memories(max_runs)
        .total_tables(max_runs.saturating_mul(TABLES_PER_RUN))
        .total_stacks(max_runs)
        .max_core_instances_per_component(64)
        .max_memories_per_component(8)
        .max_tables_per_component(64)
        .table_elements(TABLE_MAX_ELEMENTS)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        // Warm slots keep their pages, so that the next run of the same component starts without page faults.
        .max_unused_warm_slots(100)
        .async_stack_keep_resident(32 << 10)
        .table_keep_resident(16 << 10);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Linux 6.7 tells which pages were written: only those are reset.
        pool.pagemap_scan(Enabled::Yes).linear_memory_keep_resident(1 << 20);
    } else {
        pool.linear_memory_keep_resident(64 << 10);
    }
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .consume_fuel(true)
        .wasm_component_model_async(true)
        // Interpreters recurse deep: a script's nesting is their own. Only what is used takes memory.
        .max_wasm_stack(4 << 20)
        .async_stack_size(5 << 20);
    config
}
