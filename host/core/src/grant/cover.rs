//! Whether what one grant allows is allowed by another: a component asks for grants, and is given others.
//!
//! It may say no where the answer is yes (two patterns can be written differently and mean the same), never the other way.

use super::http::HttpGrant;
use super::{Grant, Grants, Named, Scope, matched};

impl Grants {
    /// Whether one of these allows everything that `asked` would.
    pub fn include(&self, asked: &Grant) -> bool {
        self.0.iter().any(|held| held.grant.includes(asked) && held.all(|within| within.include(asked)))
    }
}

impl Grant {
    /// Whether this allows everything that `asked` would.
    pub fn includes(&self, asked: &Self) -> bool {
        match (&self.0, &asked.0) {
            (Scope::Named(given), Scope::Named(asked)) => given.includes(asked),
            (Scope::Http(given), Scope::Http(asked)) => given.includes(asked),
            (Scope::State(given), Scope::State(asked)) => given.includes(asked),
            (Scope::Model(given), Scope::Model(asked)) => pattern_includes(given, asked),
            (Scope::Ask, Scope::Ask) => true,
            _ => false,
        }
    }

    /// Whether this allows requests to a place that the pattern means.
    pub fn meets(&self, origin: &super::http::OriginPattern) -> bool {
        self.http().is_some_and(|grant| grant.meets(origin))
    }
}

impl Named {
    fn includes(&self, asked: &Self) -> bool {
        self.kind == asked.kind
            && (asked.read_only || !self.read_only)
            && pattern_includes(&self.server, &asked.server)
            && self.means(&asked.name, |c| c != '*')
    }
}

/// Whether a pattern matches whatever another one does: a `*` of the other is matched by a `*` and nothing else.
fn pattern_includes(given: &str, asked: &str) -> bool {
    matched(given, asked, |c| c != '*')
}

impl HttpGrant {
    fn includes(&self, asked: &Self) -> bool {
        let is_method =
            self.methods.is_empty() || (!asked.methods.is_empty() && asked.methods.is_subset(&self.methods));
        let is_path = if asked.is_prefix {
            self.is_prefix && asked.path.as_str().starts_with(self.path.as_str())
        } else {
            self.covers(&asked.path)
        };
        is_method && is_path && (self.private || !asked.private) && self.origin.includes(&asked.origin)
    }

    fn meets(&self, origin: &super::http::OriginPattern) -> bool {
        let is_port = match (self.origin.port, origin.port) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        let hosts = (&self.origin.host, &origin.host);
        self.origin.scheme == origin.scheme && is_port && (hosts.0.includes(hosts.1) || hosts.1.includes(hosts.0))
    }
}
