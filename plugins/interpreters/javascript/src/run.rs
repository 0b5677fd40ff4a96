//! One script, from its text to its value.

use std::collections::BTreeSet;

use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{Object, Persistent, Promise, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bindings::PolicyError;
use crate::engine::{Bridge, Engine};
use crate::exception::{self, SCRIPT, Thrown, WRAPPER};
use crate::host::Stream;
use crate::natives::{self, Answer};
use crate::result::{self, Reading};

/// The longest identifier that the host gives a tool.
const IDENTIFIER_MAX_CHARS: usize = 64;
/// Servers that an error names as what there is, at most.
const MAX_SERVERS_NAMED: usize = 20;

/// The input of the world `interpreter`.
#[derive(Deserialize)]
struct Input<'a> {
    code: String,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
}

/// Why a script gave no value.
enum Failure {
    /// It is not JavaScript.
    Syntax(Thrown),
    /// It threw.
    Exception(Thrown),
}

impl From<Failure> for PolicyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Syntax(thrown) => thrown.into_policy_error("syntax-error"),
            Failure::Exception(thrown) => thrown.into_policy_error("exception"),
        }
    }
}

/// How far the script is.
enum Main {
    /// Its code runs; the promise gives its last value in an object, or, where it has a top-level `return`, itself.
    Running { promise: Persistent<Promise<'static>>, lines_up: u32 },
    /// Its last value is waited for, where it is a promise.
    Ending { promise: Persistent<Promise<'static>>, lines_up: u32 },
    /// It has ended, with this value.
    Ended { value: Persistent<Value<'static>> },
}

/// Runs a script in an engine that has run none: the input and the output are those of the world `interpreter`.
///
/// It ends when the script's code has ended and every call, `sleep` and `setTimeout` that it made; intervals end
/// with it. What a script throws ends it at once.
///
/// # Errors
/// As the world says: `syntax-error` or `exception`, with the place in the script.
pub async fn run(engine: &Engine, input: &str) -> Result<String, PolicyError> {
    let ended = follow(engine, input).await;
    // What a script asks for and then throws is cancelled, as all else that is still under way.
    drop(engine.shared.requests.take());
    ended
}

async fn follow(engine: &Engine, input: &str) -> Result<String, PolicyError> {
    let input: Input<'_> = serde_json::from_str(input).map_err(|error| PolicyError {
        message: format!("the input is not an object with `code`, `file`, `input` and `session`: {error}"),
        code: Some("invalid-input".to_owned()),
        data: None,
        caused_by: None,
    })?;
    let mut main = start(engine, &input)?;
    let mut calls: FuturesUnordered<LocalBoxFuture<'static, Answer>> = FuturesUnordered::new();
    let mut wake: Option<(u64, LocalBoxFuture<'static, ()>)> = None;
    let shared = &engine.shared;
    loop {
        main = turn(engine, main)?;
        calls.extend(shared.requests.take());
        let (next, keep_alive) = {
            let timers = shared.timers.borrow();
            (timers.next(), timers.keep_alive())
        };
        let ended = matches!(main, Main::Ended { .. });
        if calls.is_empty() && !keep_alive && (ended || next.is_none()) {
            return Ok(finish(engine, main)?);
        }
        match next {
            // One sleep for all timers, so that they fire in their order.
            Some(deadline_ms) if wake.as_ref().is_none_or(|(sleeping_ms, _)| *sleeping_ms > deadline_ms) => {
                let pause_ms = deadline_ms.saturating_sub(shared.now_ms());
                wake = Some((deadline_ms, shared.host.sleep(pause_ms)));
            }
            Some(_) => {}
            None => wake = None,
        }
        match (&mut wake, calls.is_empty()) {
            (None, _) => deliver(engine, calls.next().await)?,
            (Some((deadline_ms, sleep)), no_calls) => {
                let deadline_ms = *deadline_ms;
                let woken = if no_calls {
                    sleep.await;
                    true
                } else {
                    match select(sleep, calls.next()).await {
                        Either::Left(_) => true,
                        Either::Right((answer, _)) => {
                            deliver(engine, answer)?;
                            false
                        }
                    }
                };
                if woken {
                    wake = None;
                    fire(engine, deadline_ms)?;
                }
            }
        }
    }
}

/// Gives the script its globals and runs it up to its first `await`.
fn start(engine: &Engine, input: &Input<'_>) -> Result<Main, Failure> {
    let json = |document: Option<&RawValue>| document.map_or("null", RawValue::get).to_owned();
    let servers = engine.shared.servers();
    if input.code.contains("debugger") {
        for line in debugger_lines(&input.code) {
            let text = format!("`debugger` in line {line} does nothing: no debugger is attached\n");
            engine.shared.host.print(Stream::Err, &text);
        }
    }
    enter(engine, |bridge| {
        let given = || -> rquickjs::Result<()> {
            let (given, session) =
                (bridge.ctx.json_parse(json(input.input))?, bridge.ctx.json_parse(json(input.session))?);
            bridge.call::<_, ()>("begin", (given, session))?;
            if input.code.contains("tollgate") {
                bridge.add_tollgate(&engine.shared)?;
            }
            // Only what the script mentions is made: a tiny script costs nothing for a fleet of servers.
            for server in servers.iter().filter(|server| input.code.contains(&server.name)) {
                let mentioned = natives::list(&bridge.ctx, flat_names(&input.code, &server.name))?;
                bridge.call::<_, ()>("addServer", (&*server.name, &*server.server, mentioned))?;
            }
            Ok(())
        };
        given().map_err(|error| Failure::Exception(exception::caught(&bridge.ctx, Some(bridge), error)))?;
        evaluate(bridge, &input.code)
    })
}

fn evaluate(bridge: &Bridge<'_>, code: &str) -> Result<Main, Failure> {
    if let Some((line, column)) = position(code, '\0') {
        return Err(Failure::Syntax(Thrown::new("SyntaxError", "the script has a NUL character").at(line, column)));
    }
    let options = |promise| {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.promise = promise;
        options.filename = Some(SCRIPT.to_owned());
        options
    };
    let caught = |error| exception::caught(&bridge.ctx, Some(bridge), error);
    let thrown = match bridge.ctx.eval_with_options::<Promise<'_>, _>(code, options(true)) {
        Ok(promise) => return Ok(Main::Running { promise: Persistent::save(&bridge.ctx, promise), lines_up: 0 }),
        Err(error) => caught(error),
    };
    if thrown.message != "return not in a function" {
        return Err(Failure::Syntax(thrown));
    }
    // A top-level `return`: the script is the body of a function, one line further down.
    let body = format!("(async function {WRAPPER}() {{\n{code}\n}})()");
    match bridge.ctx.eval_with_options::<Promise<'_>, _>(body, options(false)) {
        Ok(promise) => Ok(Main::Running { promise: Persistent::save(&bridge.ctx, promise), lines_up: 1 }),
        Err(error) => Err(Failure::Syntax(caught(error).lines_up(1))),
    }
}

