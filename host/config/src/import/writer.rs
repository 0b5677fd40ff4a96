//! YAML that reads back as what was meant, and is pleasant to read.

use crate::diagnostic::visible;
use crate::yaml::is_plain_text;
use std::fmt::Write as _;

/// The longest line that a list is kept on.
const LINE_MAX_CHARS: usize = 100;
/// The most characters of a comment.
const COMMENT_MAX_CHARS: usize = 200;

/// A value to write.
#[derive(Clone)]
pub(super) enum Item {
    /// Text, in quotes where it needs them.
    Text(String),
    /// A number, a duration, true or false, as it is.
    Word(String),
    List(Vec<Item>),
    Map(Vec<(String, Item)>),
}

/// A server, or another part of the file, before it is written.
#[derive(Default)]
pub(super) struct Draft {
    /// Lines before it.
    pub(super) comments: Vec<String>,
    /// Its keys, in any order.
    pub(super) keys: Vec<(&'static str, Item)>,
}

/// The order of a server's keys.
const ORDER: [&str; 17] = [
    "command",
    "args",
    "env",
    "envFile",
    "cwd",
    "url",
    "type",
    "headers",
    "auth",
    "disabled",
    "timeout",
    "connect_timeout",
    "priority",
    "domains",
    "capabilities",
    "retry",
    "tools",
];

impl Draft {
    /// Puts a key in; one that is there already stays.
    pub(super) fn set(&mut self, key: &'static str, item: Item) {
        if self.keys.iter().all(|(known, _)| *known != key) {
            self.keys.push((key, item));
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, item)| item)
    }

    /// The map of a key, which is put in if it is not there.
    pub(super) fn map(&mut self, key: &'static str) -> Option<&mut Vec<(String, Item)>> {
        self.set(key, Item::Map(Vec::new()));
        self.keys.iter_mut().find(|(known, _)| *known == key).and_then(|(_, item)| match item {
            Item::Map(entries) => Some(entries),
            _ => None,
        })
    }

    /// Whether the key was there.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|(known, _)| *known != key);
        self.keys.len() < before
    }

    /// As an entry of that name, so many levels deep.
    pub(super) fn render(&mut self, name: &str, depth: usize) -> String {
        self.keys.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key));
        let mut out = String::new();
        for line in &self.comments {
            let _ = writeln!(out, "{:1$}# {2}", "", depth * 2, comment(line));
        }
        let _ = writeln!(out, "{:1$}{2}:", "", depth * 2, text(name, false));
        for (key, item) in &self.keys {
            entry(&mut out, depth + 1, key, item);
        }
        out
    }
}

/// Text fit for a comment: one line, cut to length.
pub(super) fn comment(line: &str) -> String {
    visible(line).chars().take(COMMENT_MAX_CHARS).collect()
}

fn entry(out: &mut String, depth: usize, key: &str, item: &Item) {
    let _ = write!(out, "{:1$}{2}:", "", depth * 2, text(key, false));
    match item {
        Item::List(items) if !fits_line(items) => {
            out.push('\n');
            for item in items {
                let _ = writeln!(out, "{:1$}- {2}", "", depth * 2 + 2, flow(item, false));
            }
        }
        Item::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            for (key, item) in entries {
                entry(out, depth + 1, key, item);
            }
        }
        item => {
            let _ = writeln!(out, " {}", flow(item, false));
        }
    }
}

fn fits_line(items: &[Item]) -> bool {
    items.iter().map(|item| flow(item, true).chars().count() + 2).sum::<usize>() <= LINE_MAX_CHARS
}

/// On one line. `inside` brackets more needs quotes.
fn flow(item: &Item, inside: bool) -> String {
    match item {
        Item::Text(value) => text(value, inside),
        Item::Word(word) => word.clone(),
        Item::List(items) => format!("[{}]", items.iter().map(|item| flow(item, true)).collect::<Vec<_>>().join(", ")),
        Item::Map(entries) => {
            let entries = entries.iter().map(|(key, item)| format!("{}: {}", text(key, true), flow(item, true)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn text(value: &str, inside: bool) -> String {
    if is_safe(value, inside) { value.to_owned() } else { in_quotes(value) }
}

/// Whether a text needs no quotes, by rules that are stricter than YAML's.
fn is_safe(value: &str, inside: bool) -> bool {
    // Older YAML takes these for true and false.
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    if WORDS.iter().any(|word| word.eq_ignore_ascii_case(value)) {
        return false;
    }
    let bytes = value.as_bytes();
    let begins = match bytes {
        [b'-', second, ..] => second.is_ascii_alphanumeric() || (*second == b'-' && bytes.len() > 2),
        [first, ..] => first.is_ascii_alphanumeric() || b"_./~$".contains(first),
        [] => false,
    };
    let may = |(i, b): (usize, &u8)| match b {
        b':' => !inside && bytes.get(i + 1).is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'/'),
        b'{' | b'}' => !inside,
        b' ' => !inside && bytes.get(i + 1).is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'$'),
        b => b.is_ascii_alphanumeric() || b"_./@+=$~-".contains(b),
    };
    begins && value.chars().any(char::is_alphanumeric) && bytes.iter().enumerate().all(may) && is_plain_text(value)
}

fn in_quotes(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        let code = u32::from(c);
        // Writing to a string cannot fail.
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            '\r' => write!(out, "\\r"),
            c if c.is_ascii_graphic() || c == ' ' || (c.is_alphanumeric() && code <= 0xd7ff) => write!(out, "{c}"),
            _ if code <= 0xff => write!(out, "\\x{code:02x}"),
            _ if code <= 0xffff => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out.push('"');
    out
}
