//! Grants of kind `state`: which keys a component may use of its own.

use std::fmt;
use std::str::FromStr;

/// The most bytes of a key.
pub const KEY_MAX_BYTES: usize = 512;

/// Which keys a grant speaks of: `*` (all), `PREFIX*` (those that begin so) or `KEY` (one). A star stands at the end and
/// nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    text: String,
    /// The text is what keys begin with; else it is one key.
    open: bool,
}

/// Why a text is no scope of state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a scope of state: {reason}; write `state` for all keys, `state=PREFIX*` or `state=KEY`", text.escape_debug())]
pub struct ScopeError {
    text: String,
    reason: String,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(scope: &str) -> Result<Self, ScopeError> {
        let refused = |reason: String| ScopeError { text: scope.chars().take(80).collect(), reason };
        let (text, open) = match scope.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (scope, false),
        };
        if text.contains('*') {
            return Err(refused("a star stands only at its end".to_owned()));
        }
        if !open && text.is_empty() {
            return Err(refused("a key has at least one character".to_owned()));
        }
        check_text(if open { "a prefix" } else { "a key" }, text).map_err(refused)?;
        Ok(Self { text: text.to_owned(), open })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.open { "*" } else { "" })
    }
}

impl Scope {
    /// All keys: what the bare grant `state` means.
    pub fn all() -> Self {
        Self { text: String::new(), open: true }
    }

    /// Whether it speaks of all keys.
    pub fn is_all(&self) -> bool {
        self.open && self.text.is_empty()
    }

    /// Whether it speaks of this key.
    pub fn covers(&self, key: &str) -> bool {
        if self.open { key.starts_with(&self.text) } else { key == self.text }
    }

    /// Whether it speaks of every key that begins so.
    pub fn covers_prefix(&self, prefix: &str) -> bool {
        self.open && prefix.starts_with(&self.text)
    }

    /// The keys of which both speak, if there are any.
    pub fn narrowed(&self, other: &Self) -> Option<Self> {
        if self.includes(other) {
            return Some(other.clone());
        }
        other.includes(self).then(|| self.clone())
    }

    /// Whether it speaks of every key that `other` does.
    pub fn includes(&self, other: &Self) -> bool {
        if other.open { self.covers_prefix(&other.text) } else { self.covers(&other.text) }
    }
}

/// Checks what is a key, or begins one: `what` names it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > KEY_MAX_BYTES {
        let length = text.len();
        return Err(format!("{what} has at most {KEY_MAX_BYTES} bytes; this one has {length}"));
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, c)) => {
            Err(format!("{what} has no control characters; this one has {} at byte {at}", c.escape_unicode()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_reach_as_far_as_they_say() {
        let table = [
            ("*", "any", true, "", true),
            ("cfg/*", "cfg/a", true, "cfg/", true),
            ("cfg/*", "cfg/", true, "cfg/a/", true),
            ("cfg/*", "cfg", false, "cfg", false),
            ("cfg/*", "other", false, "", false),
            ("one", "one", true, "one", false),
            ("one", "one/a", false, "", false),
        ];
        for (scope, key, covers, prefix, covers_prefix) in table {
            let scope: Scope = scope.parse().unwrap();
            assert_eq!(scope.covers(key), covers, "{scope} {key}");
            assert_eq!(scope.covers_prefix(prefix), covers_prefix, "{scope} {prefix}");
            assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
        }
        assert!(Scope::all().is_all() && Scope::all().covers("x"));
    }

    #[test]
    fn what_is_no_scope_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "at least one character"),
            ("a*b", "only at its end"),
            ("**", "only at its end"),
            ("a\n*", "control characters"),
            (&"x".repeat(513), "at most 512 bytes"),
        ] {
            let error = text.parse::<Scope>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
