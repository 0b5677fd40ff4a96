//! What a script threw, as the policy error that ends its run.

use rquickjs::{Ctx, Error, Value};
use serde_json::json;

use crate::bindings::{CallFailure, PolicyError};
use crate::engine::Bridge;
use crate::failure;

/// The script's name inside the engine: frames of other names are not the script's.
pub(crate) const SCRIPT: &str = "script.js";

/// The function that a script with a top-level `return` is put into.
pub(crate) const WRAPPER: &str = "__script__";

/// Frames that are told of, at most.
const MAX_FRAMES: usize = 50;

/// The longest message that is told, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// A frame of the script. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    function: String,
    line: u32,
    column: u32,
}

/// What a script threw.
#[derive(Debug)]
pub(crate) struct Thrown {
    /// The error's class.
    pub(crate) class: String,
    pub(crate) message: String,
    /// Innermost first, as the engine has them.
    frames: Vec<Frame>,
    caused_by: Option<CallFailure>,
}

impl Thrown {
    /// An error of the run itself, at no place in the script.
    pub(crate) fn new(class: &str, message: impl Into<String>) -> Self {
        Self { class: class.to_owned(), message: message.into(), frames: Vec::new(), caused_by: None }
    }

    /// The same error, so many lines higher; what called the function around the script is no frame of it.
    pub(crate) fn lines_up(mut self, lines: u32) -> Self {
        if lines > 0 {
            self.frames.retain(|frame| frame.function != "<eval>");
        }
        for frame in &mut self.frames {
            frame.line = frame.line.saturating_sub(lines).max(1);
        }
        self
    }

    /// The same error at a place in the script, where it had none.
    pub(crate) fn at(mut self, line: u32, column: u32) -> Self {
        if self.frames.is_empty() {
            self.frames.push(Frame { function: WRAPPER.to_owned(), line, column });
        }
        self
    }

    /// The error as the world `interpreter` has it.
    pub(crate) fn into_policy_error(self, code: &str) -> PolicyError {
        let place = self.frames.first();
        let trace: Vec<_> = self
            .frames
            .iter()
            .rev()
            .map(
                |frame| json!({"function": told_function(&frame.function), "line": frame.line, "column": frame.column}),
            )
            .collect();
        let data = json!({
            "type": self.class,
            "line": place.map(|frame| frame.line),
            "column": place.map(|frame| frame.column),
            "trace": trace,
        });
        let mut message = self.message;
        if message.len() > MAX_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
            message.push('…');
        }
        PolicyError { message, code: Some(code.to_owned()), data: Some(data.to_string()), caused_by: self.caused_by }
    }
}

/// What a call into the engine ended with. `bridge` is missing only while the prelude is made.
pub(crate) fn caught<'js>(ctx: &Ctx<'js>, bridge: Option<&Bridge<'js>>, error: Error) -> Thrown {
    if !error.is_exception() {
        return Thrown::new("InternalError", error.to_string());
    }
    let value = ctx.catch();
    match bridge {
        Some(bridge) => explain(bridge, value),
        None => Thrown::new(
            "InternalError",
            value.as_exception().map_or_else(|| format!("{value:?}"), |exception| exception.to_string()),
        ),
    }
}

/// Reads what was thrown.
pub(crate) fn explain<'js>(bridge: &Bridge<'js>, value: Value<'js>) -> Thrown {
    let told: rquickjs::Result<Vec<Option<String>>> = bridge.call("explain", (value,));
    let mut told = match told {
        Ok(told) => told.into_iter(),
        Err(_) => {
            // Not even this could be computed: the memory or the stack is full.
            drop(bridge.ctx.catch());
            return Thrown::new("InternalError", "the script failed, and its error cannot be read");
        }
    };
    let mut next = || told.next().flatten();
    let class = next().unwrap_or_else(|| "Error".to_owned());
    let message = next().unwrap_or_default();
    let frames = frames(&next().unwrap_or_default());
    let caused_by = next().and_then(|text| failure::from_json(&text));
    Thrown { class, message, frames, caused_by }
}

/// The script's frames in the text of a stack, as lines of text.
pub(crate) fn frames_text(stack: &str) -> String {
    let lines = frames(stack).into_iter().map(|Frame { function, line, column }| {
        format!("    at {} (line {line}, column {column})", told_function(&function))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The script's own frames, innermost first. A frame stands as `    at NAME (script.js:LINE:COLUMN)`.
fn frames(stack: &str) -> Vec<Frame> {
    stack.lines().filter_map(frame).take(MAX_FRAMES).collect()
}

fn frame(line: &str) -> Option<Frame> {
    let place = line.trim().strip_prefix("at ")?;
    let (function, place) = match place.rsplit_once(" (") {
        Some((function, place)) => (function, place.strip_suffix(')')?),
        None => ("", place),
    };
    let (rest, column) = place.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    let frame = Frame { function: function.to_owned(), line: line.parse().ok()?, column: column.parse().ok()? };
    (file == SCRIPT).then_some(frame)
}

/// A function's name for people.
fn told_function(name: &str) -> &str {
    match name {
        WRAPPER | "<eval>" | "<anonymous>" | "" if name != "<anonymous>" => "(script)",
        "<anonymous>" => "(anonymous)",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scripts_own_frames_are_read() {
        let stack = "Error: x\n    at send (prelude:3:4)\n    at f (script.js:2:7)\n    at map (native)\n    at <eval> (script.js:9:1)\n";
        let found: Vec<_> = frames(stack).into_iter().map(|f| (f.function, f.line, f.column)).collect();
        assert_eq!(found, [("f".to_owned(), 2, 7), ("<eval>".to_owned(), 9, 1)]);
    }
}
