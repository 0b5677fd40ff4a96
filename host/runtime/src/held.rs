//! What one run makes the host hold beside its linear memory, against the limit `host_memory`.

use crate::bindings::wit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tollgate_core::{LimitKind, LimitReached, Limits};

/// What an entry of a table costs, in bytes: a resource, a handle, a task, a timer. More than any of them takes.
const ENTRY_BYTES: u64 = 4 << 10;
/// Entries that each table has room for, however little the run may make the host hold.
const ENTRIES_MIN: u64 = 256;
/// What the host takes from a guest at once, however little the run may make it hold.
const TRANSFER_MIN: u64 = 1 << 20;

/// One run's account. Clones are the same account.
#[derive(Clone, Debug)]
pub(crate) struct Account(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    held: AtomicU64,
    ceiling: LimitReached,
}

/// Bytes that are charged to a run until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    account: Account,
    bytes: u64,
}

impl Account {
    pub(crate) fn new(limits: &Limits) -> Self {
        let ceiling = limits.reached(LimitKind::HostMemory);
        Self(Arc::new(Shared { held: AtomicU64::new(0), ceiling }))
    }

    /// Charges bytes.
    ///
    /// # Errors
    /// The limit; nothing is charged then. It ends the run, as linear memory over its limit does.
    pub(crate) fn hold(&self, bytes: u64) -> Result<Held, LimitReached> {
        let mut held = Held { account: self.clone(), bytes: 0 };
        held.resize(bytes)?;
        Ok(held)
    }

    /// The most that a guest makes the host copy at once.
    pub(crate) fn transfer_bytes(&self) -> usize {
        usize::try_from(self.0.ceiling.value.max(TRANSFER_MIN)).unwrap_or(usize::MAX)
    }

    /// The most entries of each table of the host and of the engine.
    pub(crate) fn entries(&self) -> usize {
        usize::try_from((self.0.ceiling.value / ENTRY_BYTES).max(ENTRIES_MIN)).unwrap_or(usize::MAX)
    }
}

impl Held {
    /// The bytes that are charged.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Charges so much in place of what is charged now.
    ///
    /// # Errors
    /// As of [`Account::hold`].
    pub(crate) fn resize(&mut self, bytes: u64) -> Result<(), LimitReached> {
        let Shared { held, ceiling } = &*self.account.0;
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
        self.account.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What came from a guest or goes to it, and takes memory of the host meanwhile.
pub(crate) trait Weigh {
    /// Its bytes beyond those of the value itself.
    fn weigh(&self) -> u64;
}

impl Weigh for String {
    fn weigh(&self) -> u64 {
        self.len() as u64
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn weigh(&self) -> u64 {
        self.as_ref().map_or(0, Weigh::weigh)
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn weigh(&self) -> u64 {
        let values = size_of::<T>().saturating_mul(self.len()) as u64;
        self.iter().fold(values, |sum, value| sum.saturating_add(value.weigh()))
    }
}

macro_rules! weightless {
    ($($kind:ty),*) => { $(impl Weigh for $kind {
        fn weigh(&self) -> u64 {
            0
        }
    })* };
}

weightless!((), bool, u32, u64);

macro_rules! tuples {
    ($($($part:ident)+;)*) => { $(impl<$($part: Weigh),+> Weigh for ($($part,)+) {
        #[expect(non_snake_case, reason = "a part is named by its type")]
        fn weigh(&self) -> u64 {
            let ($($part,)+) = self;
            [$($part.weigh()),+].into_iter().fold(0, u64::saturating_add)
        }
    })* };
}

tuples! { A; A B; A B C; }

impl Weigh for wit::Call {
    fn weigh(&self) -> u64 {
        [&self.server, &self.tool, &self.args].into_iter().map(Weigh::weigh).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_held_again() {
        let account = Account::new(&Limits { host_memory_bytes: 100, ..Limits::default() });
        let mut first = account.hold(60).unwrap();
        assert_eq!(account.hold(41).unwrap_err().kind, LimitKind::HostMemory);
        let second = account.hold(40).unwrap();
        assert!(first.resize(61).is_err());
        drop(second);
        first.resize(100).unwrap();
        first.resize(0).unwrap();
        drop(account.hold(100).unwrap());
        assert!(account.hold(u64::MAX).is_err());
    }

    #[test]
    fn what_lists_hold_counts() {
        let empty = size_of::<String>() as u64;
        assert_eq!((String::from("abc"), Some(String::from("de"))).weigh(), 5);
        assert_eq!(vec![String::new(); 10].weigh(), 10 * empty);
        assert_eq!((vec![String::from("a")], 7_u64, true).weigh(), empty + 1);
    }
}
