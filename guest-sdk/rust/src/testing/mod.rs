//! A host without Wasm, for unit tests of policies and adapters: `cargo test` on the author's own machine.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//! use tollgate_sdk::testing::{FakeHost, block_on};
//!
//! async fn count(query: &str) -> Result<usize> {
//!     Ok(call_as::<Vec<Value>>("crm:search_customers", json!({"query": query})).await?.len())
//! }
//!
//! let host = FakeHost::new().answer("crm:search_customers", json!([{"name": "Ada"}])).install();
//! assert_eq!(block_on(count("ada")).unwrap(), 1);
//! assert_eq!(host.calls(), [("crm:search_customers".to_owned(), json!({"query": "ada"}))]);
//! ```

mod people;
pub(crate) mod servers;
pub(crate) mod state;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::bindings::types as wit;
use crate::{CallError, CallFailure, ToolResult};

pub(crate) use people::{ask, complete};

thread_local! {
    static INSTALLED: RefCell<Option<FakeHost>> = const { RefCell::new(None) };
}

/// Stands in for the host on the thread that installs it, and remembers what was asked of it.
#[derive(Clone, Default)]
pub struct FakeHost(Rc<RefCell<State>>);

type Answer = Rc<dyn Fn(&Value) -> Result<ToolResult, CallError>>;

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    calls: Vec<(String, Value)>,
    in_flight: usize,
    most_in_flight: usize,
    logs: Vec<String>,
    progress: Vec<String>,
    slept: Duration,
    people: people::People,
    servers: servers::Servers,
    kept: state::Kept,
}

impl FakeHost {
    /// A host without tools: each call is [`CallError::UnknownTool`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A tool, named `server:tool`, that gives this value.
    #[must_use]
    pub fn answer(self, tool: &str, value: impl Serialize) -> Self {
        let raw = json!({"content": [], "structuredContent": {"result": json!(value)}}).to_string();
        self.with(tool, move |_| Ok(ToolResult::from_raw(raw.clone())))
    }

    /// A tool that fails in this way.
    #[must_use]
    pub fn fail(self, tool: &str, error: CallError) -> Self {
        self.with(tool, move |_| Err(error.clone()))
    }

    /// A tool that answers by its arguments.
    #[must_use]
    pub fn with(self, tool: &str, answer: impl Fn(&Value) -> Result<ToolResult, CallError> + 'static) -> Self {
        self.0.borrow_mut().answers.insert(tool.to_owned(), Rc::new(answer));
        self
    }

    /// Stands in from now on, on this thread, until another is installed.
    pub fn install(self) -> Self {
        INSTALLED.set(Some(self.clone()));
        self
    }

    /// The calls so far, each with its arguments.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.0.borrow().calls.clone()
    }

    /// How many calls were in flight at once, at most. Calls of the blocking functions do not count.
    pub fn most_in_flight(&self) -> usize {
        self.0.borrow().most_in_flight
    }

    /// What was told of the progress so far.
    pub fn progress(&self) -> Vec<String> {
        self.0.borrow().progress.clone()
    }

    /// The lines of the log so far.
    pub fn logs(&self) -> Vec<String> {
        self.0.borrow().logs.clone()
    }

    /// How long was waited in all. Nothing waits in truth.
    pub fn slept(&self) -> Duration {
        self.0.borrow().slept
    }
}

/// Runs a future to its end. Everything that a fake host answers is there at once.
///
/// # Panics
/// Where the future waits for something else than the host: nothing would ever wake it.
#[allow(clippy::panic, reason = "a test fails by panicking")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    // A future that wakes itself, as `join_all` of many does, is polled again; one that never ends is told.
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that is no call of the host");
}

#[allow(clippy::panic, reason = "a test fails by panicking")]
fn installed() -> FakeHost {
    INSTALLED.with_borrow(Clone::clone).unwrap_or_else(|| {
        panic!("there is no host here: in a test, install a tollgate_sdk::testing::FakeHost first");
    })
}

#[allow(clippy::result_large_err, reason = "as the generated bindings have it")]
pub(crate) fn call_tool(server: &str, tool: &str, args: &str) -> Result<wit::ToolResult, wit::CallFailure> {
    let FakeHost(state) = installed();
    let name = format!("{server}:{tool}");
    let args: Value = serde_json::from_str(args).unwrap_or_default();
    state.borrow_mut().calls.push((name.clone(), args.clone()));
    // Taken out first: an answer may ask the host for something itself.
    let answer = state.borrow().answers.get(&name).cloned();
    let answer = match answer {
        Some(answer) => answer(&args),
        None => Err(CallError::UnknownTool(Vec::new())),
    };
    answer
        .map(Into::into)
        .map_err(|error| CallFailure { attempts: 1, ..CallFailure::unsent(server, tool, error) }.into())
}

/// A call that takes one turn of the executor, so that calls made at once are in flight at once.
#[allow(clippy::result_large_err, reason = "as the generated bindings have it")]
pub(crate) async fn call_tool_at_once(
    server: &str,
    tool: &str,
    args: &str,
) -> Result<wit::ToolResult, wit::CallFailure> {
    struct InFlight(FakeHost);
    impl Drop for InFlight {
        fn drop(&mut self) {
            self.0.0.borrow_mut().in_flight -= 1;
        }
    }

    let host = installed();
    {
        let mut state = host.0.borrow_mut();
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
    }
    let _in_flight = InFlight(host);
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    call_tool(server, tool, args)
}

pub(crate) fn sleep(ms: u64) {
    installed().0.borrow_mut().slept += Duration::from_millis(ms);
}

/// Without a host a line is lost, not a panic: pure functions may log too.
pub(crate) fn log(line: &str) {
    if let Some(FakeHost(state)) = INSTALLED.with_borrow(Clone::clone) {
        state.borrow_mut().logs.push(line.to_owned());
    }
}

pub(crate) fn progress(message: &str) {
    if let Some(FakeHost(state)) = INSTALLED.with_borrow(Clone::clone) {
        state.borrow_mut().progress.push(message.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{blocking, call, join_all, log, progress};

    #[test]
    fn calls_are_answered_and_remembered_on_both_ways() {
        let host = FakeHost::new().answer("a:b", 7).fail("a:c", CallError::Overloaded).install();
        assert_eq!(block_on(call("a:b", json!({"x": 1}))).unwrap().json::<u8>().unwrap(), 7);
        assert_eq!(blocking::call("a:c", json!({})).unwrap_err().error, CallError::Overloaded);
        let many = blocking::call_all([blocking::Call::new("a:b", json!({})), blocking::Call::new("a:d", json!({}))]);
        assert_eq!(many[1].as_ref().unwrap_err().error.kind(), "unknown-tool");
        assert_eq!(host.calls().len(), 4);
        assert_eq!(host.most_in_flight(), 1);
        assert_eq!(host.calls()[0], ("a:b".to_owned(), json!({"x": 1})));
        let at_once = block_on(join_all((0..100).map(|_| call("a:b", json!({})))));
        assert!(at_once.iter().all(Result::is_ok));
        assert_eq!(host.most_in_flight(), 100);
    }

    #[test]
    fn waits_and_lines_are_remembered() {
        let host = FakeHost::new().install();
        block_on(crate::sleep(Duration::from_micros(1500)));
        blocking::sleep(Duration::from_secs(1));
        log::info!("{} found", 3);
        progress(1.0, 2.0, "half");
        assert_eq!(host.slept(), Duration::from_millis(1002));
        assert_eq!(host.logs(), ["3 found"]);
        assert_eq!(host.progress(), ["half"]);
    }
}
