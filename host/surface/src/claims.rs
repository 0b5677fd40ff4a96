//! Who gets a name that several want.
//!
//! Each claimant has a row of names to fall back on, level after level. All who want one name stand together: the
//! one with the highest rank keeps it, if it is alone in that rank, and all others go to their next name. Rounds
//! look at sets, so the result does not depend on an order; only names that somebody came to are looked at, so
//! the work is that of the moves made.

use std::collections::{BTreeSet, HashMap};

/// Who goes before whom. The greater keeps the name.
pub(crate) type Rank = (u32, i64);

/// A rank that nobody else has: a name given from outside.
pub(crate) const FIXED: Rank = (u32::MAX, 0);

/// The level from which on each further one must lead to another name, whatever the others do.
const LEVELS_MAX: u32 = 64;

/// A name that more than one wanted.
pub(crate) struct Contest {
    pub(crate) name: String,
    /// The claimants, by index, ascending.
    pub(crate) claimants: Vec<usize>,
    /// Who kept the name.
    pub(crate) kept_by: Option<usize>,
}

/// Gives each of `count` claimants a name of its own. `candidate` says what a claimant wants at a level, and
/// with what rank; its names at high levels must be digests of the claimant and the level.
pub(crate) fn settle(count: usize, candidate: impl Fn(usize, u32) -> (String, Rank)) -> (Vec<String>, Vec<Contest>) {
    let mut at: Vec<(String, Rank, u32)> = (0..count)
        .map(|who| {
            let (name, rank) = candidate(who, 0);
            (name, rank, 0)
        })
        .collect();
    let mut holders: HashMap<String, BTreeSet<usize>> = HashMap::new();
    let mut fresh: BTreeSet<String> = BTreeSet::new();
    for (who, (name, ..)) in at.iter().enumerate() {
        holders.entry(name.clone()).or_default().insert(who);
        fresh.insert(name.clone());
    }
    let mut contests = Vec::new();
    while !fresh.is_empty() {
        let mut movers = Vec::new();
        for name in std::mem::take(&mut fresh) {
            let Some(here) = holders.get_mut(&name).filter(|here| here.len() > 1) else { continue };
            let rank = |who: &usize| at.get(*who).map(|claim| claim.1);
            let top = here.iter().filter_map(rank).max();
            let mut first = here.iter().filter(|who| rank(who) == top);
            let kept_by = first.next().copied().filter(|_| first.next().is_none());
            let claimants: Vec<usize> = here.iter().copied().collect();
            here.retain(|who| Some(*who) == kept_by);
            movers.extend(claimants.iter().copied().filter(|who| Some(*who) != kept_by));
            contests.push(Contest { name, claimants, kept_by });
        }
        for who in movers {
            let Some(claim) = at.get_mut(who) else { continue };
            if claim.2 >= LEVELS_MAX {
                continue;
            }
            let level = claim.2 + 1;
            let (name, rank) = candidate(who, level);
            holders.entry(name.clone()).or_default().insert(who);
            fresh.insert(name.clone());
            *claim = (name, rank, level);
        }
    }
    (at.into_iter().map(|(name, ..)| name).collect(), contests)
}
