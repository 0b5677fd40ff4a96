//! What is wrong in a file: where, which key, what to do.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// The most errors, and the most warnings, that are kept of one file.
const KEPT_MAX: usize = 100;
/// The most characters of one message. A file may hold a key of a megabyte; an error should not.
const MESSAGE_MAX_CHARS: usize = 600;

/// One thing to say about a file. Written `file:line: key: message; help`.
///
/// Its text is safe to print: what came from the file is cut to length, and control characters and those that reorder
/// text are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1. `None` when it is about the whole file.
    pub line: Option<u32>,
    /// The key with all keys above it (`servers.crm.timeout`); empty when it is about the file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", visible(&self.file.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", visible(&self.key))?;
        }
        write!(f, ": {}", visible(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "; {}", visible(help)),
            None => Ok(()),
        }
    }
}

/// Why a configuration cannot be used: every error of the file that could be found, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The errors, in the order of the file.
    pub errors: Vec<Diagnostic>,
    /// What else was noticed.
    pub warnings: Vec<Diagnostic>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl From<Diagnostic> for ConfigError {
    fn from(error: Diagnostic) -> Self {
        Self { errors: vec![error], warnings: Vec::new() }
    }
}

impl Diagnostic {
    /// One about a whole file.
    pub(crate) fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, key: String::new(), message: clip(message.into()), help: None }
    }

    pub(crate) fn at(file: &Path, line: u32, key: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { line: Some(line), key: key.to_string(), ..Self::of_file(file, message) }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(clip(help.into())), ..self }
    }
}

/// The errors, or the warnings, of one file.
#[derive(Default)]
pub(crate) struct Report {
    kept: Vec<Diagnostic>,
    more: usize,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.kept.push(diagnostic);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What is pushed now is counted and not kept.
    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= KEPT_MAX
    }

    /// In the order of the file.
    pub(crate) fn into_list(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|d| d.line);
        if let (more @ 1.., Some(last)) = (self.more, self.kept.last()) {
            let rest = Diagnostic::of_file(&last.file, format!("and {more} more like these"));
            self.kept.push(rest);
        }
        self.kept
    }
}

fn clip(text: String) -> String {
    match text.char_indices().nth(MESSAGE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Text from a file between backquotes, cut to a length that a line can bear.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// Escapes what a terminal would obey instead of show: control characters, and those that hide or reorder text.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hides =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || hides {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}
