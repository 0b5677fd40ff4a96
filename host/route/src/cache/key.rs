//! What is asked, in one spelling: two requests with the same meaning have the same key.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use tollgate_core::ListKind;

/// The deepest nesting of arguments that are put into one spelling.
const DEPTH_MAX: usize = 64;
/// Members of `_meta` that change no answer: W3C Trace Context and Baggage, and MCP's progress token.
const IDLE_META: [&str; 4] = ["traceparent", "tracestate", "baggage", "progressToken"];

/// What is asked of a server by somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Each part with its length before it, so that no part can pass for two; the principal last.
    bytes: Vec<u8>,
    /// Where tenant and principal begin.
    owner: usize,
    /// How much of it is the same for all principals.
    shared: usize,
    /// The tool, resource or prompt.
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
}

/// Which kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
    Resources,
    ResourceTemplates,
    Prompts,
}

impl Kind {
    pub(crate) fn of_list(kind: ListKind) -> Self {
        match kind {
            ListKind::Resources => Self::Resources,
            ListKind::ResourceTemplates => Self::ResourceTemplates,
            ListKind::Prompts => Self::Prompts,
        }
    }
}

impl Asked {
    /// A request of a tenant's principal: a tool's arguments and the request's `_meta`, or the whole params of a query. `None`
    /// where they have no one spelling: they are no JSON, name a member twice, or nest too deep.
    pub(crate) fn new(
        server: &str,
        kind: Kind,
        name: &str,
        (args, meta): (&str, Option<&str>),
        (tenant, principal): (&str, &str),
    ) -> Option<Self> {
        let mut spelled = String::with_capacity(args.len());
        let args: &RawValue = serde_json::from_str(if args.trim().is_empty() { "{}" } else { args }).ok()?;
        match kind {
            // A parameter may have any name.
            Kind::Tool => spell_value(args, &mut spelled, 0)?,
            _ => spell_params(args, &mut spelled)?,
        }
        let mut meta_spelled = String::new();
        if let Some(meta) = meta {
            spell_meta(serde_json::from_str(meta).ok()?, &mut meta_spelled, 0)?;
        }
        let mut asked = Self::part(server, kind, name);
        for part in [&*spelled, &meta_spelled] {
            push(&mut asked.bytes, part);
        }
        asked.owner = asked.bytes.len();
        push(&mut asked.bytes, tenant);
        asked.shared = asked.bytes.len();
        push(&mut asked.bytes, principal);
        Some(asked)
    }

    /// A list, which is the same for all.
    pub(crate) fn list(server: &str, kind: Kind) -> Self {
        Self::part(server, kind, "")
    }

    fn part(server: &str, kind: Kind, name: &str) -> Self {
        let mut bytes = vec![kind as u8];
        push(&mut bytes, server);
        push(&mut bytes, name);
        Self { owner: bytes.len(), shared: bytes.len(), bytes, name: name.into(), kind }
    }

    /// The key of an answer for this principal alone.
    pub(crate) fn own(&self) -> &[u8] {
        &self.bytes
    }

    /// What of a key of this says whose answer it is, as [`owner`] spells it; nothing where it is everybody's.
    pub(crate) fn owner_in<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        key.get(self.owner..).unwrap_or_default()
    }

    /// The key of an answer for all principals of the tenant.
    pub(crate) fn shared(&self) -> &[u8] {
        self.bytes.get(..self.shared).unwrap_or(&self.bytes)
    }
}

/// A tenant's principal, or a whole tenant, as keys end with it.
pub(crate) fn owner(tenant: &str, principal: Option<&str>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    push(&mut bytes, tenant);
    principal.into_iter().for_each(|principal| push(&mut bytes, principal));
    bytes.into()
}

fn push(bytes: &mut Vec<u8>, part: &str) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part.as_bytes());
}

/// Writes a query's params, their `_meta` without what changes no answer.
fn spell_params(params: &RawValue, out: &mut String) -> Option<()> {
    if !params.get().starts_with('{') {
        return spell_value(params, out, 0);
    }
    let mut members: Members<'_> = serde_json::from_str(params.get()).ok()?;
    let meta = members.0.iter().position(|(name, _)| name == "_meta").map(|at| members.0.remove(at).1);
    spell_members(members, out, 0)?;
    match meta {
        Some(meta) => spell_meta(meta, out, 1),
        None => Some(()),
    }
}

fn spell_meta(meta: &RawValue, out: &mut String, depth: usize) -> Option<()> {
    let mut members: Members<'_> = serde_json::from_str(meta.get()).ok()?;
    members.0.retain(|(name, _)| !IDLE_META.contains(&&**name));
    if members.0.is_empty() { Some(()) } else { spell_members(members, out, depth) }
}

