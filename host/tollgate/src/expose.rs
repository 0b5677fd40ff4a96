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
