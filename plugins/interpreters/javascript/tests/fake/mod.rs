//! A stand-in for the host.

pub mod interfaces;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{FutureExt, LocalBoxFuture, poll_fn};
use serde_json::{Value, json};
use tollgate_javascript::bindings::{
    CallError, CallFailure, Function, Level, Namespace, Parameter, ToolResult, Violation,
};
use tollgate_javascript::host::{Host, Stream};

/// The tools of `adapter_lab` with their parameters, `!` after one that must be there.
const LAB: [(&str, &[&str]); 10] = [
    ("add", &["a!", "b!"]),
    ("class", &["x!"]),
    ("echo", &["value!"]),
    ("fail", &["message!"]),
    ("json-text", &["text!"]),
    ("many", &["n!"]),
    ("move", &["object_name!", "grasp_id!", "mode", "move_to_object"]),
    ("picture", &[]),
    ("text", &["text!"]),
    ("wait", &["ms!"]),
];

const CRM: [(&str, &[&str]); 3] = [
    ("get_customer", &["id!"]),
    ("search_customers", &["query!", "limit"]),
    ("update_customer", &["id!", "name", "email", "company", "status"]),
];

/// Time that passes only while everything waits.
#[derive(Default)]
struct Clock {
    now_ms: Cell<u64>,
    sleeping: RefCell<Vec<u64>>,
}

impl Clock {
    /// A future that ends after so many milliseconds of this clock. The earliest of those that wait goes first.
    fn sleep(self: &Rc<Self>, duration_ms: u64) -> LocalBoxFuture<'static, ()> {
        let clock = Rc::clone(self);
        let until = clock.now_ms.get() + duration_ms;
        clock.sleeping.borrow_mut().push(until);
        let mut guard = Sleeping { clock: Rc::clone(&clock), until };
        let mut polled = false;
        poll_fn(move |context| {
            let _ = &mut guard;
            let earliest = clock.sleeping.borrow().iter().copied().min();
            if clock.now_ms.get() >= until {
                return Poll::Ready(());
            }
            // Once all had a chance to be polled, time goes on to the earliest.
            if polled && earliest == Some(until) {
                clock.now_ms.set(until);
                return Poll::Ready(());
            }
            polled = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .boxed_local()
    }
}

struct Sleeping {
    clock: Rc<Clock>,
    until: u64,
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        let mut sleeping = self.clock.sleeping.borrow_mut();
        if let Some(at) = sleeping.iter().position(|until| *until == self.until) {
            sleeping.remove(at);
        }
    }
}

pub struct FakeHost {
    grants: Vec<String>,
    clock: Rc<Clock>,
    /// Standard output and standard error.
    pub printed: RefCell<(String, String)>,
    pub logged: RefCell<Vec<String>>,
    /// The model, the person, and what is kept.
    pub others: interfaces::Others,
}

impl FakeHost {
    pub fn new(grants: Vec<String>) -> Self {
        Self {
            grants,
            clock: Rc::default(),
            printed: RefCell::default(),
            logged: RefCell::default(),
            others: interfaces::Others::default(),
        }
    }

    fn granted(&self, server: &str, tool: &str) -> bool {
        let name = format!("{server}:{tool}");
        self.grants.iter().any(|grant| match grant.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *grant,
        })
    }

    fn tools(server: &str) -> &'static [(&'static str, &'static [&'static str])] {
        match server {
            "lab" | "my-server" => &LAB,
            "crm" => &CRM,
            _ => &[],
        }
    }

    fn check(&self, server: &str, tool: &str, args: &Value) -> Result<(), CallError> {
        if !self.granted(server, tool) {
            return Err(CallError::Denied(format!("the run has no grant for {server}:{tool}")));
        }
        let Some((_, parameters)) = Self::tools(server).iter().find(|(name, _)| *name == tool) else {
            let near = Self::tools(server).iter().filter(|(name, _)| name.get(..1) == tool.get(..1));
            return Err(CallError::UnknownTool(near.map(|(name, _)| format!("{server}:{name}")).collect()));
        };
        let violation = |path: String, message: String| CallError::InvalidArguments(vec![Violation { path, message }]);
        if !args.is_object() {
            return Err(violation(String::new(), format!("{args} is not of type \"object\"")));
        }
        for name in args.as_object().into_iter().flat_map(|args| args.keys()) {
            if !parameters.iter().any(|parameter| parameter.trim_end_matches('!') == name) {
                return Err(violation(String::new(), format!("Additional properties are not allowed ('{name}')")));
            }
        }
        for required in parameters.iter().filter_map(|parameter| parameter.strip_suffix('!')) {
            if args.get(required).is_none() {
                return Err(violation(String::new(), format!("\"{required}\" is a required property")));
            }
        }
        for text in ["text", "message", "object_name", "mode", "query"] {
            if let Some(value) = args.get(text).filter(|value| !value.is_string()) {
                return Err(violation(format!("/{text}"), format!("{value} is not of type \"string\"")));
            }
        }
        for number in ["a", "b", "grasp_id", "n", "ms"] {
            if let Some(value) = args.get(number).filter(|value| !value.is_number()) {
                return Err(violation(format!("/{number}"), format!("{value} is not of type \"number\"")));
            }
        }
        Ok(())
    }
}

