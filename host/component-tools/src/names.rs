//! What tools are called.

use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use tollgate_core::name::EXPOSED_NAME_MAX_BYTES;

/// `max-size` as `max_size`. No two names of WIT become the same: they have no underscore.
pub(crate) fn snake(kebab: &str) -> String {
    kebab.replace('-', "_")
}

/// A function, as names are made of it.
pub(crate) struct Named<'a> {
    /// The instance that exports it, as `ns:pkg/iface@1.0.0` or `iface`; none for the component's own function.
    pub(crate) instance: Option<&'a str>,
    /// As `get-it`.
    pub(crate) function: &'a str,
}

/// A name for each function: `FUNCTION`, or `INTERFACE_FUNCTION` for one of an interface. Functions that would share a
/// name all take the package's name before it, and if that does not part them, a few digits of their full name's hash
/// after it. So a function's name depends on no order, and changes only when another comes that wants the same.
pub(crate) fn names(functions: &[Named<'_>]) -> Vec<String> {
    let short: Vec<_> = functions.iter().map(|f| fit(f.short(), f)).collect();
    let long: Vec<_> = functions.iter().map(|f| fit(f.long(), f)).collect();
    let (short_seen, long_seen) = (count(&short), count(&long));
    let once = |seen: &HashMap<&str, usize>, name: &str| seen.get(name) == Some(&1);
    let named = functions.iter().zip(short.iter().zip(&long));
    let chosen = named.map(|(function, (short, long))| {
        if once(&short_seen, short) {
            short.clone()
        } else if once(&long_seen, long) && !short_seen.contains_key(long.as_str()) {
            long.clone()
        } else {
            hashed(long, function)
        }
    });
    chosen.collect()
}

fn count(names: &[String]) -> HashMap<&str, usize> {
    let mut seen = HashMap::new();
    for name in names {
        *seen.entry(name.as_str()).or_default() += 1;
    }
    seen
}

impl Named<'_> {
    fn short(&self) -> String {
        let interface = self.instance.map(|name| {
            let name = name.split_once('@').map_or(name, |(name, _)| name);
            name.rsplit_once('/').map_or(name, |(_, interface)| interface)
        });
        join(&[interface, Some(self.function)])
    }

    fn long(&self) -> String {
        join(&[self.instance, Some(self.function)])
    }

    fn full(&self) -> String {
        format!("{}#{}", self.instance.unwrap_or_default(), self.function)
    }
}

fn join(parts: &[Option<&str>]) -> String {
    let text: Vec<_> = parts.iter().flatten().copied().collect();
    // Versions and package names have `:`, `/`, `@`, `.`, which a model's providers do not take in a name.
    text.join("_").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Cuts a name that is too long.
fn fit(name: String, function: &Named<'_>) -> String {
    if name.len() <= EXPOSED_NAME_MAX_BYTES { name } else { hashed(&name, function) }
}

fn hashed(name: &str, function: &Named<'_>) -> String {
    let hash = hex::encode(Sha256::digest(function.full()).get(..4).unwrap_or_default());
    let room = EXPOSED_NAME_MAX_BYTES - hash.len() - 1;
    format!("{}_{hash}", name.get(..room.min(name.len())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(functions: &[(&str, &str)]) -> Vec<String> {
        let named: Vec<_> = functions
            .iter()
            .map(|(instance, function)| Named { instance: Some(*instance).filter(|i| !i.is_empty()), function })
            .collect();
        names(&named)
    }

    #[test]
    fn names_say_interface_and_function() {
        let made =
            of(&[("", "add"), ("acme:math/calc@1.0.0", "add"), ("acme:math/calc@1.0.0", "sub-all"), ("inline", "x")]);
        assert_eq!(made, ["add", "calc_add", "calc_sub_all", "inline_x"]);
    }

    #[test]
    fn functions_that_want_one_name_all_take_a_longer_one() {
        let made = of(&[("a:b/calc", "add"), ("c:d/calc", "add"), ("a:b/calc", "sub")]);
        assert_eq!(made, ["a_b_calc_add", "c_d_calc_add", "calc_sub"]);
        // Parted by nothing but their full names.
        let made = of(&[("a:b/x-y", "z"), ("a:b/x", "y-z")]);
        assert!(made[0] != made[1] && made.iter().all(|name| name.starts_with("a_b_x_y_z_")), "{made:?}");
        let turned = of(&[("a:b/x", "y-z"), ("a:b/x-y", "z")]);
        assert_eq!(turned, [made[1].clone(), made[0].clone()], "the order does not matter");
    }

    proptest! {
        #[test]
        fn names_are_different_and_fit_every_provider(
            functions in prop::collection::btree_set(("|(a:b|c:d)/[ab]{1,2}(-[ab]{1,2})?(@0.[12].0)?|[ab]{1,70}", "[ab]{1,2}(-[ab]{1,60})?"), 1..20)
        ) {
            let functions: Vec<_> = functions.iter().map(|(i, f)| (i.as_str(), f.as_str())).collect();
            let made = of(&functions);
            let different: std::collections::HashSet<_> = made.iter().collect();
            prop_assert_eq!(different.len(), functions.len());
            prop_assert!(made.iter().all(|name| tollgate_core::name::is_exposed_name(name)), "{:?}", made);
        }
    }
}
