//! TypeScript without its types, by the stripper that Node uses.
//!
//! It runs on a thread of its own with a stack of known size, on source that [`crate::depth`] has let through. It keeps
//! every line and column: types become spaces.

use crate::depth;
use crate::prepare::{PrepareError, SyntaxError};
use std::cell::RefCell;
use std::rc::Rc;
use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_common::{GLOBALS, Globals, SourceMap};
use swc_ecma_parser::TsSyntax;
use swc_ts_fast_strip::{Mode, Options, operate};

/// The stack of the thread, in bytes. Only what is used of it is ever memory.
const STACK_BYTES: usize = 64 << 20;
/// The longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 400;

/// Strips the types of a script.
///
/// # Errors
/// [`PrepareError`]: where it is no TypeScript, or has what is more than types.
pub(crate) fn strip(code: &str) -> Result<String, PrepareError> {
    depth::check(code).map_err(|too_deep| PrepareError::TooDeep {
        line: too_deep.line,
        advice: if too_deep.in_doubt {
            "a `/` or `\\` there can be read in two ways. Put a regular expression into `new RegExp(…)`, or a division \
             into parentheses"
        } else {
            "break the expression there into statements, or pass data as `input`"
        },
    })?;
    let code = code.to_owned();
    let thread = std::thread::Builder::new().name("strip-types".to_owned()).stack_size(STACK_BYTES);
    let thread = thread.spawn(move || strip_here(code));
    let thread = thread.map_err(|_| PrepareError::Unreadable("the host can start no thread now"))?;
    thread.join().map_err(|_| PrepareError::Unreadable("the reader of TypeScript failed"))?
}

fn strip_here(code: String) -> Result<String, PrepareError> {
    GLOBALS.set(&Globals::new(), || {
        let map: Lrc<SourceMap> = Lrc::default();
        let found = Rc::new(RefCell::new(None));
        let handler = Handler::with_emitter(true, false, Box::new(First { map: map.clone(), found: found.clone() }));
        // What only the language's early checks refuse is left to the interpreter: so `return` may stand at the top.
        let parser = TsSyntax { decorators: true, no_early_errors: true, ..TsSyntax::default() };
        let options = Options { module: Some(true), parser, mode: Mode::StripOnly, ..Options::default() };
        let stripped = operate(&map, &handler, code, options);
        let found = found.borrow_mut().take();
        match (stripped, found) {
            (Ok(output), _) => Ok(output.code),
            (Err(_), Some(error)) => Err(PrepareError::Syntax(error)),
            (Err(_), None) => Err(PrepareError::Unreadable("no reason was given")),
        }
    })
}

/// Keeps the first error.
struct First {
    map: Lrc<SourceMap>,
    found: Rc<RefCell<Option<SyntaxError>>>,
}

impl Emitter for First {
    fn emit(&mut self, diagnostic: &mut DiagnosticBuilder<'_>) {
        let mut found = self.found.borrow_mut();
        if found.is_some() {
            return;
        }
        let place = diagnostic.span.primary_span().map(|span| self.map.lookup_char_pos(span.lo()));
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = place.map_or((1, 1), |at| (number(at.line), number(at.col.0).saturating_add(1)));
        *found = Some(SyntaxError { line, column, message: advised(&diagnostic.message()) });
    }
}

/// A message, with what to write instead of what is more than types.
fn advised(message: &str) -> String {
    let instead = [
        ("enum", "an `enum` is more than types: write `const Color = { Red: \"red\", Blue: \"blue\" } as const`"),
        ("namespace", "a `namespace` with values is more than types: write an object, or plain functions"),
        ("import equals", "`import … =` is more than types: tools are global, nothing is imported"),
        ("export assignment", "`export =` is more than types: end with the value, or `return` it"),
        (
            "parameter property",
            "a parameter property is more than types: declare the field, and set it in the constructor",
        ),
        ("angle-bracket", "`<T>value` cannot be stripped in place: write `value as T`"),
        ("left-hand side of `**`", "put the left side of `**` into parentheses"),
    ];
    let strips = message.contains("strip");
    match instead.iter().find(|(what, _)| strips && message.contains(what)) {
        Some((_, advice)) => (*advice).to_owned(),
        None => message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect(),
    }
}
