//! A script's failure, shown in its source.

use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// The most frames of a trace that are kept; the innermost are.
pub const FRAMES_MAX: usize = 32;
/// The longest message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// The longest name of a class, a function or a file, in characters.
const NAME_CHARS_MAX: usize = 120;
/// The most bytes of an interpreter's data that are looked at.
const DATA_BYTES_MAX: usize = 256 << 10;
/// How much of a line is shown, in terminal cells.
const CELLS_MAX: usize = 100;
/// How many cells of a long line are shown before the column.
const CELLS_BEFORE: usize = 60;
/// Where tabs stop, in cells.
const TAB_CELLS: usize = 4;

/// Why a script failed, and where. All of it is the interpreter's word, made harmless: no control characters, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptError {
    /// The error's class, as `TypeError`; empty where unknown.
    pub class: String,
    /// What happened, in the language's words. It may have several lines.
    pub message: String,
    /// The line in the script, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// The script's own frames, outermost first.
    pub trace: Vec<Frame>,
}

/// A call of one of the script's functions that had not returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function; empty for the script's top level.
    pub function: String,
    /// The line in the script, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Data {
    r#type: Value,
    line: Value,
    column: Value,
    trace: Value,
}

impl ScriptError {
    /// Reads what an interpreter said: the `message` and `data` of its `policy-error`. Whatever is not as it should be
    /// counts as unknown.
    pub fn read(message: &str, data: Option<&str>) -> Self {
        let data = data.filter(|data| data.len() <= DATA_BYTES_MAX);
        let data: Data = data.and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
        let name = |value: &Value| one_line(value.as_str().unwrap_or_default());
        let place = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        let frames = data.trace.as_array().map(Vec::as_slice).unwrap_or_default();
        let frame = |value: &Value| Frame {
            function: name(&value["function"]),
            line: place(&value["line"]),
            column: place(&value["column"]),
        };
        let trace = frames.iter().skip(frames.len().saturating_sub(FRAMES_MAX)).map(frame).collect();
        Self {
            class: name(&data.r#type),
            message: lines(message, MESSAGE_CHARS_MAX),
            line: place(&data.line),
            column: place(&data.column),
            trace,
        }
    }

    /// The class and the message, as `TypeError: x is undefined`; the class once, where the message begins with it.
    pub fn headline(&self) -> String {
        match (self.class.as_str(), self.message.as_str()) {
            ("", "") => "the script failed and gave no reason".to_owned(),
            ("", message) => message.to_owned(),
            (class, "") => class.to_owned(),
            (class, message) if message.starts_with(class) => message.to_owned(),
            (class, message) => format!("{class}: {message}"),
        }
    }

    /// The failure for people and agents: the headline, the place, the lines around it with a mark under the column,
    /// and, where functions called each other, the frames. At most about 16 kB.
    ///
    /// ```
    /// use tollgate_script::ScriptError;
    ///
    /// let data = r#"{"type": "ReferenceError", "line": 2, "column": 8, "trace": []}"#;
    /// let error = ScriptError::read("x is not defined", Some(data));
    /// assert_eq!(
    ///     error.render("sum.js", "const y = 1;\nreturn x + y;\n"),
    ///     "ReferenceError: x is not defined\n  sum.js:2:8\n    1 | const y = 1;\n  > 2 | return x + y;\n      |        ^\n"
    /// );
    /// ```
    pub fn render(&self, file: &str, code: &str) -> String {
        let file = one_line(file);
        let mut out = self.headline();
        out.push('\n');
        if let Some(line) = self.line {
            writeln!(out, "  {}", place(&file, line, self.column)).ok();
            out += &excerpt(code, line, self.column);
        }
        // The innermost frame is the place already shown.
        let inner = |frame: &&Frame| frame.line.is_some();
        if self.trace.iter().filter(inner).count() > 1 {
            for frame in self.trace.iter().rev().filter(inner) {
                let function = if frame.function.is_empty() { "the script" } else { &frame.function };
                writeln!(out, "  in {function} ({})", place(&file, frame.line.unwrap_or_default(), frame.column)).ok();
            }
        }
        out
    }

    /// The failure for programs: `type`, `message`, `line`, `column`, `excerpt` (lines of source, null where there is no
    /// such line) and `trace`.
    pub fn to_json(&self, code: &str) -> Value {
        let excerpt = self.line.map(|line| excerpt(code, line, self.column)).filter(|excerpt| !excerpt.is_empty());
        let frame = |frame: &Frame| json!({"function": frame.function, "line": frame.line, "column": frame.column});
        json!({
            "type": (!self.class.is_empty()).then_some(&self.class),
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "excerpt": excerpt,
            "trace": self.trace.iter().map(frame).collect::<Vec<_>>(),
        })
    }
}

impl From<crate::SyntaxError> for ScriptError {
    fn from(error: crate::SyntaxError) -> Self {
        Self {
            class: "SyntaxError".to_owned(),
            message: lines(&error.message, MESSAGE_CHARS_MAX),
            line: Some(error.line),
            column: Some(error.column),
            trace: Vec::new(),
        }
    }
}

fn place(file: &str, line: u32, column: Option<u32>) -> String {
    match column {
        Some(column) => format!("{file}:{line}:{column}"),
        None => format!("{file}:{line}"),
    }
}

/// The line with the one before it, and a mark under the column. Empty where the source has no such line. Lines end as
/// both languages' lines end: with LF, CR or both.
pub fn excerpt(code: &str, line: u32, column: Option<u32>) -> String {
    let wanted = usize::try_from(line).unwrap_or(usize::MAX);
    let mut before = None;
    let Some(at) = source_lines(code).enumerate().find_map(|(at, text)| {
        let here = at + 1 == wanted;
        if at + 2 == wanted {
            before = Some(text);
        }
        here.then_some(text)
    }) else {
        return String::new();
    };
    let gutter = line.to_string().len();
    let mut out = String::new();
    let column = column.map(|column| usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1));
    // A column past the line's end is the end.
    let column = column.map(|column| column.min(at.chars().take(column.saturating_add(1)).count()));
    let from = column.map_or(0, |column| window(at, column));
    if let Some(before) = before.filter(|before| !before.trim().is_empty()) {
        writeln!(out, "    {:>gutter$} | {}", line - 1, shown(before, from).0.trim_end()).ok();
    }
    writeln!(out, "  > {line} | {}", shown(at, from).0.trim_end()).ok();
    if let Some(column) = column {
        let (_, cells) = shown(at.char_indices().nth(column).map_or(at, |(end, _)| at.get(..end).unwrap_or(at)), from);
        writeln!(out, "    {:gutter$} | {:cells$}^", "", "").ok();
    }
    out
}

