//! What fuel costs in tight loops: the same component in two engines that differ in nothing else.

use crate::{line, median};
use std::time::{Duration, Instant};
use tollgate_test_guests as guests;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

struct State(WasiCtx, ResourceTable);

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.0, table: &mut self.1 }
    }
}

struct Side {
    engine: Engine,
    linker: Linker<State>,
    component: Component,
    metered: bool,
}

impl Side {
    fn new(metered: bool) -> Self {
        let mut config = Config::new();
        config.wasm_component_model_async(true).consume_fuel(metered);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_file(&engine, guests::POLICY_LOOPS).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        // The loops make no call. Wasmtime's own traps for what is unknown would stand before WASI, which has another version's name.
        for (name, item) in component.component_type().imports(&engine) {
            let (true, ComponentItem::ComponentInstance(instance)) = (name.starts_with("tollgate:"), item.ty) else {
                continue;
            };
            let mut linked = linker.instance(name).unwrap();
            for (function, item) in instance.exports(&engine) {
                if matches!(item.ty, ComponentItem::ComponentFunc(_)) {
                    linked.func_new(function, |_, _, _, _| Err(wasmtime::Error::msg("a loop makes no call"))).unwrap();
                }
            }
        }
        Self { engine, linker, component, metered }
    }

    async fn time(&self, which: &str) -> Duration {
        let mut store = Store::new(&self.engine, State(WasiCtx::builder().build(), ResourceTable::new()));
        if self.metered {
            store.set_fuel(u64::MAX).unwrap();
            // The interval of the host.
            store.fuel_async_yield_interval(Some(100_000)).unwrap();
        }
        let instance = self.linker.instantiate_async(&mut store, &self.component).await.unwrap();
        let run = instance.get_func(&mut store, "run").unwrap();
        let input = wasmtime::component::Val::String(format!(r#"{{"loop":"{which}","count":20000000}}"#));
        let mut output = [wasmtime::component::Val::Bool(false)];
        let start = Instant::now();
        run.call_async(&mut store, &[input], &mut output).await.unwrap();
        start.elapsed()
    }
}

/// Three loops, metered and not, in turn.
pub(crate) async fn loops() {
    let (metered, plain) = (Side::new(true), Side::new(false));
    for which in ["integers", "memory", "calls"] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..crate::times(11) {
            with.push(metered.time(which).await);
            without.push(plain.time(which).await);
        }
        line(&format!("tight loop, metered: {which}"), median(with), Some(median(without)), "≤ 1.3");
    }
}
