//! Who said a value: the operator, or somebody whom the host distrusts.
//!
//! A URL that a server, a document or metadata names looks like one of the configuration, and must not get its rights: private
//! addresses, secrets, clear http. So the two are different types. A function that uses the operator's rights takes a
//! [`Configured`] value; what comes from outside is a [`Claimed`] one, which reads as text for errors and becomes nothing else.
//! Nothing turns a claim into the operator's word.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::ops::Deref;

/// A value that the operator wrote: in the configuration, as a flag, or in the embedding program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Configured<T>(T);

impl<T> Configured<T> {
    /// Marks a value as the operator's. Only the readers of configurations and flags, and the embedding program, may say so.
    pub fn by_operator(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Configured<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Display> fmt::Display for Configured<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value that a server, a document or metadata claims.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claimed<T>(T);

impl<T> Claimed<T> {
    /// Marks a value as somebody's claim.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, to be judged or shown. Whoever acts on it grants it the rights of a stranger.
    pub fn unproven(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Display> fmt::Display for Claimed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is read from a document or an answer is claimed. There is no such impl for [`Configured`].
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Claimed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
