//! What is set for all servers together.

/// Settings of a [`Router`](crate::Router).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterSettings {
    /// How much is kept of answers.
    pub cache: CacheSettings,
}

/// How much is kept of answers, of all servers together. What is over it makes room for what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The most answers; 0 keeps none, and more than four million are not kept.
    pub entries: usize,
    /// The most bytes of answers and what was asked for them; 0 keeps none. One answer that would take more than an
    /// eighth of it is not kept.
    pub bytes: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 64 << 20 }
    }
}