/// The lines with a `debugger` statement, from 1, at most 20: the engine passes over it in silence.
fn debugger_lines(code: &str) -> Vec<usize> {
    let begins = |before: &str| before.is_empty() || before.ends_with([';', '{', '}', ')', ':']) || before == "else";
    let has_it = |line: &str| {
        let line = line.split("//").next().unwrap_or_default().trim_end();
        let rest = line.strip_suffix(';').unwrap_or(line).trim_end();
        rest.strip_suffix("debugger").is_some_and(|before| begins(before.trim()))
    };
    let lines = code.lines().enumerate().filter(|(_, line)| has_it(line));
    lines.map(|(at, _)| at + 1).take(20).collect()
}

/// What follows `server__` in the script's text, each once.
fn flat_names(code: &str, server: &str) -> BTreeSet<String> {
    let is_part = |character: &char| character.is_alphanumeric() || matches!(character, '_' | '$');
    let prefix = format!("{server}__");
    let names = code.match_indices(&prefix).filter_map(|(at, _)| code.get(at + prefix.len()..));
    // The names may overlap, as those of `e__e__echo`.
    let names = names.map(|rest| rest.chars().take_while(is_part).take(IDENTIFIER_MAX_CHARS + 1).collect());
    names.filter(|name: &String| !name.is_empty()).collect()
}

