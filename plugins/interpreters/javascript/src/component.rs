//! The exports and imports, as a component has them.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use wasip2::cli::{stderr, stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::streams::OutputStream;
use wasip2::random::random;

use crate::bindings::model::{Completion, Message, ModelError, Options, Tool};
use crate::bindings::state::{Entry, Expected, Page, StateError, Version};
use crate::bindings::tollgate::{
    ask::ask, log, model::model, prompts::prompts, resources::resources, script::names, servers::servers, state::state,
    timer::timer, tools::tools,
};
use crate::bindings::{
    AskError, CallFailure, Descriptor, Function, Guest, Level, Namespace, PolicyError, Reply, Server,
};
use crate::engine::Engine;
use crate::host::{Answer, Host, Interfaces, Stream};

/// What WASI's streams take at once.
const MAX_WRITE_BYTES: usize = 4096;

thread_local! {
    /// The engine of this instance's run. A snapshot of the component has it made.
    static ENGINE: Cell<Option<Engine>> = const { Cell::new(None) };
    /// While the snapshot is made there is no clock.
    static MAKING_SNAPSHOT: Cell<bool> = const { Cell::new(false) };
}

struct Component;

crate::bindings::export!(Component with_types_in crate::bindings);

impl Guest for Component {
    fn describe() -> Descriptor {
        Descriptor {
            name: "javascript".to_owned(),
            title: Some("JavaScript".to_owned()),
            description: "Runs a JavaScript script.".to_owned(),
            input_schema: concat!(
                r#"{"type":"object","required":["code"],"properties":{"#,
                r#""code":{"type":"string","description":"The script."},"#,
                r#""file":{"type":"string","description":"Its name in messages."},"#,
                r#""input":{"description":"What it finds as `input`."},"#,
                r#""session":{"type":["object","null"],"description":"What it finds as `session`."}}}"#
            )
            .to_owned(),
            output_schema: Some(
                r#"{"type":"object","properties":{"output":{},"session":{"type":["object","null"]}}}"#.to_owned(),
            ),
            grants: Vec::new(),
        }
    }

    async fn run(input: String) -> Result<String, PolicyError> {
        let engine = match ENGINE.take() {
            Some(engine) => engine,
            None => Engine::new(Rc::new(Imports::default())).map_err(|message| PolicyError {
                message,
                code: Some("internal".to_owned()),
                data: None,
                caused_by: None,
            })?,
        };
        let ended = crate::run::run(&engine, &input).await;
        // The instance ends with the run: to take the engine apart would be work for nothing.
        std::mem::forget(engine);
        ended
    }

    fn wizer_initialize() {
        MAKING_SNAPSHOT.set(true);
        // Where it cannot be made, the run tries again and says why.
        ENGINE.set(Engine::new(Rc::new(Imports::default())).ok());
        MAKING_SNAPSHOT.set(false);
    }
}

/// Microseconds since the Unix epoch: the clock of QuickJS's `Date`.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    if MAKING_SNAPSHOT.get() {
        return 0.0;
    }
    let now = wall_clock::now();
    now.seconds as f64 * 1e6 + f64::from(now.nanoseconds / 1000)
}

/// The imports of the world `interpreter` and of WASI.
#[derive(Default)]
struct Imports {
    out: std::cell::OnceCell<OutputStream>,
    err: std::cell::OnceCell<OutputStream>,
}

impl Host for Imports {
    fn servers(&self) -> Vec<Namespace> {
        names::servers()
    }

    fn functions(&self, server: &str) -> Vec<Function> {
        names::functions(server)
    }

    fn find(&self, server: &str, name: &str) -> Option<Function> {
        names::find(server, name)
    }

    fn call(&self, server: String, tool: String, args: String) -> LocalBoxFuture<'static, Result<String, CallFailure>> {
        async move { tools::call_tool(server, tool, args).await.map(|result| result.json) }.boxed_local()
    }

    fn sleep(&self, duration_ms: u64) -> LocalBoxFuture<'static, ()> {
        timer::sleep(duration_ms).boxed_local()
    }

    fn print(&self, stream: Stream, text: &str) {
        let stream = match stream {
            Stream::Out => self.out.get_or_init(stdout::get_stdout),
            Stream::Err => self.err.get_or_init(stderr::get_stderr),
        };
        for piece in text.as_bytes().chunks(MAX_WRITE_BYTES) {
            // The host closes the stream where its limit is reached, and its report says so.
            if stream.blocking_write_and_flush(piece).is_err() {
                break;
            }
        }
    }

    fn log(&self, level: Level, message: &str) {
        log::log::log(level, message);
    }

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        log::progress::progress(done, total, message);
    }

    fn monotonic_us(&self) -> u64 {
        monotonic_clock::now() / 1000
    }

    fn random(&self, length: usize) -> Vec<u8> {
        random::get_random_bytes(length as u64)
    }
}

impl Interfaces for Imports {
    fn complete(&self, messages: Vec<Message>, tools: Vec<Tool>, options: Options) -> Answer<Completion, ModelError> {
        model::complete(messages, tools, options).boxed_local()
    }

    fn ask(&self, message: String, schema: String) -> Answer<Reply, AskError> {
        ask::ask(message, schema).boxed_local()
    }

    fn list_servers(&self) -> Vec<Server> {
        servers::list_servers()
    }

    fn gather_resources(&self, domain: Option<String>, fail_fast: Option<bool>) -> Answer<String, CallFailure> {
        servers::gather_resources(domain, fail_fast).boxed_local()
    }

    fn get_state(&self, key: String) -> Answer<Option<Entry>, StateError> {
        state::get(key).boxed_local()
    }

    fn set_state(&self, key: String, value: String, expected: Expected) -> Answer<Version, StateError> {
        state::set(key, value, expected).boxed_local()
    }

    fn delete_state(&self, key: String, expected: Option<Version>) -> Answer<bool, StateError> {
        state::delete(key, expected).boxed_local()
    }

    fn list_state(&self, prefix: String, after: Option<String>, limit: Option<u32>) -> Answer<Page, StateError> {
        state::list_keys(prefix, after, limit).boxed_local()
    }

    fn list_resources(&self) -> LocalBoxFuture<'static, String> {
        resources::list_resources().boxed_local()
    }

    fn read_resource(&self, server: String, uri: String) -> Answer<String, CallFailure> {
        resources::read(server, uri).boxed_local()
    }

    fn list_prompts(&self) -> LocalBoxFuture<'static, String> {
        prompts::list_prompts().boxed_local()
    }

    fn get_prompt(&self, server: String, name: String, arguments: String) -> Answer<String, CallFailure> {
        prompts::get(server, name, arguments).boxed_local()
    }
}
