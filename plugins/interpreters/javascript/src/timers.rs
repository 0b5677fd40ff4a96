//! Timers of a script: which is due next. Two with the same deadline fire in the order in which they were set.

use std::collections::{BTreeMap, HashMap};

/// A deadline in milliseconds and the timer's number, which grows: the order in which timers fire.
type Key = (u64, u32);

/// The timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Whether a timer keeps the run alive, in the order in which they fire.
    set: BTreeMap<Key, bool>,
    deadlines: HashMap<u32, u64>,
    /// How many of them keep the run alive.
    keeping: usize,
}

impl Timers {
    /// Sets a timer that fires at the deadline; `keep` tells whether the run waits for it.
    pub(crate) fn set(&mut self, id: u32, deadline_ms: u64, keep: bool) {
        self.clear(id);
        self.set.insert((deadline_ms, id), keep);
        self.deadlines.insert(id, deadline_ms);
        self.keeping += usize::from(keep);
    }

    /// Takes a timer away, where it is set.
    pub(crate) fn clear(&mut self, id: u32) {
        if let Some(deadline_ms) = self.deadlines.remove(&id)
            && let Some(keep) = self.set.remove(&(deadline_ms, id))
        {
            self.keeping -= usize::from(keep);
        }
    }

    /// The deadline of the timer that fires next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.set.first_key_value().map(|((deadline_ms, _), _)| *deadline_ms)
    }

    /// Takes the first timer that is due.
    pub(crate) fn take_due(&mut self, now_ms: u64) -> Option<u32> {
        let (&(deadline_ms, id), _) = self.set.first_key_value()?;
        (deadline_ms <= now_ms).then(|| {
            self.clear(id);
            id
        })
    }

    /// Whether a timer is set that the run waits for.
    pub(crate) fn keep_alive(&self) -> bool {
        self.keeping > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_by_deadline_and_then_in_the_order_of_setting() {
        let mut timers = Timers::default();
        timers.set(1, 20, true);
        timers.set(2, 10, true);
        timers.set(3, 10, false);
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.take_due(9), None);
        assert_eq!((timers.take_due(15), timers.take_due(15), timers.take_due(15)), (Some(2), Some(3), None));
        assert_eq!(timers.next(), Some(20));
    }

    #[test]
    fn a_cleared_timer_keeps_nothing_alive() {
        let mut timers = Timers::default();
        timers.set(1, 20, true);
        timers.set(2, 20, false);
        assert!(timers.keep_alive());
        timers.clear(1);
        timers.clear(1);
        assert!(!timers.keep_alive());
        assert_eq!(timers.take_due(20), Some(2));
    }
}
