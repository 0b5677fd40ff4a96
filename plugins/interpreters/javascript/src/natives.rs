//! The functions that the prelude is given. It does not pass them on: a script reaches them by its words only.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{FutureExt, LocalBoxFuture, TryFutureExt};
use rquickjs::function::Opt;
use rquickjs::object::Property;
use rquickjs::{Array, Ctx, Exception, Function, IntoJs, Object, Persistent, Promise, Result, TypedArray, Value};
use serde_json::json;

use crate::bindings::{Level, Namespace};
use crate::engine::Bridge;
use crate::host::{Host, Stream};
use crate::timers::Timers;
use crate::{exception, failure, interfaces, json, web};

/// The answer to what the script asked of the host, or a failure as the prelude reads it, for the promise that waits for it.
pub(crate) struct Answer {
    pub(crate) waiting: Waiting,
    pub(crate) json: std::result::Result<String, String>,
    /// Whether the script wants the whole answer of a tool.
    pub(crate) raw: bool,
}

/// The promise that the script has of an answer.
pub(crate) struct Waiting {
    resolve: Persistent<Function<'static>>,
    reject: Persistent<Function<'static>>,
    /// Where the script asked, as the engine writes a stack.
    place: Persistent<Value<'static>>,
}

impl Waiting {
    fn promise<'js>(ctx: &Ctx<'js>, place: Value<'js>) -> Result<(Promise<'js>, Self)> {
        let (promise, resolve, reject) = ctx.promise()?;
        let (resolve, reject) = (Persistent::save(ctx, resolve), Persistent::save(ctx, reject));
        Ok((promise, Self { resolve, reject, place: Persistent::save(ctx, place) }))
    }

    /// Gives the script what it waits for.
    pub(crate) fn resolve<'js>(self, ctx: &Ctx<'js>, value: Value<'js>) -> Result<()> {
        self.resolve.restore(ctx)?.call((value,))
    }

    /// Tells the script of a failure, in the text that the prelude makes an error of.
    pub(crate) fn reject(self, bridge: &Bridge<'_>, failure: &str) -> Result<()> {
        let made: Result<Value<'_>> = bridge.call("toolError", (failure, self.place.restore(&bridge.ctx)?));
        // What a script does to errors while they are made, it gets instead of ours.
        let error = made.or_else(|error| if error.is_exception() { Ok(bridge.ctx.catch()) } else { Err(error) })?;
        self.reject.restore(&bridge.ctx)?.call((error,))
    }
}

/// What the natives and the run share.
pub(crate) struct Shared {
    pub(crate) host: Rc<dyn Host>,
    /// What the script asked since the run looked last.
    pub(crate) requests: RefCell<Vec<LocalBoxFuture<'static, Answer>>>,
    pub(crate) timers: RefCell<Timers>,
    /// Made by the first question: a snapshot of the engine must hold nothing of it.
    random: RefCell<Option<fastrand::Rng>>,
    started_us: RefCell<Option<u64>>,
    servers: RefCell<Option<Rc<[Namespace]>>>,
    /// Whether the script has ended: what it asks for while its value is read, nobody would wait for.
    pub(crate) ended: Cell<bool>,
}

impl Shared {
    pub(crate) fn new(host: Rc<dyn Host>) -> Self {
        Self {
            host,
            requests: RefCell::default(),
            timers: RefCell::default(),
            random: RefCell::default(),
            started_us: RefCell::default(),
            servers: RefCell::default(),
            ended: Cell::default(),
        }
    }

    /// The servers that the run may call, asked for once.
    pub(crate) fn servers(&self) -> Rc<[Namespace]> {
        Rc::clone(self.servers.borrow_mut().get_or_insert_with(|| self.host.servers().into()))
    }

    /// A promise of what is asked of the host. It is on its way when this returns: a server works while the script goes on.
    /// `place` is where the script asks, `raw` whether it wants the whole answer of a tool.
    fn ask<'js, A>(&self, place: Value<'js>, raw: bool, asked: impl FnOnce(&dyn Host) -> A) -> Result<Promise<'js>>
    where
        A: Future<Output = std::result::Result<String, String>> + 'static,
    {
        let (promise, waiting) = Waiting::promise(&place.ctx().clone(), place)?;
        if self.ended.get() {
            return Ok(promise);
        }
        let answer = asked(&*self.host);
        let mut answer = async move { Answer { waiting, json: answer.await, raw } }.boxed_local();
        // The run polls it again before it waits for anything.
        let first = answer.poll_unpin(&mut Context::from_waker(Waker::noop()));
        self.requests.borrow_mut().push(match first {
            Poll::Ready(answer) => ready(answer).boxed_local(),
            Poll::Pending => answer,
        });
        Ok(promise)
    }

    /// Microseconds since the clock was first asked.
    fn elapsed_us(&self) -> u64 {
        let now_us = self.host.monotonic_us();
        now_us.saturating_sub(*self.started_us.borrow_mut().get_or_insert(now_us))
    }

    /// Milliseconds since the clock was first asked, for deadlines.
    pub(crate) fn now_ms(&self) -> u64 {
        self.elapsed_us() / 1000
    }

    /// From 0 up to 1, by a generator that is seeded once a run.
    fn random(&self) -> f64 {
        let seed = || {
            let bytes = self.host.random(8).try_into().unwrap_or([7; 8]);
            fastrand::Rng::with_seed(u64::from_le_bytes(bytes))
        };
        self.random.borrow_mut().get_or_insert_with(seed).f64()
    }
}