/// The lines of a source, without their ends.
fn source_lines(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(code);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let after = text.get(end..).unwrap_or_default();
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..));
        text.get(..end)
    })
}

/// From which character a line is shown, so that the column is in sight.
fn window(line: &str, column: usize) -> usize {
    let cells = |c: char| written(c, 0).1;
    let head: Vec<usize> = line.chars().take(column + 1).map(cells).collect();
    if head.iter().sum::<usize>() <= CELLS_MAX {
        return 0;
    }
    let mut kept = 0;
    let near = head.iter().rev().take_while(|cells| {
        kept += **cells;
        kept <= CELLS_BEFORE
    });
    head.len() - near.count()
}

/// A line from a character on, and how many cells it takes: what is cut is marked by an ellipsis, tabs are spaces,
/// what cannot be seen is written out.
fn shown(line: &str, from: usize) -> (String, usize) {
    let (mut out, mut cells) = if from == 0 { (String::new(), 0) } else { ("…".to_owned(), 1) };
    for c in line.chars().skip(from) {
        let (text, width) = written(c, cells);
        if cells + width > CELLS_MAX {
            out.push('…');
            break;
        }
        out += &text;
        cells += width;
    }
    (out, cells)
}

/// A character as it is shown at a cell, and how many cells it takes.
fn written(c: char, at: usize) -> (String, usize) {
    match c {
        '\t' => {
            let cells = TAB_CELLS - at % TAB_CELLS;
            (" ".repeat(cells), cells)
        }
        // The pictures of the C0 controls stand in their order.
        '\0'..='\u{1f}' => (char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}').to_string(), 1),
        c if is_visible(c) => (c.to_string(), c.width().unwrap_or(1)),
        c => {
            let text = format!("\\u{{{:x}}}", u32::from(c));
            let cells = text.len();
            (text, cells)
        }
    }
}

/// Whether a character shows itself: no control, no white space but the space, nothing that hides or reorders others.
pub(crate) fn is_visible(c: char) -> bool {
    let hidden = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    c == ' ' || !(hidden || c.is_control() || c.is_whitespace())
}

/// A name as one harmless line.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| is_visible(*c)).take(NAME_CHARS_MAX).collect()
}

/// Text whose lines stay, made harmless.
fn lines(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    for (at, c) in text.trim_end().chars().enumerate() {
        if at == max_chars {
            out.push('…');
            break;
        }
        if c == '\n' || is_visible(c) {
            out.push(c);
        } else if c == '\t' {
            out.push(' ');
        } else {
            out += &written(c, 0).0;
        }
    }
    out
}
