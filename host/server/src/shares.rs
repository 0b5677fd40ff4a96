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
        let (kept, principals) = (self.kept(), self.principals.load(Ordering::Relaxed).max(1));
        let mut taken = self.taken.lock();
        let own = taken.get(identity).copied().unwrap_or(0);
        if own >= kept {
            let beyond: usize = taken.values().map(|count| count.saturating_sub(kept)).sum();
            if beyond >= self.max.saturating_sub(kept.saturating_mul(principals)) {
                return None;
            }
        }
        taken.insert(identity.clone(), own + 1);
        drop(taken);
        Some(Share { shares: self.clone(), identity: identity.clone() })
    }
}

/// A place, until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    identity: Identity,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock();
        match taken.get_mut(&self.identity) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.identity)),
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
    fn principals_of_one_name_in_two_tenants_are_two() {
        let shares = Shares::new(8);
        shares.divide_among(2);
        let ada = take_all(&shares, identity("ada"));
        let other = take_all(&shares, Identity { tenant: Tenant::new("other"), ..identity("ada") });
        assert_eq!((ada.len(), other.len()), (6, 2));
    }
}
