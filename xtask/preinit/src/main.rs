//! `tollgate-preinit IN.wasm OUT.wasm`: runs the component's export `wizer-initialize` and writes the component with its
//! memory as it is then, so that no run has to do that work again. Imports may not be called meanwhile. A core module that
//! carries its WIT is made a component first.
//!
//! `tollgate-preinit --immortal IN.wasm OUT.wasm`: for a component that was written so already, see [`immortal`].

mod immortal;

use std::path::PathBuf;
use std::process::ExitCode;
use wasmtime::component::{Component, ComponentNamedList, Instance, Lift, Linker, WasmList};
use wasmtime::{Config, Engine, Error, Result, Store, format_err};
use wasmtime_wizer::{ComponentInstanceState, Wizer};
use wit_component::ComponentEncoder;

const USAGE: &str = "usage: tollgate-preinit [--immortal] IN.wasm OUT.wasm";
const INITIALIZE: &str = "wizer-initialize";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match preinit().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate-preinit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn preinit() -> Result<()> {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let is_immortal = files.first().is_some_and(|first| first.as_os_str() == "--immortal");
    let [from, to] = files.split_off(usize::from(is_immortal)).try_into().map_err(|_| format_err!("{USAGE}"))?;
    let wasm = std::fs::read(&from).map_err(|error| format_err!("{} cannot be read: {error}", from.display()))?;
    let written = if is_immortal { with_immortals(wasm)? } else { initialised(&component(wasm)?).await? };
    std::fs::write(&to, written).map_err(|error| format_err!("{} cannot be written: {error}", to.display()))
}

/// The component of a core module; a component as it is.
fn component(wasm: Vec<u8>) -> Result<Vec<u8>> {
    if !wasmparser::Parser::is_core_wasm(&wasm) {
        return Ok(wasm);
    }
    let encoded = ComponentEncoder::default().validate(true).module(&wasm).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| format_err!("the module cannot be made a component: {error:#}"))
}

fn with_immortals(mut wasm: Vec<u8>) -> Result<Vec<u8>> {
    let made = immortal::make_immortal(&mut wasm)?;
    eprintln!("tollgate-preinit: {made} objects are immortal");
    Ok(wasm)
}

async fn initialised(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    // The component lifts it: without, what is written would not be one.
    wizer.init_func(INITIALIZE).keep_init_func(true);
    let (context, instrumented) = wizer.instrument_component(wasm)?;
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, instrumented)?;
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate_async(&mut store, &component).await?;
    let initialize = instance.get_typed_func::<(), ()>(&mut store, INITIALIZE)?;
    initialize.call_async(&mut store, ()).await?;
    let mut memory = Memory { store, instance, failed: None };
    let snapshot = wizer.snapshot_component(&context, &mut memory).await?;
    if let Some(error) = memory.failed {
        return Err(error);
    }
    Ok(snapshot)
}

/// The instance whose memory and globals are read, by functions that the instrumented component exports for it.
struct Memory {
    store: Store<()>,
    instance: Instance,
    failed: Option<Error>,
}

impl Memory {
    async fn call<R>(&mut self, instance: &str, func: &str) -> Result<R>
    where
        (R,): ComponentNamedList + Lift + 'static,
    {
        let missing = || format_err!("the instrumented component has no `{instance}`, `{func}`");
        let exports = self.instance.get_export_index(&mut self.store, None, instance).ok_or_else(missing)?;
        let export = self.instance.get_export_index(&mut self.store, Some(&exports), func).ok_or_else(missing)?;
        let func = self.instance.get_typed_func::<(), (R,)>(&mut self.store, export)?;
        Ok(func.call_async(&mut self.store, ()).await?.0)
    }

    async fn value<R: Default>(&mut self, instance: &str, func: &str) -> R
    where
        (R,): ComponentNamedList + Lift + 'static,
    {
        match self.call(instance, func).await {
            Ok(value) => value,
            Err(error) => {
                self.failed.get_or_insert(error);
                R::default()
            }
        }
    }
}

impl ComponentInstanceState for Memory {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Ok(list) => contents(list.as_le_slice(&self.store)),
            Err(error) => drop(self.failed.get_or_insert(error)),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.value(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.value(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.value::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.value::<f64>(instance, func).await.to_bits()
    }
}