/// Writes a value in one spelling: members sorted by name, no white space, strings with as few escapes as can be, numbers as
/// they stand.
fn spell_value(value: &RawValue, out: &mut String, depth: usize) -> Option<()> {
    let text = value.get();
    if depth >= DEPTH_MAX {
        return None;
    }
    match text.as_bytes().first()? {
        b'{' => spell_members(serde_json::from_str(text).ok()?, out, depth),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push('[');
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                spell_value(item, out, depth + 1)?;
            }
            out.push(']');
            Some(())
        }
        b'"' => spell_text(serde_json::from_str::<Text<'_>>(text).ok()?.0.as_ref(), out),
        _ => {
            out.push_str(text);
            Some(())
        }
    }
}

fn spell_members(members: Members<'_>, out: &mut String, depth: usize) -> Option<()> {
    let Members(mut members) = members;
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    if members.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
        return None;
    }
    out.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        spell_text(&name, out)?;
        out.push(':');
        spell_value(value, out, depth + 1)?;
    }
    out.push('}');
    Some(())
}

fn spell_text(text: &str, out: &mut String) -> Option<()> {
    out.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object, as they come: the same name may be there twice.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn key(args: &str) -> Option<Asked> {
        Asked::new("crm", Kind::Tool, "find", (args, None), ("t", "p"))
    }

    #[test]
    fn equal_arguments_have_one_key_and_others_have_others() {
        let same = [r#"{"a":1,"b":{"c":[1,2],"d":"é"}}"#, " {\"b\" : {\"d\":\"\\u00e9\",\"c\":[1 , 2]},\"a\":1}\n"];
        for args in same {
            assert_eq!(key(args), key(same[0]), "{args}");
        }
        assert_eq!(key(""), key("{}"));
        let different = [
            r#"{"a":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":{"1":1}}"#,
            r#"{"A":1}"#,
            r#"{"a":null}"#,
            r#"{"a":123456789012345678901234567890}"#,
            r#"{"a":123456789012345678901234567891}"#,
            r#"{"a":1,"_meta":{"x":1}}"#,
            r#"{"a":1,"_meta":{"traceparent":"x"}}"#,
            r#"{"a":1,"_meta":{"traceparent":"y"}}"#,
            r#"{"a":1,"_meta":1}"#,
        ];
        for (at, args) in different.iter().enumerate() {
            for other in &different[at + 1..] {
                assert_ne!(key(args), key(other), "{args} {other}");
            }
        }
    }

    #[test]
    fn what_changes_no_answer_is_in_no_key_of_a_query() {
        let key = |params| Asked::new("crm", Kind::Resource, "a:1", (params, None), ("t", "p"));
        let traced = r#"{"uri":"a:1","_meta":{"traceparent":"x","progressToken":7}}"#;
        assert_eq!(key(traced), key(r#"{"uri":"a:1"}"#));
        assert_ne!(key(r#"{"uri":"a:1","_meta":{"x":1}}"#), key(r#"{"uri":"a:1"}"#));
        assert_eq!(key(r#"{"_meta":1}"#), None);
    }

    #[test]
    fn what_has_no_one_spelling_has_no_key() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        for args in [r#"{"a":1,"a":2}"#, "{", "{} {}", r#"{"a":"\ud800"}"#, deep.as_str()] {
            assert_eq!(key(args), None, "{args}");
        }
        let deepest = "[".repeat(1_000_000);
        assert_eq!(key(&deepest), None);
    }

    #[test]
    fn no_part_of_a_key_passes_for_another() {
        let asked = |server, name, tenant, principal| {
            Asked::new(server, Kind::Tool, name, ("{}", None), (tenant, principal)).unwrap()
        };
        let one = asked("a", "bc", "t", "p");
        for other in [asked("ab", "c", "t", "p"), asked("a", "bc", "tp", ""), asked("a", "bc", "t", "q")] {
            assert_ne!(one.own(), other.own());
        }
        assert_eq!(one.shared(), asked("a", "bc", "t", "q").shared());
        assert_ne!(one.shared(), asked("a", "bc", "u", "p").shared());
        assert_ne!(one.shared(), asked("a", "bc", "t", "").own());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c_\\PC]{0,3}", inner, 0..5).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn order_and_space_change_no_key(value in any_json()) {
            fn turned(value: &Value) -> Value {
                match value {
                    Value::Object(map) => Value::Object(map.iter().rev().map(|(k, v)| (k.clone(), turned(v))).collect()),
                    Value::Array(items) => items.iter().map(turned).collect(),
                    other => other.clone(),
                }
            }
            let value = json!({"x": value});
            let pretty = serde_json::to_string_pretty(&turned(&value)).unwrap();
            prop_assert_eq!(key(&value.to_string()), key(&pretty));
            prop_assert!(key(&pretty).is_some());
        }

        #[test]
        fn different_values_have_different_keys(a in any_json(), b in any_json()) {
            prop_assume!(a != b);
            prop_assert_ne!(key(&json!({"x": a}).to_string()), key(&json!({"x": b}).to_string()));
        }

        #[test]
        fn any_text_has_a_key_or_none(text in "[\\[\\]{}\",:0-9a\\\\ ]{0,40}") {
            let _ = key(&text);
        }
    }
}
