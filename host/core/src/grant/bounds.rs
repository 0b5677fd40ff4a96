//! Grants that are held to others: what somebody was given, and never more than somebody else allows.

use super::{Grant, Grants, Held, HostInterface, Named, Scope};
use std::sync::Arc;

impl Held {
    /// Whether all that it is held to allow something.
    pub(super) fn all(&self, allows: impl Fn(&Grants) -> bool) -> bool {
        self.within.iter().all(|within| allows(within))
    }
}

impl Grants {
    /// These, as far as `bound` allows it too.
    #[must_use]
    pub fn within(mut self, bound: &Arc<Self>) -> Self {
        for held in &mut self.0 {
            held.within.push(bound.clone());
        }
        self
    }

    /// Of servers only their tools that one of the patterns names, as `server:tool` with `*` and `?`: neither other tools nor
    /// resources and prompts. What is not of servers stays.
    #[must_use]
    pub fn of_tools(self, patterns: &[String]) -> Self {
        let named: Arc<Self> = Arc::new(patterns.iter().flat_map(|pattern| tools_named(pattern)).collect());
        let held = self.0.into_iter().filter_map(|mut held| match held.grant.kind() {
            HostInterface::Resource | HostInterface::Prompt => None,
            HostInterface::Tool => {
                held.within.push(named.clone());
                Some(held)
            }
            _ => Some(held),
        });
        Self(held.collect())
    }
}

/// The grants of exactly those tools whose `server:tool` a pattern matches. A server's name has no colon, so what stands for
/// the first one is where the pattern is parted: the colon itself, or a star or question mark.
fn tools_named(pattern: &str) -> impl Iterator<Item = Grant> {
    pattern.char_indices().filter_map(|(at, c)| {
        let (before, after) = match c {
            ':' => (pattern.get(..at)?, pattern.get(at + 1..)?),
            '?' => (pattern.get(..at)?, pattern.get(at + 1..)?),
            '*' => (pattern.get(..=at)?, pattern.get(at..)?),
            _ => return None,
        };
        let named = Named { server: before.to_owned(), name: after.to_owned(), ..Named::all(HostInterface::Tool) };
        Some(Grant(Scope::Named(named)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::glob;
    use crate::tool::EffectClass;
    use crate::url::HttpUrl;
    use proptest::prelude::*;

    fn grants(texts: &[&str]) -> Grants {
        Grants::parse(texts).unwrap()
    }

    #[test]
    fn grants_within_others_allow_what_both_allow() {
        let bound = Arc::new(grants(&[
            "crm:get_*",
            "mail:*!read-only",
            "resource=crm:public/*",
            "http=https://api.example.com/*!GET",
            "state=app/*",
            "model=small",
        ]));
        let own = ["*:*", "resource=*:*", "prompt=*:*", "http=https://api.example.com/v1/*", "state", "model", "ask"];
        let held = grants(&own).within(&bound);
        assert!(held.allows("crm", "get_customer", EffectClass::Unknown));
        assert!(!held.allows("crm", "delete_customer", EffectClass::Read));
        assert!(held.allows("mail", "list", EffectClass::Read) && !held.allows("mail", "send", EffectClass::Unknown));
        assert!(held.knows("crm") && held.reaches("mail") && held.covers_any(HostInterface::Resource, "crm"));
        assert!(!held.knows("erp") && !held.reaches("erp") && !held.covers_any(HostInterface::Resource, "mail"));
        assert!(held.covers(HostInterface::Resource, "crm", "public/a"));
        assert!(!held.covers(HostInterface::Resource, "crm", "secret"));
        assert!(!held.covers(HostInterface::Prompt, "crm", "x"));
        let url = |text: &str| HttpUrl::parse(text).unwrap();
        assert!(held.http("GET", &url("https://api.example.com/v1/a")).is_some());
        assert!(held.http("POST", &url("https://api.example.com/v1/a")).is_none(), "the bound has no POST");
        assert!(held.http("GET", &url("https://api.example.com/v2/a")).is_none(), "its own has no /v2");
        let keys: Vec<String> = held.state().iter().map(ToString::to_string).collect();
        assert_eq!(keys, ["app/*"]);
        assert!(held.model(Some("small")) && !held.model(Some("large")) && !held.ask());
        assert!(held.include(&"crm:get_customer".parse().unwrap()) && !held.include(&"crm:delete".parse().unwrap()));
    }

    #[test]
    fn a_union_of_bounded_grants_is_no_wider_than_its_parts() {
        let one = grants(&["*:*"]).within(&Arc::new(grants(&["crm:*"])));
        let mut both = grants(&["mail:send"]);
        both.extend(one);
        assert!(both.allows("crm", "x", EffectClass::Unknown) && both.allows("mail", "send", EffectClass::Unknown));
        assert!(!both.allows("mail", "delete", EffectClass::Unknown));
    }

    #[test]
    fn what_is_exposed_as_tools_has_no_resources_and_keeps_what_is_not_of_servers() {
        let held = grants(&["*:*", "resource=*:*", "prompt=*:*", "ask"]).of_tools(&["crm:get_*".to_owned()]);
        assert!(held.allows("crm", "get_x", EffectClass::Unknown) && !held.allows("crm", "x", EffectClass::Read));
        assert!(!held.covers(HostInterface::Resource, "crm", "x") && !held.covers(HostInterface::Prompt, "crm", "x"));
        assert!(held.ask() && !held.knows("mail"));
    }

    proptest! {
        #[test]
        fn a_pattern_grants_the_tools_that_it_matches_and_no_others(
            pattern in "[ab:*?]{1,6}",
            names in prop::collection::vec(("[ab]{1,3}", "[ab:]{1,4}"), 20),
        ) {
            let grants = Grants::all().of_tools(std::slice::from_ref(&pattern));
            for (server, tool) in names {
                let is_granted = grants.allows(&server, &tool, EffectClass::Unknown);
                prop_assert_eq!(is_granted, glob(&pattern, &format!("{server}:{tool}")), "{} {}:{}", pattern, server, tool);
            }
        }
    }
}