fn text_result(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn structured(value: Value) -> Value {
    json!({"content": [{"type": "text", "text": value.to_string()}], "structuredContent": value})
}

/// A value that is no object, as servers write it.
fn wrapped(value: Value) -> Value {
    json!({"content": [{"type": "text", "text": value.to_string()}], "structuredContent": {"result": value}})
}

fn answer(tool: &str, args: &Value) -> Result<Value, CallError> {
    let text = |name: &str| args[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| args[name].as_f64().unwrap_or_default();
    Ok(match tool {
        "echo" => structured(json!({"value": args["value"]})),
        "class" => structured(json!({"value": args["x"]})),
        "text" | "json-text" => text_result(&text("text")),
        "fail" => {
            let mut result = text_result(&text("message"));
            result["isError"] = json!(true);
            return Err(CallError::Failed(ToolResult { json: result.to_string() }));
        }
        "wait" => structured(json!({"waited": args["ms"]})),
        "move" => structured(json!({
            "object_name": args["object_name"],
            "grasp_id": args["grasp_id"],
            "mode": args.get("mode").cloned().unwrap_or_else(|| "sim".into()),
            "move_to_object": args.get("move_to_object").cloned().unwrap_or_else(|| false.into()),
        })),
        "picture" => json!({"content": [{"type": "image", "data": "R0lGODlhAQABAAAAACw=", "mimeType": "image/gif"}]}),
        "add" => text_result(&(number("a") + number("b")).to_string()),
        "many" => text_result(&json!((0..number("n") as u64).collect::<Vec<_>>()).to_string()),
        "search_customers" => wrapped(json!([{
            "id": "5f0c1a2e-0001-4a7b-9c3d-8e2f6b1d0a01",
            "name": "John Smith",
            "email": "john.smith@acme.com",
            "company": "Acme",
            "status": "past_due",
            "account_manager": "Priya Nair",
            "customer_since": "2023-11-12",
        }])),
        _ => json!({"content": []}),
    })
}

/// A tool's name as an identifier of JavaScript.
fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

impl Host for FakeHost {
    fn servers(&self) -> Vec<Namespace> {
        let granted = |server: &&str| Self::tools(server).iter().any(|(tool, _)| self.granted(server, tool));
        let servers = ["crm", "lab", "my-server"].into_iter().filter(granted);
        servers.map(|server| Namespace { name: identifier(server), server: server.to_owned() }).collect()
    }

    fn find(&self, server: &str, name: &str) -> Option<Function> {
        self.functions(server).into_iter().find(|function| function.name == name || function.tool == name)
    }

    fn functions(&self, server: &str) -> Vec<Function> {
        let granted = Self::tools(server).iter().filter(|(tool, _)| self.granted(server, tool));
        let parameter = |name: &&str| {
            let name = name.trim_end_matches('!').to_owned();
            Parameter { name: name.clone(), argument: name }
        };
        granted
            .map(|(tool, parameters)| Function {
                name: identifier(tool),
                tool: (*tool).to_owned(),
                parameters: parameters.iter().map(parameter).collect(),
            })
            .collect()
    }

    fn call(&self, server: String, tool: String, args: String) -> LocalBoxFuture<'static, Result<String, CallFailure>> {
        let args: Value = serde_json::from_str(&args).unwrap();
        let outcome = self.check(&server, &tool, &args).and_then(|()| answer(&tool, &args));
        let pause_ms = if tool == "wait" { args["ms"].as_u64().unwrap_or_default() } else { 0 };
        let pause = self.clock.sleep(if outcome.is_ok() { pause_ms } else { 0 });
        async move {
            pause.await;
            outcome.map(|result| result.to_string()).map_err(|error| {
                let attempts = u32::from(matches!(error, CallError::Failed(_)));
                CallFailure { server, tool, attempts, elapsed_ms: 0, error }
            })
        }
        .boxed_local()
    }

    fn sleep(&self, duration_ms: u64) -> LocalBoxFuture<'static, ()> {
        self.clock.sleep(duration_ms)
    }

    fn print(&self, stream: Stream, text: &str) {
        let mut printed = self.printed.borrow_mut();
        match stream {
            Stream::Out => printed.0.push_str(text),
            Stream::Err => printed.1.push_str(text),
        }
    }

    fn log(&self, level: Level, message: &str) {
        self.logged.borrow_mut().push(format!("{level:?}: {message}"));
    }

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.logged.borrow_mut().push(format!("{done}/{total:?}: {message:?}"));
    }

    fn monotonic_us(&self) -> u64 {
        self.clock.now_ms.get() * 1000
    }

    fn random(&self, length: usize) -> Vec<u8> {
        (0..length).map(|n| (n as u8).wrapping_mul(37).wrapping_add(11)).collect()
    }
}