/// Where a character stands first: line and column, from 1.
fn position(text: &str, wanted: char) -> Option<(u32, u32)> {
    let (mut line, mut column) = (1, 1);
    for character in text.chars() {
        match character {
            found if found == wanted => return Some((line, column)),
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
    }
    None
}

/// Runs every job that can run now, and follows the script's own promise.
fn turn(engine: &Engine, mut main: Main) -> Result<Main, Failure> {
    enter(engine, |bridge| {
        loop {
            while bridge.ctx.execute_pending_job() {}
            let (promise, lines_up, ending) = match &main {
                Main::Running { promise, lines_up } => (promise, *lines_up, false),
                Main::Ending { promise, lines_up } => (promise, *lines_up, true),
                Main::Ended { .. } => return Ok(main),
            };
            let promise =
                promise.clone().restore(&bridge.ctx).map_err(|error| failed(engine, bridge, error, lines_up))?;
            if promise.state() == PromiseState::Pending {
                return Ok(main);
            }
            let value: Value<'_> = match promise.result() {
                Some(Ok(value)) => value,
                Some(Err(error)) => return Err(with_servers(engine, failed(engine, bridge, error, lines_up))),
                None => return Ok(main),
            };
            main = if ending {
                Main::Ended { value: Persistent::save(&bridge.ctx, value) }
            } else {
                let last = if lines_up == 0 { last_value(value) } else { Ok(value) };
                let adopted = last.and_then(|last| bridge.call("adopt", (last,)));
                let promise: Promise<'_> = adopted.map_err(|error| failed(engine, bridge, error, lines_up))?;
                Main::Ending { promise: Persistent::save(&bridge.ctx, promise), lines_up }
            };
        }
    })
}

/// The value of the last expression, out of the object that the engine puts it into.
fn last_value<'js>(value: Value<'js>) -> rquickjs::Result<Value<'js>> {
    let ctx = value.ctx().clone();
    match value.into_object() {
        Some(done) => done.get("value"),
        None => Ok(Value::new_undefined(ctx)),
    }
}

fn failed(engine: &Engine, bridge: &Bridge<'_>, error: rquickjs::Error, lines_up: u32) -> Failure {
    // The error is read by its members, which may be the script's getters.
    engine.shared.ended.set(true);
    Failure::Exception(exception::caught(&bridge.ctx, Some(bridge), error).lines_up(lines_up))
}

/// A name that is not defined may be meant for a server: the error says which there are.
fn with_servers(engine: &Engine, failure: Failure) -> Failure {
    let Failure::Exception(mut thrown) = failure else { return failure };
    if thrown.class == "ReferenceError" {
        let servers = engine.shared.servers();
        let names: Vec<&str> = servers.iter().take(MAX_SERVERS_NAMED).map(|server| server.name.as_str()).collect();
        if !names.is_empty() {
            let more = if servers.len() > names.len() { ", …" } else { "" };
            thrown.message += &format!("; the servers that this script may call are {}{more}", names.join(", "));
        }
    }
    Failure::Exception(thrown)
}

