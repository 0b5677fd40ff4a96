//! The account of what one run makes the host hold beside its linear memory, against the limit `host_memory`.

use crate::limits::{LimitKind, LimitReached, Limits};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One run's account of host memory. Clones are the same account.
#[derive(Clone, Debug)]
pub struct HostMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    held: AtomicU64,
    ceiling: LimitReached,
}

/// Bytes that are charged to a run until this is dropped.
#[derive(Debug)]
pub struct Held {
    memory: HostMemory,
    bytes: u64,
}

impl HostMemory {
    /// An account with nothing charged.
    pub fn new(limits: &Limits) -> Self {
        let ceiling = limits.reached(LimitKind::HostMemory);
        Self(Arc::new(Shared { held: AtomicU64::new(0), ceiling }))
    }

    /// The most bytes that may be charged at once.
    pub fn ceiling(&self) -> u64 {
        self.0.ceiling.value
    }

    /// Charges bytes.
    ///
    /// # Errors
    /// The limit; nothing is charged then. It ends the run, as linear memory over its limit does.
    pub fn hold(&self, bytes: u64) -> Result<Held, LimitReached> {
        let mut held = Held { memory: self.clone(), bytes: 0 };
        held.resize(bytes)?;
        Ok(held)
    }
}

impl Held {
    /// The bytes that are charged.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Charges so much in place of what is charged now.
    ///
    /// # Errors
    /// As of [`HostMemory::hold`].
    pub fn resize(&mut self, bytes: u64) -> Result<(), LimitReached> {
        let Shared { held, ceiling } = &*self.memory.0;
        if let Some(more) = bytes.checked_sub(self.bytes) {
            let add = |have: u64| have.checked_add(more).filter(|sum| *sum <= ceiling.value);
            held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).map_err(|_| *ceiling)?;
        } else {
            held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_held_again() {
        let memory = HostMemory::new(&Limits { host_memory_bytes: 100, ..Limits::default() });
        let mut first = memory.hold(60).unwrap();
        assert_eq!(memory.hold(41).unwrap_err().kind, LimitKind::HostMemory);
        let second = memory.hold(40).unwrap();
        assert!(first.resize(61).is_err());
        drop(second);
        first.resize(100).unwrap();
        first.resize(0).unwrap();
        drop(memory.hold(100).unwrap());
        assert!(memory.hold(u64::MAX).is_err());
    }
}
