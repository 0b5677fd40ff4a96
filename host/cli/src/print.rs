//! What people and programs see. One JSON document goes to stdout when it is asked for; everything that is
//! said beside a result goes to stderr.

use crate::exit::Failure;
use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::time::Duration;
use tollgate::text::is_hidden;
pub(crate) use tollgate::text::{line, name, visible};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Something that went wrong. Its words may be a server's.
pub(crate) fn error(message: &str) {
    anstream::eprintln!("{} {}", styled(BAD.bold(), "error:"), visible(message));
}

/// Something that does not keep the command from its work. Its words may be a server's.
pub(crate) fn warn(message: impl Display) {
    anstream::eprintln!("{} {}", styled(ODD.bold(), "warning:"), visible(&message.to_string()));
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
        Ok(text) => out(tame(&text)),
        Err(e) => Err(Failure { code: crate::exit::ERROR, message: format!("the result cannot be written: {e}") }),
    }
}

/// JSON with what hides in its strings escaped: serde leaves DEL, C1 and invisible characters, which a terminal may obey.
pub(crate) fn tame(json: &str) -> String {
    let mut tame = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                tame.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            tame.push(c);
        }
    }
    tame
}

/// A table for people. Only its last column is broken into lines; where the terminal leaves it too little room,
/// its text goes below the row.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    const LAST_AT_LEAST: usize = 24;
    let rows: Vec<_> = rows.into_iter().collect();
    let widths = (0..header.len().saturating_sub(1)).map(|column| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
        cells.chain(header.get(column).map(|h| h.len())).max().unwrap_or(0)
    });
    let narrow = terminal_width().is_some_and(|room| widths.map(|w| w + 2).sum::<usize>() + LAST_AT_LEAST > room);
    if !narrow {
        return grid(header, rows, 2).join("\n");
    }
    let (mut tops, mut texts) = (Vec::new(), Vec::new());
    for mut row in rows {
        texts.push(row.pop().unwrap_or_default());
        tops.push(row);
    }
    let header = header.split_last().map_or(header, |(_, before)| before);
    let mut lines = Vec::new();
    // The header has no text below.
    for (line, text) in grid(header, tops, 1).into_iter().zip(std::iter::once(String::new()).chain(texts)) {
        lines.push(line);
        if !text.is_empty() {
            lines.push(format!("    {}", wrapped(&text, 4)));
        }
    }
    lines.join("\n")
}

/// The lines of a table whose columns, but the last, are as wide as what is in them.
fn grid(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>, gap: u16) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|h| styled(BOLD, h)));
    for row in rows {
        table.add_row(row);
    }
    let last = header.len().saturating_sub(1);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, gap));
        if i < last {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// How many characters a terminal shows of a text that may have styles.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// The width of the terminal on stdout, if it is one.
pub(crate) fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// Breaks a text between words for the terminal on stdout; lines after the first begin with `indent` spaces, for
/// which the first has its own.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    match terminal_width() {
        Some(room) => wrapped_to(text, indent, room.saturating_sub(indent).max(20)),
        None => text.to_owned(),
    }
}

fn wrapped_to(text: &str, indent: usize, room: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_nothing_that_hides_and_means_the_same() {
        let value = serde_json::json!({"a": "\u{1b}[31m\u{9b}31m\u{7f}ü\n\u{202e}\u{e0041}"});
        let text = tame(&format!("{value:#}"));
        assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_text_is_broken_between_words() {
        assert_eq!(wrapped_to("one two three", 2, 8), "one two\n  three");
        assert_eq!(wrapped_to("supercalifragilistic is long", 0, 8), "supercalifragilistic\nis long");
        assert_eq!(wrapped_to(&styled(BOLD, "one two"), 0, 7), styled(BOLD, "one two"), "styles have no width");
        assert_eq!(wrapped_to("", 4, 8), "");
    }
}
