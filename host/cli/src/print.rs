//! What people and programs see. One JSON document goes to stdout when it is asked for; everything that is
//! said beside a result goes to stderr.

use crate::exit::Failure;
use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::time::Duration;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Something that went wrong.
pub(crate) fn error(message: &str) {
    anstream::eprintln!("{} {message}", styled(BAD.bold(), "error:"));
}

/// Something that does not keep the command from its work.
pub(crate) fn warn(message: impl Display) {
    anstream::eprintln!("{} {message}", styled(ODD.bold(), "warning:"));
}

/// Something worth knowing.
pub(crate) fn note(message: impl Display) {
    anstream::eprintln!("{message}");
}

/// Prints to stdout. A reader that has gone away (`| head`) ends the command in peace.
pub(crate) fn out(text: impl Display) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Failure { code: crate::exit::ERROR, message: format!("stdout cannot be written: {e}") })
        }
        _ => Ok(()),
    }
}

/// Prints one JSON document: indented on a terminal, on one line otherwise.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    match text {
        Ok(text) => out(text),
        Err(e) => Err(Failure { code: crate::exit::ERROR, message: format!("the result cannot be written: {e}") }),
    }
}

/// A table for people, as wide as the terminal.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|h| styled(BOLD, h)));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Makes one line of text from outside: no control characters, not longer than `max` characters.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut line = String::new();
    for (i, c) in text.trim().chars().enumerate() {
        if i >= max {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

/// A text from outside, fit for a terminal: line breaks stay, other control characters are shown.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let keep = !c.is_control() || matches!(c, '\n' | '\t');
            let shown: Vec<char> = if keep { vec![c] } else { c.escape_default().collect() };
            shown
        })
        .collect()
}

/// A duration for people.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.2} s", ms / 1e3)
    }
}

/// A size for people.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
