//! What an interpreter needs of the outside.

use futures_util::future::LocalBoxFuture;

use crate::bindings::{
    AskError, CallFailure, Function, Level, Namespace, Reply, Server,
    model::{Completion, Message, ModelError, Options, Tool},
    state::{Entry, Expected, Page, StateError, Version},
};

/// Where a script's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `print`, `console.log`.
    Out,
    /// `console.warn`, `console.error`.
    Err,
}

/// The outside, as a run sees it: the imports of the world `interpreter` and of WASI.
pub trait Host: Interfaces {
    /// The servers that the run may call.
    fn servers(&self) -> Vec<Namespace>;

    /// The tools of a server that the run may call.
    fn functions(&self, server: &str) -> Vec<Function>;

    /// One of them, by its identifier or by its own name.
    fn find(&self, server: &str, name: &str) -> Option<Function>;

    /// Calls a tool: `args` is a JSON object, the answer the whole `CallToolResult`. Dropping the future cancels it.
    fn call(&self, server: String, tool: String, args: String) -> LocalBoxFuture<'static, Result<String, CallFailure>>;

    /// Returns after so many milliseconds.
    fn sleep(&self, duration_ms: u64) -> LocalBoxFuture<'static, ()>;

    /// Writes text to a stream of the script.
    fn print(&self, stream: Stream, text: &str);

    /// One line for the run's log.
    fn log(&self, level: Level, message: &str);

    /// How far the script is.
    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>);

    /// Microseconds on a clock that never goes back, from any point in time.
    fn monotonic_us(&self) -> u64;

    /// So many random bytes.
    fn random(&self, length: usize) -> Vec<u8>;
}

/// What the host answers later.
pub type Answer<T, E> = LocalBoxFuture<'static, Result<T, E>>;

/// The host's interfaces behind the global `tollgate`. Dropping a future cancels what it waits for.
pub trait Interfaces {
    /// Asks the model.
    fn complete(&self, messages: Vec<Message>, tools: Vec<Tool>, options: Options) -> Answer<Completion, ModelError>;

    /// Asks the person behind the run. The schema is JSON, or empty.
    fn ask(&self, message: String, schema: String) -> Answer<Reply, AskError>;

    /// The servers of which the run may use something, the best first.
    fn list_servers(&self) -> Vec<Server>;

    /// The resources of all servers, or of the best one of a domain, as JSON.
    fn gather_resources(&self, domain: Option<String>, fail_fast: Option<bool>) -> Answer<String, CallFailure>;

    /// What a key has.
    fn get_state(&self, key: String) -> Answer<Option<Entry>, StateError>;

    /// Sets a key to JSON: its new version.
    fn set_state(&self, key: String, value: String, expected: Expected) -> Answer<Version, StateError>;

    /// Deletes a key: whether it was there.
    fn delete_state(&self, key: String, expected: Option<Version>) -> Answer<bool, StateError>;

    /// The keys that begin so.
    fn list_state(&self, prefix: String, after: Option<String>, limit: Option<u32>) -> Answer<Page, StateError>;

    /// The resources of all servers, as JSON.
    fn list_resources(&self) -> LocalBoxFuture<'static, String>;

    /// Reads a resource: MCP's `ReadResourceResult`.
    fn read_resource(&self, server: String, uri: String) -> Answer<String, CallFailure>;

    /// The prompts of all servers, as JSON.
    fn list_prompts(&self) -> LocalBoxFuture<'static, String>;

    /// Gets a prompt, filled in with arguments (a JSON object): MCP's `GetPromptResult`.
    fn get_prompt(&self, server: String, name: String, arguments: String) -> Answer<String, CallFailure>;
}
