//! What the configuration says about a document: where its API is, and which operations become tools.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The options of a document. Every member may be left out; what is given filters, all of it together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The base URL, in place of the document's servers.
    pub server: Option<String>,
    /// Values of the servers' variables.
    pub variables: BTreeMap<String, String>,
    /// Tags: an operation has one of them.
    pub tags: Option<Vec<String>>,
    /// Globs: one fits the path template. `*` stands for any text, `/` too, and `?` for one character.
    pub paths: Option<Vec<String>>,
    /// Methods, in any case.
    pub methods: Option<Vec<String>>,
    /// Globs: one fits the tool's name.
    pub operations: Option<Vec<String>>,
    /// Only what reads, or only what writes.
    pub category: Option<Category>,
}

/// What an operation does, told from its method.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// `GET`, `HEAD` and `OPTIONS`.
    Read,
    /// All other methods.
    Write,
}

impl Options {
    /// Reads the JSON object; an empty text is one without members.
    ///
    /// # Errors
    /// A sentence that names the unknown or wrong member.
    pub fn parse(json: &str) -> Result<Self, String> {
        if json.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(json).map_err(|error| format!("the options of the document are wrong: {error}"))
    }

    /// Whether an operation passes every filter.
    pub fn admit(&self, candidate: &Candidate<'_>) -> bool {
        let any = |globs: &Option<Vec<String>>, text: &str| {
            globs.as_ref().is_none_or(|globs| globs.iter().any(|glob| fits(glob, text)))
        };
        let tags = self.tags.as_ref().is_none_or(|tags| tags.iter().any(|tag| candidate.tags.contains(&tag.as_str())));
        let methods = self
            .methods
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|method| method.eq_ignore_ascii_case(candidate.method)));
        let category = self.category.is_none_or(|category| category == Category::of(candidate.method));
        tags && methods && category && any(&self.paths, candidate.path) && any(&self.operations, candidate.name)
    }
}

impl Category {
    /// The category of a method, written in capitals.
    pub fn of(method: &str) -> Self {
        if matches!(method, "GET" | "HEAD" | "OPTIONS") { Self::Read } else { Self::Write }
    }
}

/// What the filters look at.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// In capitals.
    pub method: &'a str,
    /// The path template.
    pub path: &'a str,
    /// The tool's name.
    pub name: &'a str,
    /// The operation's tags.
    pub tags: Vec<&'a str>,
}

/// Whether a glob fits the whole text. It goes back to the last `*` only, so the time is at most the product of both
/// lengths.
fn fits(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g + 1, t));
                g += 1;
            }
            Some(&c) if c == '?' || Some(&c) == text.get(t) => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (g, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_whole_texts() {
        for (glob, text, expect) in [
            ("/repos/*", "/repos/{owner}/{repo}", true),
            ("/repos/*", "/orgs/repos/x", false),
            ("*issue*", "issues_list", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("*", "", true),
            ("*a*b", "xxaxxbxb", true),
            ("*a*b", "xxaxxbxc", false),
        ] {
            assert_eq!(fits(glob, text), expect, "{glob} {text}");
        }
    }

    #[test]
    fn an_unknown_option_is_an_error_that_names_it() {
        assert!(Options::parse(r#"{"sever": "x"}"#).unwrap_err().contains("`sever`"));
        assert!(Options::parse("").is_ok());
    }
}
