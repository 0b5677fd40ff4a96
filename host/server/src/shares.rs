//! Places that principals share, so that none of them takes all.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tollgate::Identity;

/// A number of places. Half of them are divided evenly among the principals, and kept for each; the other half is whoever's
/// comes first. Where there is one principal, all are its own.
pub(crate) struct Shares {
    max: usize,
    principals: AtomicUsize,
    /// The places that each has; nobody is here without one.
    taken: Mutex<HashMap<Identity, usize>>,
}

impl Shares {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, principals: AtomicUsize::new(1), taken: Mutex::default() })
    }

    /// Says how many principals there can be.
    pub(crate) fn divide_among(&self, principals: usize) {
        self.principals.store(principals.max(1), Ordering::Relaxed);
    }

    /// How many places are kept for each principal.
    fn kept(&self) -> usize {
        match self.principals.load(Ordering::Relaxed) {
            0 | 1 => self.max,
            many => self.max / 2 / many,
        }
    }

    /// Takes a place, until it is dropped. `None` when all that the principal may have are taken.
    pub(crate) fn take(self: &Arc<Self>, identity: &Identity) -> Option<Share> {
        let share = Share { shares: self.clone(), identity: identity.clone(), places: AtomicUsize::new(0) };
        share.grow(1).then_some(share)
    }

    /// Takes more places for a principal, or none. The lock is held, so nobody else takes them meanwhile.
    fn add(&self, taken: &mut HashMap<Identity, usize>, identity: &Identity, more: usize) -> bool {
        let (kept, principals) = (self.kept(), self.principals.load(Ordering::Relaxed).max(1));
        let own = taken.get(identity).copied().unwrap_or(0).saturating_add(more);
        if own > kept {
            let others = taken.iter().filter(|(other, _)| *other != identity).map(|(_, count)| *count);
            let beyond: usize = others.chain([own]).map(|count| count.saturating_sub(kept)).sum();
            if beyond > self.max.saturating_sub(kept.saturating_mul(principals)) {
                return false;
            }
        }
        taken.insert(identity.clone(), own);
        true
    }
}

/// One place or more, until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    identity: Identity,
    places: AtomicUsize,
}

impl Share {
    /// Takes more places, until it has this many. False when the principal may not have so many; then it keeps those that it has.
    pub(crate) fn grow(&self, places: usize) -> bool {
        let mut taken = self.shares.taken.lock();
        let more = places.saturating_sub(self.places.load(Ordering::Relaxed));
        if more == 0 {
            return true;
        }
        let grown = self.shares.add(&mut taken, &self.identity, more);
        if grown {
            self.places.store(places, Ordering::Relaxed);
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let places = *self.places.get_mut();
        let mut taken = self.shares.taken.lock();
        match taken.get_mut(&self.identity) {
            Some(count) if *count > places => *count -= places,
            // One that was refused had none.
            Some(_) if places > 0 => drop(taken.remove(&self.identity)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::{Principal, Tenant};

    fn identity(principal: &str) -> Identity {
        Identity { principal: Principal::new(principal), tenant: Tenant::default() }
    }

    /// Takes places until there is none, and keeps them: one that is dropped could be taken again for ever.
    fn take_all(shares: &Arc<Shares>, identity: Identity) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(&identity)).collect()
    }

    #[test]
    fn one_principal_alone_has_all_places() {
        assert_eq!(take_all(&Shares::new(10), identity("ada")).len(), 10);
    }

    #[test]
    fn of_several_principals_none_takes_the_places_of_another() {
        let shares = Shares::new(100);
        shares.divide_among(5);
        let ada = take_all(&shares, identity("ada"));
        assert_eq!(ada.len(), 10 + 50, "her own, and what is anybody's");
        let others: Vec<_> = ["bob", "cy", "di", "eve"].iter().map(|name| take_all(&shares, identity(name))).collect();
        assert!(others.iter().all(|places| places.len() == 10), "each has what is kept for him");
        drop(ada);
        assert_eq!(take_all(&shares, identity("bob")).len(), 50, "what she gave back is anybody's again");
        drop(others);
        assert!(shares.taken.lock().is_empty());
    }

    #[test]
    fn what_is_large_takes_many_places() {
        let shares = Shares::new(100);
        shares.divide_among(2);
        let (ada, bob) = (identity("ada"), identity("bob"));
        let large = shares.take(&ada).unwrap();
        assert!(large.grow(75) && large.grow(10), "her own, and what is anybody's");
        assert!(!large.grow(76) && shares.take(&ada).is_none());
        assert_eq!(take_all(&shares, bob).len(), 25);
        drop(large);
        assert!(shares.taken.lock().is_empty());
        assert_eq!(take_all(&shares, ada).len(), 75);
    }

    #[test]
    fn principals_of_one_name_in_two_tenants_are_two() {
        let shares = Shares::new(8);
        shares.divide_among(2);
        let ada = take_all(&shares, identity("ada"));
        let other = take_all(&shares, Identity { tenant: Tenant::new("other"), ..identity("ada") });
        assert_eq!((ada.len(), other.len()), (6, 2));
    }
}
