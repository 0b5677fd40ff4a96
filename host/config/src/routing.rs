//! What a server says of itself to routing: what it answers for, how many calls it takes, when it runs, and what differs for
//! some of its tools.

use crate::diagnostic::quoted;
use crate::model::{Keep, Lazy, Retry, Switch, ToolSettings};
use crate::ranged::{DAY, HOUR, SECOND, Time, Whole};
use crate::read::{Cx, Key, NameRule, Read, Table, Unknown, keys, one_of};
use crate::tree::{Node, Value};
use crate::values::Seconds;
use serde_json::json;
use std::time::Duration;
use tollgate_core::EffectClass;
use tollgate_core::name::TOOL_NAME_MAX_BYTES;
use tollgate_route::Rate;

/// The most domains, and the most capabilities, of one server.
const LABELS_MAX: usize = 64;
/// The most characters of one of them.
const LABEL_MAX_CHARS: usize = 64;
/// The most patterns of tools with settings of their own; each call is held against them.
const SETTINGS_MAX: usize = 256;
/// The most calls that a rate may give.
const RATE_MAX: u32 = 1_000_000;

keys! {
    /// A server that is started at its first use.
    struct LazyKeys {
        /// It is stopped when it was not used for so long: 5m unless it is given.
        idle "idle": Time<SECOND, { 7 * DAY }>,
    }
}

keys! {
    /// How many calls the server gets in a time.
    struct RateKeys {
        /// Calls.
        calls "calls": Whole<1, RATE_MAX>,
        /// In this time, as 1m.
        per "per": Time<1, DAY>,
        /// Calls that may come at once after a pause: as many as `calls` unless it is given.
        burst "burst": Whole<1, RATE_MAX>,
    }
}

keys! {
    /// What differs for the tools that match the pattern.
    struct SettingsKeys {
        /// What a call may change, whatever the annotations say: read, idempotent, non_idempotent.
        effect "effect": EffectClass,
        /// The time for one attempt: a number of seconds, or a duration as 30s.
        timeout "timeout": Seconds,
        /// When a call is tried again: false, true, or a map of what differs.
        retry "retry": Switch<Retry>,
        /// How long answers are kept, as 60s: false, true, or a time. Only those of reads are.
        cache "cache": Keep,
    }
}

/// The `lazy` of a server; `None` for one that is started with the host.
pub(crate) struct LazyWord(pub(crate) Option<Lazy>);

impl Read for LazyWord {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        Some(Self(match &node.value {
            Value::Bool(false) => None,
            Value::Bool(true) => Some(Lazy::default()),
            Value::Map(_) => {
                let keys = LazyKeys::read_keys(node, key, cx, Unknown::Refuse)?;
                Some(keys.idle.map_or_else(Lazy::default, |idle| Lazy { idle: idle.value.0 }))
            }
            _ => {
                cx.expected(node, key, "true, false or a map, as {idle: 5m}");
                return None;
            }
        }))
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [{"type": "boolean"}, LazyKeys::schema_of_keys()]})
    }
}

/// The forms of a rate as text: calls a second, a minute, an hour.
const RATE_UNITS: [(&str, u64); 3] = [("s", SECOND), ("m", 60 * SECOND), ("h", HOUR)];

/// The `rate_limit` of a server.
pub(crate) struct RateLimit(pub(crate) Rate);

