//! The engine with its globals, made once and ready for one run.

use std::rc::Rc;

use rquickjs::context::EvalOptions;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Runtime, qjs};

use crate::exception;
use crate::host::Host;
use crate::natives::{self, Shared};

/// How much of the stack a script may use, in bytes. On Wasm this is the stack in linear memory (1 MiB). Functions of
/// the script use some 250 bytes of it a level, and more of the machine's own stack, of which the host gives 4 MiB:
/// recursion among them meets this limit first, and is an error that a script can catch. The engine's parsers use
/// next to nothing of it: there the machine's stack may be full first, which ends the run.
const MAX_STACK_BYTES: usize = 256 << 10;

/// From how much memory on the engine looks for garbage in circles for the first time, in bytes. Its own value is 256 KiB, of
/// which the globals take the most: a script of some size would have all of its objects walked every few kilobytes.
const GC_THRESHOLD_BYTES: usize = 2 << 20;

/// The prelude's files, in the order in which they are one function's body.
const PRELUDE: [&str; 5] = [
    include_str!("prelude/base.js"),
    include_str!("prelude/inspect.js"),
    include_str!("prelude/calls.js"),
    include_str!("prelude/run.js"),
    include_str!("prelude/web.js"),
];

/// What a script has that names `tollgate`. It is no part of the snapshot: each page of memory that a tiny run touches counts.
const TOLLGATE: &str = include_str!("prelude/tollgate.js");

/// The engine, for one run.
pub struct Engine {
    // Before the context, so that it goes first.
    bridge: Persistent<Object<'static>>,
    context: Context,
    pub(crate) shared: Rc<Shared>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // They hold values of the context.
        self.context.runtime().set_host_promise_rejection_tracker(None);
        self.shared.requests.take();
    }
}

impl Engine {
    /// Makes the engine and its globals. Nothing of the host is asked yet: no clock, no random number.
    ///
    /// # Errors
    /// In words, where the engine cannot be made: there is no memory, or the prelude has a mistake.
    pub fn new(host: Rc<dyn Host>) -> Result<Self, String> {
        let words = |error: rquickjs::Error| format!("the JavaScript engine cannot be made: {error}");
        let runtime = Runtime::new().map_err(words)?;
        runtime.set_max_stack_size(MAX_STACK_BYTES);
        let context = Context::full(&runtime).map_err(words)?;
        let shared = Rc::new(Shared::new(host));
        type Saved = (Persistent<Object<'static>>, Persistent<Function<'static>>);
        let made = Self::enter(&context, |ctx| -> Result<Saved, String> {
            let bridge = prelude(ctx, &shared)
                .map_err(|error| format!("the prelude: {}", exception::caught(ctx, None, error).message))?;
            let on_rejection: Function<'_> = bridge.get("onRejection").map_err(words)?;
            Ok((Persistent::save(ctx, bridge), Persistent::save(ctx, on_rejection)))
        });
        let (bridge, on_rejection) = made?;
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, handled| {
            // It fails where memory has run out: then the run ends by that.
            let told = on_rejection.clone().restore(&ctx).and_then(|f| f.call::<_, ()>((promise, reason, handled)));
            drop(told);
        })));
        runtime.set_gc_threshold(GC_THRESHOLD_BYTES);
        Ok(Self { context, bridge, shared })
    }

    /// Runs `work` in the engine, with the prelude's functions.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&Bridge<'_>) -> R) -> Result<R, String> {
        Self::enter(&self.context, |ctx| {
            let bridge = self.bridge.clone().restore(ctx).map_err(|error| format!("the engine is lost: {error}"))?;
            Ok(work(&Bridge { ctx: ctx.clone(), functions: bridge }))
        })
    }

    fn enter<R>(context: &Context, work: impl FnOnce(&Ctx<'_>) -> R) -> R {
        context.with(|ctx| {
            // SAFETY: the context is alive and this is the only thread; the call notes where the stack stands now,
            // which is what the limit counts from.
            unsafe { qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) };
            work(&ctx)
        })
    }
}

fn prelude<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> rquickjs::Result<Object<'js>> {
    let make = function(ctx, &format!("(function (natives) {{\n{}\nreturn bridge;\n}})", PRELUDE.join("\n")))?;
    make.call((natives::object(ctx, shared)?,))
}

/// A function of ours.
fn function<'js>(ctx: &Ctx<'js>, source: &str) -> rquickjs::Result<Function<'js>> {
    let mut options = EvalOptions::default();
    options.filename = Some("prelude".to_owned());
    ctx.eval_with_options(source, options)
}

/// The prelude's functions.
pub(crate) struct Bridge<'js> {
    pub(crate) ctx: Ctx<'js>,
    functions: Object<'js>,
}

impl<'js> Bridge<'js> {
    /// Calls one of the prelude's functions.
    pub(crate) fn call<A, R>(&self, name: &str, args: A) -> rquickjs::Result<R>
    where
        A: rquickjs::function::IntoArgs<'js>,
        R: rquickjs::FromJs<'js>,
    {
        self.functions.get::<_, Function<'js>>(name)?.call(args)
    }

    /// Gives the script the global `tollgate`.
    #[cold]
    pub(crate) fn add_tollgate(&self, shared: &Rc<Shared>) -> rquickjs::Result<()> {
        let make = function(&self.ctx, &format!("(function (prelude, request) {{\n{TOLLGATE}\n}})"))?;
        let request = natives::request(&self.ctx, shared)?;
        make.call((self.call::<_, Object<'js>>("parts", ())?, request))
    }
}
