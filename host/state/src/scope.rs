//! What a grant of state says.

use crate::model::{Key, StateError, check_text};
use std::fmt;
use std::str::FromStr;

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
        let checked = if open { check_text("a prefix", text) } else { Key::new(text).map(drop) };
        checked.map_err(|error| refused(error.to_string()))?;
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
}

/// What one component may use of its state. Nothing unless granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reads scopes, without the `state=` before each.
    ///
    /// # Errors
    /// The first that is none, and why.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, ScopeError> {
        texts.into_iter().map(|text| text.as_ref().parse()).collect()
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    pub(crate) fn check_key(&self, key: &Key) -> Result<(), StateError> {
        if self.0.iter().any(|scope| scope.covers(key.as_str())) {
            return Ok(());
        }
        Err(self.denied(&format!("the key `{key}`"), key.as_str()))
    }

    pub(crate) fn check_prefix(&self, prefix: &str) -> Result<(), StateError> {
        if self.0.iter().any(|scope| scope.covers_prefix(prefix)) {
            return Ok(());
        }
        Err(self.denied(&format!("a list of the keys `{prefix}*`"), &format!("{prefix}*")))
    }

    fn denied(&self, what: &str, scope: &str) -> StateError {
        let granted: Vec<_> = self.0.iter().take(8).map(|scope| format!("state={scope}")).collect();
        StateError::Denied(match granted.as_slice() {
            [] => format!("no state is granted; grant `state`, or `state={scope}`, to this component"),
            some => format!("{what} is not granted (granted: {}); grant `state={scope}`", some.join(", ")),
        })
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
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

    #[test]
    fn a_denial_says_what_is_granted_and_what_to_grant() {
        let key = Key::new("b").unwrap();
        let scopes = Scopes::parse(["a/*", "c"]).unwrap();
        assert_eq!(
            scopes.check_key(&key).unwrap_err().to_string(),
            "the key `b` is not granted (granted: state=a/*, state=c); grant `state=b`"
        );
        assert_eq!(
            Scopes::default().check_prefix("").unwrap_err().to_string(),
            "no state is granted; grant `state`, or `state=*`, to this component"
        );
    }
}
