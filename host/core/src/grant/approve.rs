//! Calls that a person must approve, one by one, before they are made.

use super::glob;
use crate::name::check_server_name;
use std::fmt;
use std::str::FromStr;

/// Tools whose calls need approval: `server:tool`, with `*` and `?` in either part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    server: String,
    tool: String,
}

/// Why a text names no tools.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` names no tools: write `server:tool`, with * and ? where you like, as `*:delete_*`", .0.escape_debug())]
pub struct PatternError(String);

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let bad = || PatternError(text.chars().take(80).collect());
        let (server, tool) = text.trim().split_once(':').ok_or_else(bad)?;
        let plain = server.replace(['*', '?'], "x");
        if tool.is_empty() || tool.chars().any(char::is_control) || check_server_name(&plain).is_err() {
            return Err(bad());
        }
        Ok(Self { server: server.to_owned(), tool: tool.to_owned() })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.server, self.tool)
    }
}

/// Every pattern of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals(Vec<Pattern>);

impl Approvals {
    /// Reads a list of patterns.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        texts.into_iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Adds those of `other`.
    pub fn extend(&mut self, other: &Self) {
        for pattern in &other.0 {
            if !self.0.contains(pattern) {
                self.0.push(pattern.clone());
            }
        }
    }

    /// Each pattern.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a call of this tool needs approval.
    pub fn wanted(&self, server: &str, tool: &str) -> bool {
        self.0.iter().any(|pattern| glob(&pattern.server, server) && glob(&pattern.tool, tool))
    }
}

impl FromIterator<Pattern> for Approvals {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_tools_of_servers() {
        let approvals = Approvals::parse(["*:delete_*", "crm:set?"]).unwrap();
        for (server, tool, want) in [
            ("files", "delete_all", true),
            ("crm", "set1", true),
            ("crm", "set", false),
            ("files", "read", false),
            ("files", "undelete_x", false),
        ] {
            assert_eq!(approvals.wanted(server, tool), want, "{server}:{tool}");
        }
        for bad in ["delete", ":x", "a:", "a b:c", "a:\n", "tool=a:b"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad:?}");
        }
    }
}