/// Gives a call's answer to the script.
fn deliver(engine: &Engine, answer: Option<Answer>) -> Result<(), Failure> {
    let Some(Answer { waiting, json, raw }) = answer else { return Ok(()) };
    enter(engine, |bridge| {
        let text = |text: &str| rquickjs::String::from_str(bridge.ctx.clone(), text).map(|text| text.into_value());
        let document = |json: String| match bridge.ctx.json_parse(json.as_str()) {
            Ok(value) => Ok(value),
            // No JSON to the engine: the script gets to see what it is.
            Err(_) => {
                drop(bridge.ctx.catch());
                text(&json)
            }
        };
        let given = match json {
            Err(failure) => waiting.reject(bridge, &failure),
            Ok(json) => {
                let value = match if raw { Reading::Json(json) } else { result::read(&json) } {
                    Reading::Json(json) => document(json),
                    Reading::Text(plain) => text(&plain),
                };
                value.and_then(|value| waiting.resolve(&bridge.ctx, value))
            }
        };
        given.map_err(|error| failed(engine, bridge, error, 0))
    })
}

/// Fires the timers that are due. Those that they set wait for the next time.
fn fire(engine: &Engine, deadline_ms: u64) -> Result<(), Failure> {
    let shared = &engine.shared;
    // The sleep has ended, whatever the clock's resolution makes of it.
    let now_ms = shared.now_ms().max(deadline_ms);
    let due: Vec<u32> = std::iter::from_fn(|| shared.timers.borrow_mut().take_due(now_ms)).collect();
    enter(engine, |bridge| {
        for id in due {
            bridge.call::<_, ()>("fire", (id,)).map_err(|error| failed(engine, bridge, error, 0))?;
            while bridge.ctx.execute_pending_job() {}
        }
        Ok(())
    })
}

/// The output, when nothing is left to wait for.
fn finish(engine: &Engine, main: Main) -> Result<String, Failure> {
    let lines_up = match &main {
        Main::Running { lines_up, .. } | Main::Ending { lines_up, .. } => *lines_up,
        Main::Ended { .. } => 0,
    };
    engine.shared.ended.set(true);
    enter(engine, |bridge| {
        let given = || -> rquickjs::Result<Result<String, Thrown>> {
            if let Some(rejection) = bridge.call::<_, Option<Object<'_>>>("unhandled", ())? {
                return Ok(Err(exception::explain(bridge, rejection.get("reason")?).lines_up(lines_up)));
            }
            let Main::Ended { value } = main else {
                let why = "the script waits for a promise that nothing will settle: no call, sleep or timer is pending";
                return Ok(Err(Thrown::new("Error", why)));
            };
            let output: String = bridge.call("output", (value.restore(&bridge.ctx)?,))?;
            let session: String = bridge.call("sessionJson", ())?;
            Ok(Ok(format!(r#"{{"output":{output},"session":{session}}}"#)))
        };
        match given() {
            Ok(ended) => ended.map_err(Failure::Exception),
            Err(error) => Err(failed(engine, bridge, error, 0)),
        }
    })
}

fn enter<R>(engine: &Engine, work: impl FnOnce(&Bridge<'_>) -> Result<R, Failure>) -> Result<R, Failure> {
    engine.with(work).unwrap_or_else(|why| Err(Failure::Exception(Thrown::new("InternalError", why))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugger_statements_are_found_by_line() {
        let code = "debugger\nlet debugger_ = 1; // debugger\nif (x) debugger;\nlog('debugger');\na.debugger\n  debugger ; // why\nattach a debugger\n";
        assert_eq!(debugger_lines(code), [1, 3, 6]);
    }

    #[test]
    fn names_after_a_servers_may_hold_it_again() {
        let names = |code: &str, server: &str| flat_names(code, server).into_iter().collect::<Vec<_>>();
        assert_eq!(names("await e__e__echo(); e__add(1)", "e"), ["add", "e__echo", "echo"]);
        assert!(names("s__issues__list({})", "s").contains(&"issues__list".to_owned()));
        assert_eq!(names("lab__ lab__(", "lab"), [] as [&str; 0]);
        // Long ones are no tool's, and cost no more.
        assert!(names(&"s__".repeat(100_000), "s").iter().all(|name| name.len() <= IDENTIFIER_MAX_CHARS + 1));
    }
}
