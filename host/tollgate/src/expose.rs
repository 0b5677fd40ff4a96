//! What of a host exists for an agent.

use std::str::FromStr;
use tollgate_config::model;
use tollgate_core::grant::glob;

/// What agents see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expose {
    /// A few tools to find and call all others: a small surface, however many tools stand behind it.
    #[default]
    Meta,
    /// Those, and tools that tell how the host is.
    MetaFull,
    /// The policies, as tools.
    Policies,
    /// The policies and every server's tools.
    All,
    /// These: policies by name, tools as `server:tool` with `*` and `?`.
    Only(Vec<String>),
}

impl From<&model::Expose> for Expose {
    fn from(expose: &model::Expose) -> Self {
        match expose {
            model::Expose::Meta => Self::Meta,
            model::Expose::MetaFull => Self::MetaFull,
            model::Expose::Policies => Self::Policies,
            model::Expose::All => Self::All,
            model::Expose::Only(items) => Self::Only(items.iter().map(|item| item.value.clone()).collect()),
        }
    }
}

impl FromStr for Expose {
    type Err = String;

    /// Reads `meta`, `meta-full`, `policies`, `all`, or a list with commas.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "meta" => Self::Meta,
            "meta-full" => Self::MetaFull,
            "policies" => Self::Policies,
            "all" => Self::All,
            list => {
                let items: Vec<String> = list.split(',').map(|item| item.trim().to_owned()).collect();
                if items.iter().any(String::is_empty) {
                    return Err(format!(
                        "`{list}` exposes nothing: write meta, meta-full, policies, all, or a list as `crm:*,customer-360`"
                    ));
                }
                Self::Only(items)
            }
        })
    }
}

/// How an agent sees what exists for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// By a few tools that find and call the others.
    Meta,
    /// By those, and tools that tell how the host is.
    MetaFull,
    /// Each policy and tool as a tool of its own.
    Direct,
}

/// What exists for somebody, and how he sees it.
#[derive(Clone, Debug)]
pub(crate) struct Exposure {
    pub(crate) surface: Surface,
    /// Only what each of these names; everything where there is none.
    within: Vec<Named>,
}

/// Some policies and tools.
#[derive(Clone, Debug, Default)]
struct Named {
    /// Every policy.
    policies: bool,
    items: Vec<String>,
}

impl Named {
    fn of(expose: &Expose) -> Option<Self> {
        match expose {
            Expose::Meta | Expose::MetaFull | Expose::All => None,
            Expose::Policies => Some(Self { policies: true, items: Vec::new() }),
            Expose::Only(items) => Some(Self { policies: false, items: items.clone() }),
        }
    }

    fn has_policy(&self, name: &str) -> bool {
        self.policies || self.items.iter().any(|item| glob(item, name))
    }
}

impl Exposure {
    /// What one word or list says.
    pub(crate) fn of(expose: &Expose) -> Self {
        let surface = match expose {
            Expose::Meta => Surface::Meta,
            Expose::MetaFull => Surface::MetaFull,
            Expose::Policies | Expose::All | Expose::Only(_) => Surface::Direct,
        };
        Self { surface, within: Named::of(expose).into_iter().collect() }
    }

    /// What several say together: the widest of them, or all that their lists name.
    pub(crate) fn sum<'a>(exposes: impl IntoIterator<Item = &'a Expose>) -> Self {
        let (mut widest, mut sum): (Option<&Expose>, Named) = (None, Named::default());
        let rank = |expose: &Expose| match expose {
            Expose::All => 3,
            Expose::MetaFull => 2,
            Expose::Meta => 1,
            Expose::Policies | Expose::Only(_) => 0,
        };
        for expose in exposes {
            match Named::of(expose) {
                Some(named) => {
                    sum.policies |= named.policies;
                    sum.items.extend(named.items);
                }
                None if widest.is_none_or(|widest| rank(widest) < rank(expose)) => widest = Some(expose),
                None => {}
            }
        }
        match widest {
            Some(expose) => Self::of(expose),
            None => Self { surface: Surface::Direct, within: vec![sum] },
        }
    }

    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self { surface: Surface::Direct, within: vec![Named::default()] }
    }

    /// Never more than a list names. What exposes everything bounds nothing.
    pub(crate) fn bounded(mut self, bound: &Expose) -> Self {
        self.within.extend(Named::of(bound));
        self
    }

    /// Whether servers' resources and prompts exist too: lists name none.
    pub(crate) fn passes_on(&self) -> bool {
        self.within.is_empty()
    }

    pub(crate) fn has_policy(&self, name: &str) -> bool {
        self.within.iter().all(|named| named.has_policy(name))
    }

    /// The lists of tools, each of which has to name one that exists.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &[String]> {
        self.within.iter().map(|named| &*named.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expose(text: &str) -> Expose {
        text.parse().unwrap()
    }

    fn sum(texts: &[&str]) -> Exposure {
        let exposes: Vec<_> = texts.iter().map(|text| expose(text)).collect();
        Exposure::sum(&exposes)
    }

    #[test]
    fn of_several_the_widest_counts_or_all_that_lists_name() {
        assert_eq!(sum(&["crm:*", "meta", "all", "meta-full"]).surface, Surface::Direct);
        assert_eq!(sum(&["meta", "meta-full", "policies"]).surface, Surface::MetaFull);
        assert!(sum(&["crm:*", "meta"]).passes_on());
        let lists = sum(&["crm:*,report", "mail:*"]);
        assert_eq!(lists.tools().collect::<Vec<_>>(), [["crm:*", "report", "mail:*"]]);
        assert!(lists.has_policy("report") && !lists.has_policy("other") && !lists.passes_on());
        let policies = sum(&["policies", "crm:*"]);
        assert!(policies.has_policy("other") && policies.surface == Surface::Direct);
    }

    #[test]
    fn a_list_bounds_whatever_else_is_said_and_the_words_for_everything_bound_nothing() {
        let bounded = sum(&["meta"]).bounded(&expose("crm:*,report"));
        assert!(bounded.surface == Surface::Meta && !bounded.passes_on());
        assert!(bounded.has_policy("report") && !bounded.has_policy("other"));
        assert_eq!(bounded.tools().collect::<Vec<_>>(), [["crm:*", "report"]]);
        for word in ["meta", "meta-full", "all"] {
            assert!(sum(&["all"]).bounded(&expose(word)).passes_on(), "{word}");
        }
        assert!(!sum(&["all"]).bounded(&expose("policies")).passes_on());
        let both = sum(&["crm:*,a"]).bounded(&expose("crm:get_*,b"));
        assert!(!both.has_policy("a") && !both.has_policy("b"), "both have to name it");
    }

    #[test]
    fn nothing_has_no_policy_and_a_list_without_tools_has_none() {
        let nothing = Exposure::nothing();
        assert!(!nothing.has_policy("report") && !nothing.passes_on());
        assert_eq!(nothing.tools().collect::<Vec<_>>(), [&[] as &[String]]);
    }
}