/// The object with all natives.
pub(crate) fn object<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> Result<Object<'js>> {
    let natives = Object::new(ctx.clone())?;
    calls(ctx, shared, &natives)?;
    time_and_chance(ctx, shared, &natives)?;
    output(ctx, shared, &natives)?;
    web::add(ctx, &natives)?;
    Ok(natives)
}

fn calls<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>, natives: &Object<'js>) -> Result<()> {
    let state = Rc::clone(shared);
    let servers = move |ctx: Ctx<'js>| {
        let servers = state.servers();
        let told = servers.iter().map(|namespace| json!([namespace.name, namespace.server]));
        ctx.json_parse(json!(told.collect::<Vec<_>>()).to_string())
    };
    natives.set("servers", Function::new(ctx.clone(), servers)?)?;
    let state = Rc::clone(shared);
    let functions = move |ctx: Ctx<'js>, server: String| {
        let all = state.host.functions(&server).into_iter().map(|function| found(&ctx, function));
        list(&ctx, all.collect::<Result<Vec<_>>>()?)
    };
    natives.set("functions", Function::new(ctx.clone(), functions)?)?;
    let state = Rc::clone(shared);
    let find = move |ctx: Ctx<'js>, server: String, name: String| {
        state.host.find(&server, &name).map(|function| found(&ctx, function)).transpose()
    };
    natives.set("find", Function::new(ctx.clone(), find)?)?;
    let problem = |text: String| json::problem(&text);
    natives.set("problem", Function::new(ctx.clone(), problem)?)?;
    let state = Rc::clone(shared);
    let call = move |server: String, tool: String, args: String, raw: bool, place: Value<'js>| {
        state.ask(place, raw, |host| host.call(server, tool, args).map_err(|failure| failure::to_json(&failure)))
    };
    natives.set("call", Function::new(ctx.clone(), call)?)
}

/// A tool, as the prelude reads it: `[name, tool, [[parameter, argument], …]]`.
fn found<'js>(ctx: &Ctx<'js>, function: crate::bindings::Function) -> Result<Array<'js>> {
    let pairs = function.parameters.into_iter().map(|p| list(ctx, [p.name, p.argument]));
    let parameters = list(ctx, pairs.collect::<Result<Vec<_>>>()?)?;
    let [name, tool] = [function.name, function.tool].map(|text| text.into_js(ctx));
    list(ctx, [name?, tool?, parameters.into_value()])
}

/// A list whose items are defined, not set: a script may have had a say in what setting one does.
pub(crate) fn list<'js, T: IntoJs<'js>>(ctx: &Ctx<'js>, items: impl IntoIterator<Item = T>) -> Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (at, item) in (0_u32..).zip(items) {
        list.as_object().prop(at, Property::from(item.into_js(ctx)?).configurable().enumerable().writable())?;
    }
    Ok(list)
}

/// What the functions of `tollgate` ask by.
pub(crate) fn request<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> Result<Function<'js>> {
    let state = Rc::clone(shared);
    let request = move |path: String, args: String, place: Value<'js>| {
        state.ask(place, true, |host| interfaces::ask(host, &path, &args))
    };
    Function::new(ctx.clone(), request)
}

fn time_and_chance<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>, natives: &Object<'js>) -> Result<()> {
    let state = Rc::clone(shared);
    let set = move |id: u32, delay_ms: f64, keep: bool| {
        // `as` saturates: not a number is 0, and no delay is too long to say.
        let deadline_ms = state.now_ms().saturating_add(delay_ms.ceil() as u64);
        state.timers.borrow_mut().set(id, deadline_ms, keep);
    };
    natives.set("setTimer", Function::new(ctx.clone(), set)?)?;
    let state = Rc::clone(shared);
    let clear = move |id: u32| state.timers.borrow_mut().clear(id);
    natives.set("clearTimer", Function::new(ctx.clone(), clear)?)?;
    let state = Rc::clone(shared);
    natives.set("now", Function::new(ctx.clone(), move || state.elapsed_us() as f64 / 1000.0)?)?;
    let state = Rc::clone(shared);
    natives.set("random", Function::new(ctx.clone(), move || state.random())?)?;
    let state = Rc::clone(shared);
    let bytes = move |ctx: Ctx<'js>, length: usize| TypedArray::<u8>::new(ctx, state.host.random(length));
    natives.set("randomBytes", Function::new(ctx.clone(), bytes)?)
}

fn output<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>, natives: &Object<'js>) -> Result<()> {
    let state = Rc::clone(shared);
    let print = move |to_err: bool, text: String| {
        state.host.print(if to_err { Stream::Err } else { Stream::Out }, &text);
    };
    natives.set("print", Function::new(ctx.clone(), print)?)?;
    natives.set("frames", Function::new(ctx.clone(), |stack: String| exception::frames_text(&stack))?)?;
    let state = Rc::clone(shared);
    let log = move |ctx: Ctx<'js>, level: String, message: String| {
        let level = match level.as_str() {
            "trace" => Level::Trace,
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" | "warning" => Level::Warn,
            "error" => Level::Error,
            other => {
                let words = "use trace, debug, info, warn or error";
                return Err(Exception::throw_range(&ctx, &format!("log: there is no level {other:?}; {words}")));
            }
        };
        state.host.log(level, &message);
        Ok(())
    };
    natives.set("log", Function::new(ctx.clone(), log)?)?;
    let state = Rc::clone(shared);
    let progress = move |done: f64, total: Opt<Value<'js>>, message: Opt<Value<'js>>| {
        let total = total.0.and_then(|total| total.as_number());
        let message = message.0.and_then(|message| message.as_string().and_then(|text| text.to_string().ok()));
        state.host.progress(done, total, message.as_deref());
    };
    natives.set("progress", Function::new(ctx.clone(), progress)?)
}
