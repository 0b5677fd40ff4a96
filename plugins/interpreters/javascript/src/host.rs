//! What an interpreter needs of the outside.

use futures_util::future::LocalBoxFuture;

use crate::bindings::{CallFailure, Function, Level, Namespace};

/// Where a script's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `print`, `console.log`.
    Out,
    /// `console.warn`, `console.error`.
    Err,
}

/// The outside, as a run sees it: the imports of the world `interpreter` and of WASI.
pub trait Host {
    /// The servers that the run may call.
    fn servers(&self) -> Vec<Namespace>;

    /// The tools of a server that the run may call.
    fn functions(&self, server: &str) -> Vec<Function>;

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