impl Read for RateLimit {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        const FORMS: &str = "write 20/s, 100/m or 1000/h, or {calls: 100, per: 1m, burst: 20}";
        match &node.value {
            Value::Text(text) => {
                let rate = text.split_once('/').and_then(|(calls, unit)| {
                    let (_, per) = RATE_UNITS.iter().find(|(word, _)| *word == unit.trim())?;
                    let calls = calls.trim().parse().ok().filter(|calls| (1..=RATE_MAX).contains(calls))?;
                    Some(Rate { calls, per: Duration::from_millis(*per), burst: calls })
                });
                if rate.is_none() {
                    cx.error_help(node.line, key, format!("{} is not a rate of calls", quoted(text)), FORMS);
                }
                rate.map(Self)
            }
            Value::Map(_) => {
                let keys = RateKeys::read_keys(node, key, cx, Unknown::Refuse)?;
                for name in ["calls", "per"].into_iter().filter(|name| node.get(name).is_none()) {
                    cx.error_help(node.line, key, format!("has no `{name}`"), FORMS);
                }
                let (calls, per) = (keys.calls?.value.0, keys.per?.value.0);
                Some(Self(Rate { calls, per, burst: keys.burst.map_or(calls, |burst| burst.value.0) }))
            }
            Value::Number(_) => {
                cx.error_help(node.line, key, "does not say in which time", FORMS);
                None
            }
            _ => {
                cx.error_help(node.line, key, format!("expected a rate of calls, found {}", node.kind()), FORMS);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        let mut map = RateKeys::schema_of_keys();
        if let Some(map) = map.as_object_mut() {
            map.insert("required".into(), json!(["calls", "per"]));
        }
        json!({"anyOf": [{"type": "string", "pattern": r"^\s*\+?[0-9]+\s*/\s*[smh]\s*$"}, map]})
    }
}

const EFFECTS: [(&str, EffectClass); 3] = [
    ("read", EffectClass::Read),
    ("idempotent", EffectClass::Idempotent),
    ("non_idempotent", EffectClass::NonIdempotent),
];

impl Read for EffectClass {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let word = one_of(node, key, cx, &EFFECTS.map(|(word, _)| word))?;
        EFFECTS.iter().find(|(known, _)| *known == word).map(|(_, effect)| *effect)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": EFFECTS.map(|(word, _)| word)})
    }
}

impl Read for ToolSettings {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = SettingsKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let effect = keys.effect.map(|effect| effect.value);
        if let Some(cache) = &keys.cache
            && cache.value != Keep::Not
            && effect.is_some_and(|effect| effect != EffectClass::Read)
        {
            let help = "leave `cache` out, or write `effect: read` if a call changes nothing";
            cx.error_help(cache.line, &key.child("cache"), "only answers of reads are kept", help);
        }
        Some(Self {
            effect,
            timeout: keys.timeout.map(|time| time.value.0),
            retry: keys.retry.map(|retry| retry.value),
            cache: keys.cache.map(|cache| cache.value),
        })
    }

    fn schema() -> serde_json::Value {
        SettingsKeys::schema_of_keys()
    }
}

/// A pattern of tool names, as the key of a map.
pub(crate) struct ToolPattern;

impl NameRule for ToolPattern {
    const PATTERN: &str = r"^[^\x00-\x1f\x7f]+$";

    fn check(name: &str) -> Result<(), String> {
        if name.is_empty() || name.len() > TOOL_NAME_MAX_BYTES || name.chars().any(char::is_control) {
            return Err(format!(
                "not a pattern of tool names: use 1 to {TOOL_NAME_MAX_BYTES} bytes, with * and ? where you like"
            ));
        }
        Ok(())
    }
}

/// The `settings` of `tools`.
pub(crate) struct Settings(pub(crate) Table<ToolPattern, ToolSettings>);

impl Read for Settings {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(&node.value, Value::Map(entries) if entries.len() > SETTINGS_MAX) {
            cx.error_help(
                node.line,
                key,
                format!("has more than {SETTINGS_MAX} patterns"),
                "let a `*` stand for several tools",
            );
            return None;
        }
        Table::read(node, key, cx).map(Self)
    }

    fn schema() -> serde_json::Value {
        let mut schema = Table::<ToolPattern, ToolSettings>::schema();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("maxProperties".into(), SETTINGS_MAX.into());
        }
        schema
    }
}

/// The `domains` or `capabilities` of a server, each once.
pub(crate) struct Labels(pub(crate) Vec<String>);

struct Label(String);

impl Read for Label {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        let fits = text.chars().count() <= LABEL_MAX_CHARS
            && text.trim() == text
            && !text.contains(|c: char| c == ':' || c.is_control());
        if !fits {
            let help = format!("use 1 to {LABEL_MAX_CHARS} characters, no `:`, and no space at either end");
            cx.error_help(node.line, key, format!("{} cannot name a domain or capability", quoted(text)), help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^[^:\x00-\x1f]+$", "maxLength": LABEL_MAX_CHARS})
    }
}

impl Read for Labels {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let items = cx.items(node, key)?;
        if items.len() > LABELS_MAX {
            cx.error(node.line, key, format!("has more than {LABELS_MAX}"));
            return None;
        }
        let mut labels: Vec<String> = Vec::new();
        for Label(label) in Vec::<Label>::read(node, key, cx)? {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        Some(Self(labels))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": Label::schema(), "maxItems": LABELS_MAX})
    }
}
