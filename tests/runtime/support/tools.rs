//! The way out of a run: tools that answer, that wait, and that fail in every way.

use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tollgate_core::budget::Paid;
use tollgate_core::{
    Answer, BoxFuture, Budget, Call, CallError, CallFailure, Caller, LimitKind, LimitReached, Limits, LogLevel, Means,
    RpcError, ToolResult, Violation,
};

/// What a run calls in these tests:
///
/// - `echo:echo` answers its arguments as text, `echo:size` how many bytes they are.
/// - `slow:never` never answers; `slow:gate` answers when the test opens the gate.
/// - `burn:FUEL` answers at once and says that it used so much fuel.
/// - `fail:N` fails in the Nth of the [`failures`], at the third attempt.
pub struct Tools {
    budget: Arc<Budget>,
    gate: watch::Sender<bool>,
    in_flight: watch::Sender<usize>,
    most_in_flight: AtomicUsize,
    given_up: AtomicUsize,
    calls: Mutex<Vec<Call>>,
    log: Mutex<Vec<(LogLevel, String)>>,
    progress: Mutex<Vec<Option<String>>>,
}

impl Tools {
    /// Tools that keep to the limits on calls, as the gate does.
    pub fn limited(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            budget: Budget::new(limits, None),
            gate: watch::Sender::new(false),
            in_flight: watch::Sender::new(0),
            most_in_flight: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            calls: Mutex::default(),
            log: Mutex::default(),
            progress: Mutex::default(),
        })
    }

    /// Tools without limits.
    pub fn new() -> Arc<Self> {
        Self::limited(Limits { calls: u64::MAX, calls_at_once: u64::MAX, ..Limits::default() })
    }

    /// Lets `slow:gate` answer.
    pub fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    /// Waits until so many calls are in flight.
    pub async fn until_in_flight(&self, calls: usize) {
        self.in_flight.subscribe().wait_for(|n| *n == calls).await.unwrap();
    }

    /// Calls that began and have neither ended nor been dropped.
    pub fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// The most calls that were in flight at one moment.
    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    /// Calls that were dropped before they ended.
    pub fn given_up(&self) -> usize {
        self.given_up.load(Ordering::SeqCst)
    }

    /// Every call that came, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }

    /// Every log line that came, in order.
    pub fn log_lines(&self) -> Vec<(LogLevel, String)> {
        self.log.lock().clone()
    }

    /// Every progress message that came, in order.
    pub fn progress_messages(&self) -> Vec<Option<String>> {
        self.progress.lock().clone()
    }

    async fn answer(&self, call: &Call) -> Answer {
        let place = match self.budget.take_call() {
            Ok(place) => place,
            Err(reached) => return Answer::refused(CallError::BudgetExhausted(reached)),
        };
        let mut under_way = UnderWay::begin(self);
        let answer = match (call.server.as_str(), call.tool.as_str()) {
            ("echo", "echo") => Answer::once(Ok(text(&call.args))),
            ("echo", "size") => Answer::once(Ok(text(&call.args.len().to_string()))),
            ("slow", "never") => std::future::pending().await,
            ("slow", "gate") => {
                self.gate.subscribe().wait_for(|open| *open).await.unwrap();
                Answer::once(Ok(text("at last")))
            }
            ("burn", fuel) => Answer { fuel_used: fuel.parse().unwrap(), ..Answer::once(Ok(text("burnt"))) },
            ("fail", n) => {
                let (error, _) = failures().swap_remove(n.parse().unwrap());
                Answer { attempts: 3, ..Answer::once(Err(error)) }
            }
            _ => Answer::refused(CallError::UnknownTool(vec!["echo:echo".to_owned()])),
        };
        under_way.answered = true;
        drop(place);
        answer
    }
}

impl Caller for Tools {
    fn call(&self, call: Call, _means: Means) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)> {
        self.calls.lock().push(call.clone());
        Box::pin(async move {
            let Answer { result, attempts, fuel_used, .. } = self.answer(&call).await;
            let Call { server, tool, .. } = call;
            let elapsed = Duration::from_millis(12);
            (result.map_err(|error| CallFailure { server, tool, attempts, elapsed, error }), fuel_used)
        })
    }

    fn log(&self, _: Paid, level: LogLevel, message: String) {
        self.log.lock().push((level, message));
    }

    fn progress(&self, _: Paid, _: f64, _: Option<f64>, message: Option<String>) {
        self.progress.lock().push(message);
    }
}

/// Counts a call while it is under way, and it as given up when it is dropped unanswered.
struct UnderWay<'a> {
    tools: &'a Tools,
    answered: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(tools: &'a Tools) -> Self {
        tools.in_flight.send_modify(|n| {
            *n += 1;
            tools.most_in_flight.fetch_max(*n, Ordering::SeqCst);
        });
        Self { tools, answered: false }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.tools.given_up.fetch_add(1, Ordering::SeqCst);
        }
        self.tools.in_flight.send_modify(|n| *n -= 1);
    }
}

/// Every way in which a call can fail, and the details that a guest must see of it.
pub fn failures() -> Vec<(CallError, Value)> {
    let limit = LimitReached { kind: LimitKind::Calls, value: 9 };
    let tool_result = json!({"content": [{"type": "text", "text": "no such customer"}], "isError": true});
    vec![
        (CallError::Denied("no grant for crm:*".into()), json!("no grant for crm:*")),
        (CallError::UnknownTool(vec!["crm:get".into(), "crm:list".into()]), json!(["crm:get", "crm:list"])),
        (CallError::UnknownTool(vec![]), json!([])),
        (
            CallError::InvalidArguments(vec![
                Violation { path: "/id".into(), message: "is not a number".into() },
                Violation { path: String::new(), message: "`name` is missing".into() },
            ]),
            json!([{"path": "/id", "message": "is not a number"}, {"path": "", "message": "`name` is missing"}]),
        ),
        (CallError::Failed(ToolResult { json: tool_result.to_string(), is_error: true }), tool_result),
        (
            CallError::Rejected(RpcError { code: -32_602, message: "bad".into(), data: Some(r#"{"a":1}"#.into()) }),
            json!({"code": -32_602, "message": "bad", "data": {"a": 1}}),
        ),
        (
            CallError::Rejected(RpcError { code: i64::MIN, message: String::new(), data: None }),
            json!({"code": i64::MIN, "message": "", "data": null}),
        ),
        (CallError::InvalidResponse("prose".into()), json!("prose")),
        (CallError::AuthRequired("log in first".into()), json!("log in first")),
        (CallError::Unavailable("ünreachable 🦀".into()), json!("ünreachable 🦀")),
        (CallError::Overloaded, Value::Null),
        (CallError::TooLarge("17 MiB".into()), json!("17 MiB")),
        (CallError::TimedOut("after 30s".into()), json!("after 30s")),
        (CallError::RateLimited(Some(u64::MAX)), json!(u64::MAX)),
        (CallError::RateLimited(None), Value::Null),
        (CallError::BudgetExhausted(limit), json!({"name": "calls", "value": 9, "message": limit.to_string()})),
        (CallError::Cancelled, Value::Null),
        (CallError::OutcomeUnknown("the line went dead".into()), json!("the line went dead")),
    ]
}

fn text(text: &str) -> ToolResult {
    ToolResult { json: json!({"content": [{"type": "text", "text": text}]}).to_string(), is_error: false }
}
