//! `envFile`: lines of `NAME=value`, by the rules of the `dotenv` package that other clients follow.
//!
//! `export` may stand before the name. A value is plain (it ends at a `#` or the line's end, and is trimmed), or quoted
//! by `'`, `"` or `` ` `` and may then span lines; only in `"` are `\n` and `\r` escapes. Nothing is filled in.

use crate::diagnostic::{Diagnostic, Report};
use std::path::{Path, PathBuf};
use tollgate_core::Secret;

/// The largest such file, in bytes.
pub const ENV_FILE_MAX_BYTES: u64 = 1 << 20;

/// A dotenv file. [`load`](crate::load) reads it along with the configuration, so that what was trusted is what is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// The file.
    pub path: PathBuf,
    /// Its variables; empty until it is read, and for a disabled server.
    pub variables: Vec<(String, Secret)>,
}

/// Reads the text of such a file. Where a name comes twice, its last value counts.
///
/// # Errors
/// Each line that is none, without its text: it may be part of a secret.
pub fn parse_env_file(file: &Path, text: &str) -> Result<Vec<(String, Secret)>, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Vec::new();
    let mut errors = Report::default();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (read, length) = entry(rest);
        let (consumed, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match read {
            Ok(None) => {}
            Ok(Some((name, value))) => variables.push((name.to_owned(), Secret::from(value))),
            Err(message) => errors.push(Diagnostic { line: Some(line), ..Diagnostic::of_file(file, message) }),
        }
        line += u32::try_from(consumed.matches('\n').count()).unwrap_or(u32::MAX);
        rest = after;
    }
    if errors.is_empty() { Ok(variables) } else { Err(errors.into_list()) }
}

/// A name and its value; nothing for a blank line or a comment.
type Entry<'a> = Option<(&'a str, String)>;

/// What stands at the beginning of `text`, and how many bytes it takes, its line's end included.
fn entry(text: &str) -> (Result<Entry<'_>, &'static str>, usize) {
    let line_length = text.find('\n').map_or(text.len(), |i| i + 1);
    let line = text.get(..line_length).unwrap_or(text).trim();
    if line.is_empty() || line.starts_with('#') {
        return (Ok(None), line_length);
    }
    let Some((name, _)) = line.split_once('=') else {
        return (Err("expected NAME=value or a # comment"), line_length);
    };
    let name = name.trim();
    let name = name.strip_prefix("export").filter(|n| n.starts_with([' ', '\t'])).map_or(name, str::trim);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return (Err("expected a name of letters, digits, `_`, `.` and `-` before the `=`"), line_length);
    }
    let Some((before, value)) = text.split_once('=') else { return (Ok(None), line_length) };
    let blanks = value.len() - value.trim_start_matches([' ', '\t']).len();
    let start = before.len() + 1 + blanks;
    let value = text.get(start..).unwrap_or_default();
    let Some(quote) = value.chars().next().filter(|c| ['\'', '"', '`'].contains(c)) else {
        let plain = text.get(start.min(line_length)..line_length).unwrap_or_default();
        let plain = plain.split('#').next().unwrap_or_default().trim();
        return (nul_free(plain.to_owned()).map(|value| Some((name, value))), line_length);
    };
    let Some(end) = closing(value, quote) else {
        return (Err("the quoted value has no closing quote"), line_length);
    };
    let inside = value.get(1..end).unwrap_or_default();
    let after = value.get(end + 1..).unwrap_or_default();
    let tail_length = after.find('\n').map_or(after.len(), |i| i + 1);
    let tail = after.get(..tail_length).unwrap_or_default().trim();
    let length = start + end + 1 + tail_length;
    if !tail.is_empty() && !tail.starts_with('#') {
        return (Err("text after the closing quote"), length);
    }
    let value = match quote {
        '"' => inside.replace("\\n", "\n").replace("\\r", "\r"),
        _ => inside.to_owned(),
    };
    (nul_free(value).map(|value| Some((name, value))), length)
}

fn nul_free(value: String) -> Result<String, &'static str> {
    if value.contains('\0') { Err("the value holds a NUL character") } else { Ok(value) }
}

/// Where the quote that begins `value` ends. A backslash keeps the quote after it from ending it.
fn closing(value: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    value.char_indices().skip(1).find_map(|(i, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(i)
    })
}
