//! Which call fails, and how.

use std::time::Duration;

/// One way to fail. Where nothing else is said, the tool has done its work, if any, and the answer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not at all.
    None,
    /// The answer comes late.
    Late,
    /// The connection is dropped before anything is done.
    DropBefore,
    /// The connection is dropped when all is done.
    DropAfter,
    /// Half of the answer, then the connection is dropped.
    Half,
    /// The answer comes twice.
    Twice,
    /// Answers to other requests come first.
    WrongId,
    /// What is no message comes first.
    Garbage,
    /// Asked to come later; nothing is done.
    SlowDown,
    /// Not available now; nothing is done.
    Unavailable,
    /// An error of the server's own; nothing is done.
    Internal,
    /// No answer ever.
    Silent,
    /// The server is started anew after its answer.
    Restart,
}

/// The faults, and how often each happens in a thousand calls.
const ODDS: [(Fault, u64); 12] = [
    (Fault::Late, 80),
    (Fault::DropBefore, 12),
    (Fault::DropAfter, 12),
    (Fault::Half, 12),
    (Fault::Twice, 50),
    (Fault::WrongId, 50),
    (Fault::Garbage, 50),
    (Fault::SlowDown, 40),
    (Fault::Unavailable, 20),
    (Fault::Internal, 20),
    (Fault::Silent, 10),
    (Fault::Restart, 10),
];

/// A generator of random numbers (splitmix64); without one, nothing fails.
pub(crate) struct Dice(Option<u64>);

impl Dice {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed)
    }

    fn throw(&mut self) -> Option<u64> {
        let state = self.0.as_mut()?;
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = *state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(z ^ (z >> 31))
    }

    /// How the next call fails, and how long it takes.
    pub(crate) fn fault(&mut self) -> (Fault, Duration) {
        let (Some(first), Some(second)) = (self.throw(), self.throw()) else { return (Fault::None, Duration::ZERO) };
        let mut left = first % 1_000;
        let fault = ODDS.iter().find(|(_, odds)| {
            let found = left < *odds;
            left = left.saturating_sub(*odds);
            found
        });
        let fault = fault.map_or(Fault::None, |(fault, _)| *fault);
        let most = if fault == Fault::Late { 60 } else { 3 };
        (fault, Duration::from_millis(second % most))
    }
}
