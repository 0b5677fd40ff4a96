//! Policies: the values of `policies`, and the calls that a person must approve.

use crate::diagnostic::{Diagnostic, quoted};
use crate::model::{At, Code, Config, Language, LimitOverrides, Policy};
use crate::outgoing::{Uses, uses};
use crate::read::{Cx, Key, NameRule as _, Read, Unknown, exactly_one, keys, suggest};
use crate::tree::Node;
use crate::values::{Name, Text, extension_pattern, neither_or_both, of_extension};
use serde_json::json;
use tollgate_core::Grant;
use tollgate_core::grant::approve::{Pattern, PatternError};

/// What the name of a shipped policy begins with. A file of such a name is written `./tollgate:…`.
const SHIPPED_PREFIX: &str = "tollgate:";
/// The most patterns of one list; each call is held against them.
const APPROVE_MAX: usize = 256;

keys! {
    /// A policy: a workflow over the tools of the servers.
    struct PolicyKeys {
        /// The file of a component that exports `run`, relative to this file; or one that is shipped, as tollgate:planner.
        component "component": PolicyComponent,
        /// The source text that an interpreter runs; relative to this file.
        script "script": Text,
        /// The language of the script, if its extension (.js, .mjs, .ts, .mts, .py) does not tell.
        language "language": Language,
        /// What it may use, as `crm:*` or `read-only`.
        grants "grants": Vec<At<Grant>>,
        /// The tools whose calls a person must approve one by one, as `*:delete_*`.
        approve "approve": Approve,
        /// Its own limits.
        limits "limits": LimitOverrides,
        /// What it is for.
        description "description": Text,
        /// The secrets that go with its HTTP requests, by name.
        secrets "secrets": Uses,
    }
}

impl Read for Policy {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let given = (node.get("component").is_some(), node.get("script").is_some());
        let keys = PolicyKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let code = match given {
            (true, false) => {
                if let Some(stray) = node.get("language") {
                    let message = "belongs to a policy with `script`, and this one has `component`";
                    cx.error_help(stray.line, &key.child("language"), message, "remove it");
                }
                keys.component?.value.0
            }
            (false, true) => {
                let At { line, value: Text(file) } = keys.script?;
                let key = key.child("script");
                let told = keys.language.map(|language| language.value);
                // A `language` that is wrong has its error already.
                let language = if node.get("language").is_some() { told } else { of_extension(&file, line, &key, cx) };
                Code::Script(At { line, value: cx.path(&file, line, &key)? }, language?)
            }
            (both, _) => {
                neither_or_both(node, key, cx, both, ["component", "script"]);
                return None;
            }
        };
        Some(Self {
            name: At { line: node.line, value: key.name().to_owned() },
            code,
            grants: keys.grants.map(|g| g.value).unwrap_or_default(),
            approve: keys.approve.map(|a| a.value.0).unwrap_or_default(),
            limits: keys.limits.map(|l| l.value).unwrap_or_default(),
            description: keys.description.map(|d| d.value.0),
            secrets: uses(keys.secrets, None, key, cx),
        })
    }

    fn schema() -> serde_json::Value {
        let mut schema = PolicyKeys::schema_of_keys();
        exactly_one(&mut schema, &["component", "script"]);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("dependentRequired".into(), json!({"language": ["script"]}));
            let told = json!({"properties": {"script": {"pattern": extension_pattern()}}});
            schema.insert("anyOf".into(), json!([{"required": ["language"]}, told]));
        }
        schema
    }
}

/// A component's file, or the name of a shipped policy.
struct PolicyComponent(Code);

impl Read for PolicyComponent {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Text(text) = Text::read(node, key, cx)?;
        let Some(name) = text.strip_prefix(SHIPPED_PREFIX) else {
            let value = cx.path(&text, node.line, key)?;
            return Some(Self(Code::Component(At { line: node.line, value })));
        };
        if Name::check(name).is_err() {
            let message = format!("{} is not the name of a shipped policy", quoted(&text));
            let help = format!("write {SHIPPED_PREFIX}NAME; a file of such a name is ./{SHIPPED_PREFIX}…");
            cx.error_help(node.line, key, message, help);
            return None;
        }
        Some(Self(Code::Shipped(At { line: node.line, value: name.to_owned() })))
    }

    fn schema() -> serde_json::Value {
        let shipped = format!("^{SHIPPED_PREFIX}{}", Name::PATTERN.trim_start_matches('^'));
        let file = json!({"type": "string", "pattern": r"\S", "not": {"pattern": format!("^{SHIPPED_PREFIX}")}});
        json!({"anyOf": [{"type": "string", "pattern": shipped}, file]})
    }
}

/// What is wrong with the shipped policies that a configuration uses, where `shipped` are the names of those that there are. The
/// file does not know: they are those of the program that reads it.
pub fn unknown_shipped(config: &Config, shipped: &[&str]) -> Vec<Diagnostic> {
    let all = shipped.iter().map(|name| format!("{SHIPPED_PREFIX}{name}")).collect::<Vec<_>>().join(", ");
    let unknown = config.policies.iter().filter_map(|policy| {
        let Code::Shipped(name) = &policy.code else { return None };
        if shipped.contains(&name.as_str()) {
            return None;
        }
        let message =
            format!("no policy {} comes with the program", quoted(&format!("{SHIPPED_PREFIX}{}", name.value)));
        let help = match suggest(name, shipped) {
            Some(near) => format!("did you mean `{SHIPPED_PREFIX}{near}`? there is: {all}"),
            None if shipped.is_empty() => "name a component's file".to_owned(),
            None => format!("there is: {all}"),
        };
        let policies = Key::Root.child("policies");
        let policy = policies.child(&policy.name);
        Some(Diagnostic::at(&config.file, name.line, policy.child("component"), message).help(help))
    });
    unknown.collect()
}

/// Tools whose calls a person must approve.
pub(crate) struct Approve(pub(crate) Vec<At<Pattern>>);

impl Read for Approve {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let items = cx.items(node, key)?;
        if items.len() > APPROVE_MAX {
            let help = "let a `*` stand for several tools";
            cx.error_help(node.line, key, format!("has more than {APPROVE_MAX} patterns"), help);
            return None;
        }
        Vec::read(node, key, cx).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": Pattern::schema(), "maxItems": APPROVE_MAX})
    }
}

impl Read for Pattern {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        text.parse().map_err(|error: PatternError| cx.error(node.line, key, error.to_string())).ok()
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^\s*[A-Za-z0-9*?][A-Za-z0-9_.*?-]*:.", "examples": ["*:delete_*", "crm:set_*"]})
    }
}
