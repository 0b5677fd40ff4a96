//! The tools that a plan may name, and whether arguments fit them.

use jsonschema::Validator;
use serde_json::Value;
use tollgate_sdk::servers::{self, Server, Tool};

use crate::template::Template;

/// How many near names are told.
const NEAR: usize = 3;
/// How many faults of one step's arguments are told.
const MAX_FAULTS: usize = 10;

/// What can be called.
pub struct Catalog {
    servers: Vec<Server>,
    tools: Vec<Tool>,
}

impl Catalog {
    /// The tools that this run was granted.
    pub async fn of_host() -> Self {
        let tools = servers::tools().await;
        Self { servers: servers::list(), tools }
    }

    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool of this name: `server:tool`, or `domain:NAME:tool` for any server of the domain.
    ///
    /// # Errors
    /// A sentence that names what is near.
    pub fn find(&self, name: &str) -> Result<&Tool, String> {
        let found = match name.strip_prefix("domain:").and_then(|rest| rest.split_once(':')) {
            Some((domain, wanted)) => {
                // In the order in which the host would choose.
                let mut of_domain = self.servers.iter().filter(|server| server.domains.iter().any(|d| d == domain));
                of_domain.find_map(|server| self.tools.iter().find(|t| t.server == server.name && t.name == wanted))
            }
            None => self.tools.iter().find(|tool| tool.full_name() == name),
        };
        found.ok_or_else(|| {
            let near = near(name, self.tools.iter().map(Tool::full_name));
            match near.as_slice() {
                [] => format!("there is no tool `{name}` that this run may call"),
                near => format!("there is no tool `{name}` that this run may call; near it: {}", near.join(", ")),
            }
        })
    }
}

/// The names that are most like one.
pub fn near(name: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let tail = |name: &str| name.rsplit_once(':').map_or(name, |(_, tail)| tail).to_owned();
    let likeness = |other: &str| {
        let whole = strsim::normalized_damerau_levenshtein(name, other);
        whole.max(strsim::normalized_damerau_levenshtein(&tail(name), &tail(other)))
    };
    let mut scored: Vec<_> = names.map(|other| (likeness(&other), other)).filter(|(score, _)| *score >= 0.5).collect();
    scored.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    scored.into_iter().take(NEAR).map(|(_, other)| other).collect()
}

/// What holds arguments against a schema. One that cannot be used judges nothing: the host does when the call is made.
pub fn validator(schema: &Value) -> Option<Validator> {
    jsonschema::options().build(schema).ok()
}

/// How arguments break a tool's schema, each with its JSON Pointer. What is not known before the plan runs is not judged.
pub fn misfits(validator: Option<&Validator>, arguments: &Template) -> Vec<(String, String)> {
    let Some(validator) = validator.filter(|_| matches!(arguments, Template::Literal(_) | Template::Object(_))) else {
        return Vec::new();
    };
    let mut unknown = Vec::new();
    let known = arguments.known("", &mut unknown);
    let covers =
        |at: &str, other: &str| other.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let judged = |at: &str, keyword: &str| {
        !unknown.iter().any(|open| covers(open, at) || covers(at, open) && !SEES_ONLY_NAMES.contains(&keyword))
    };
    let errors = validator.iter_errors(&known);
    let faults = errors.filter(|error| judged(error.instance_path().as_str(), error.kind().keyword()));
    faults.map(|error| (error.instance_path().as_str().to_owned(), cut(&error.to_string()))).take(MAX_FAULTS).collect()
}

/// Keywords that judge an object or a list without looking at what stands in it.
const SEES_ONLY_NAMES: [&str; 10] = [
    "required",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "dependentRequired",
    "type",
    "minProperties",
    "maxProperties",
    "minItems",
    "maxItems",
];

/// A message that may hold a whole value.
fn cut(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, arguments: Value) -> Vec<String> {
        let arguments = Template::parse(&arguments, "", &mut |_, fault| panic!("{fault}"));
        misfits(validator(&schema).as_ref(), &arguments)
            .into_iter()
            .map(|(at, message)| format!("{at}: {message}"))
            .collect()
    }

    #[test]
    fn what_is_known_is_judged_and_what_is_a_reference_is_not() {
        let schema = json!({
            "type": "object",
            "properties": {
                "repo": {"type": "string"}, "n": {"type": "integer"},
                "labels": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                "either": {"oneOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}, {"type": "null"}]},
            },
            "required": ["repo"],
            "additionalProperties": false,
        });
        assert!(check(schema.clone(), json!({"repo": "${input.r}", "n": {"$ref": "#/input/n"}})).is_empty());
        assert!(check(schema.clone(), json!({"repo": "x", "either": {"a": "${input.a}"}})).is_empty());
        let missing = check(schema.clone(), json!({"n": "${input.n}", "x": 1}));
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing.iter().any(|fault| fault.contains("\"repo\" is a required property")), "{missing:?}");
        let wrong = check(schema, json!({"repo": "x", "labels": ["${input.l}"], "n": "7"}));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong.iter().any(|fault| fault.starts_with("/n: ")), "{wrong:?}");
    }

    #[test]
    fn a_schema_that_cannot_be_used_judges_nothing() {
        assert!(check(json!({"type": 7}), json!({"a": 1})).is_empty());
        assert!(check(json!({"$ref": "https://example.com/x"}), json!({"a": 1})).is_empty());
    }

    #[test]
    fn near_names_are_of_the_same_tool_or_the_same_server() {
        let names = ["github:list_issues", "github:get_issue", "jira:search_issues", "slack:post_message"];
        let near = |name| near(name, names.iter().map(|name| (*name).to_owned()));
        assert_eq!(near("github:list_issue")[0], "github:list_issues");
        assert_eq!(near("gh:post_message"), ["slack:post_message"]);
        assert!(near("weather").is_empty());
    }
}
