//! Names near one that is not there.

/// The most names that are suggested.
const MAX_NEAR: usize = 5;
/// How much of a name is compared: bounds the cost of one comparison.
const COMPARED_CHARS: usize = 64;
/// Below this a name is not near.
const NEAR: f64 = 0.8;

/// The tools nearest to `server:tool` among `candidates` (server, tool), best first, as `server:tool`.
pub(crate) fn near<'a>(
    server: &str,
    tool: &str,
    candidates: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let (wanted_server, wanted) = (normal(server), Name::new(tool));
    let mut best: Vec<(f64, &str, &str)> = Vec::new();
    // Candidates come server by server, so its likeness is computed once for each.
    let mut last: Option<(&str, f64)> = None;
    for (s, t) in candidates {
        let server_likeness = match last {
            Some((name, likeness)) if name == s => likeness,
            _ => likeness(&wanted_server, &normal(s)),
        };
        last = Some((s, server_likeness));
        let tool_likeness = wanted.likeness(&Name::new(t));
        if tool_likeness < NEAR {
            continue;
        }
        let score = tool_likeness + 0.3 * server_likeness;
        let place = best.partition_point(|(other, ..)| *other >= score);
        if place < MAX_NEAR {
            best.insert(place, (score, s, t));
            best.truncate(MAX_NEAR);
        }
    }
    best.into_iter().map(|(_, s, t)| format!("{s}:{t}")).collect()
}

/// The words nearest to `word` among `candidates`, best first.
pub(crate) fn near_words<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = Name::new(word);
    let scored = candidates.into_iter().map(|word| (wanted.likeness(&Name::new(word)), word));
    let mut near: Vec<(f64, &str)> = scored.filter(|(likeness, _)| *likeness >= NEAR).collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.truncate(MAX_NEAR);
    near.into_iter().map(|(_, word)| word).collect()
}

/// A name without what people get wrong: case, and `-`, `_` and the like.
struct Name {
    plain: String,
    words: Vec<String>,
}

impl Name {
    fn new(name: &str) -> Self {
        let short: String = name.chars().take(COMPARED_CHARS).collect();
        let mut words: Vec<String> = Vec::new();
        let mut fresh = true;
        let mut before_lower = false;
        for c in short.chars() {
            if !c.is_alphanumeric() {
                fresh = true;
                continue;
            }
            if fresh || (c.is_uppercase() && before_lower) {
                words.push(String::new());
            }
            fresh = false;
            before_lower = c.is_lowercase();
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        let plain = words.concat();
        words.sort_unstable();
        Self { plain, words }
    }

    fn likeness(&self, other: &Self) -> f64 {
        if self.plain == other.plain {
            return 1.0;
        }
        // `issue_create` for `create_issue`.
        if self.words == other.words {
            return 0.95;
        }
        likeness(&self.plain, &other.plain)
    }
}

fn normal(name: &str) -> String {
    Name::new(name).plain
}

fn likeness(a: &str, b: &str) -> f64 {
    if a == b { 1.0 } else { strsim::jaro_winkler(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLEET: &[(&str, &str)] = &[
        ("github", "create_issue"),
        ("github", "list_issues"),
        ("gitlab", "create_issue"),
        ("time", "getTime"),
        ("files", "read_file"),
        ("files", "write_file"),
    ];

    #[test]
    fn near_names_come_best_first() {
        for (server, tool, want) in [
            ("github", "create-issue", "github:create_issue"),
            ("gitlab", "create_isue", "gitlab:create_issue"),
            ("githb", "list_issues", "github:list_issues"),
            ("nowhere", "read_file", "files:read_file"),
            ("github", "issue_create", "github:create_issue"),
            ("time", "get_time", "time:getTime"),
            ("files", "READ_FILE", "files:read_file"),
        ] {
            let found = near(server, tool, FLEET.iter().copied());
            assert_eq!(found.first().map(String::as_str), Some(want), "{server}:{tool} {found:?}");
        }
        assert!(near("github", "quux", FLEET.iter().copied()).is_empty());
    }

    #[test]
    fn near_words_come_best_first() {
        let servers = ["github", "gitlab", "time", "files"];
        for (server, want) in [("githb", vec!["github", "gitlab"]), ("Time", vec!["time"]), ("quux", vec![])] {
            assert_eq!(near_words(server, servers), want, "{server}");
        }
    }

    #[test]
    fn ten_thousand_tools_are_searched_in_bounded_time() {
        let names: Vec<String> = (0..10_000).map(|i| format!("{}_{i}", "a".repeat(240))).collect();
        let start = std::time::Instant::now();
        let found = near("s", &"a".repeat(256), names.iter().map(|n| ("s", n.as_str())));
        assert_eq!(found.len(), MAX_NEAR);
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn suggestions_are_candidates_and_few(tool in ".{0,300}", names in prop::collection::vec(".{1,20}", 0..40)) {
            let found = near("s", &tool, names.iter().map(|n| ("s", n.as_str())));
            prop_assert!(found.len() <= MAX_NEAR);
            for name in &found {
                let of_candidate = names.iter().any(|n| Some(n.as_str()) == name.strip_prefix("s:"));
                prop_assert!(of_candidate);
            }
        }
    }
}
