//! The weights, in a run's account of host memory, of entries of tables and of what crosses between a guest and the host.

use crate::bindings::wit;
use tollgate_core::{HostMemory, json};

/// What an entry of a table costs, in bytes: a resource, a handle, a task, a timer. More than any of them takes.
const ENTRY_BYTES: u64 = 4 << 10;
/// Entries that each table has room for, however little the run may make the host hold.
const ENTRIES_MIN: u64 = 256;
/// What the host takes from a guest at once, however little the run may make it hold.
const TRANSFER_MIN: u64 = 1 << 20;

/// The most that a guest makes the host copy at once.
pub(crate) fn transfer_bytes(memory: &HostMemory) -> usize {
    usize::try_from(memory.ceiling().max(TRANSFER_MIN)).unwrap_or(usize::MAX)
}

/// The most entries of each table of the host and of the engine.
pub(crate) fn entries(memory: &HostMemory) -> usize {
    usize::try_from((memory.ceiling() / ENTRY_BYTES).max(ENTRIES_MIN)).unwrap_or(usize::MAX)
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
        [self.server.weigh(), self.tool.weigh(), json_bytes(&self.args)].into_iter().fold(0, u64::saturating_add)
    }
}

/// The weight of two texts that name what a guest asks for, and of its arguments in JSON.
pub(crate) fn asked_bytes((server, name, args): &(String, String, String)) -> u64 {
    [server.weigh(), name.weigh(), json_bytes(args)].into_iter().fold(0, u64::saturating_add)
}

/// Arguments on their way: their text, and twice as a tree, once as they are checked and once as they are sent.
fn json_bytes(args: &str) -> u64 {
    (json::tree_bytes(args.as_bytes()) as u64).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lists_hold_counts() {
        let empty = size_of::<String>() as u64;
        assert_eq!((String::from("abc"), Some(String::from("de"))).weigh(), 5);
        assert_eq!(vec![String::new(); 10].weigh(), 10 * empty);
        assert_eq!((vec![String::from("a")], 7_u64, true).weigh(), empty + 1);
    }
}
