//! What a grant of state says.

use crate::model::{Key, StateError};
use tollgate_core::grant::state::{Scope, ScopeError};

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
