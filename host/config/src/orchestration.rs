//! How calls are tried again and answered from memory: `orchestration`, and the keys of a server that go over it.

use crate::diagnostic::quoted;
use crate::model::{Breaker, Cache, Keep, Orchestration, Retry, Switch};
use crate::ranged::{Bytes, DAY, HOUR, Time, Whole};
use crate::read::{Cx, Key, Read, Unknown, keys, one_of};
use crate::tree::{Node, Value};
use crate::values::DURATION_PATTERN;
use serde_json::json;
use tollgate_core::limits::parse_duration;
use tollgate_route::ErrorClass;

/// How long an answer may be kept.
type CacheTime = Time<1, { 7 * DAY }>;

keys! {
    /// What holds for every server that does not say otherwise.
    struct OrchestrationKeys {
        /// A request to many servers ends at the first failure, unless the call says otherwise: false unless it is given.
        fail_fast "fail_fast": bool,
        /// When calls are tried again: false, true, or a map of what differs.
        retry "retry": Switch<Retry>,
        /// When a server that keeps failing is left alone: false, true, or a map of what differs.
        breaker "breaker": Switch<Breaker>,
        /// How long answers of reads are kept: false, true, a time as 5m, or a map.
        cache "cache": CacheOfAll,
    }
}

keys! {
    /// When a call is tried again; what is not given is as one level above.
    struct RetryKeys {
        /// The most attempts after the first: 2 unless it is given.
        max_retries "max_retries": Whole<0, 20>,
        /// The ceiling of the first delay: 200ms unless it is given.
        first_delay "first_delay": Time<1, HOUR>,
        /// What each next ceiling is multiplied with: 2 unless it is given.
        backoff_factor "backoff_factor": Factor,
        /// The highest ceiling: 10s unless it is given. A server that asks for a longer wait is not tried again.
        max_delay "max_delay": Time<1, HOUR>,
        /// Wait a random part of the delay, so that callers do not come back together: true unless it is given.
        jitter "jitter": bool,
        /// The failures after which it is: rate_limit, timeout, server_error and connection unless it is given.
        on "on": Classes,
    }
}

keys! {
    /// When a server that keeps failing is left alone; what is not given is as one level above.
    struct BreakerKeys {
        /// Failures in a row that open it: 5 unless it is given.
        failures "failures": Whole<1, 1000>,
        /// How long it stays open before a probe: 30s unless it is given.
        open_for "open_for": Time<1, DAY>,
        /// Calls that are let through at once then: 1 unless it is given.
        probes "probes": Whole<1, 100>,
    }
}

keys! {
    /// How long answers of reads are kept.
    struct CacheKeys {
        /// Of tools that are read-only.
        tools "tools": Keep,
        /// Of resources whose server does not say how long.
        resources "resources": Keep,
        /// Of prompts whose server does not say how long.
        prompts "prompts": Keep,
        /// Of lists of resources, templates and prompts whose server does not say how long.
        lists "lists": Keep,
    }
}

keys! {
    /// How long answers of reads are kept, and how many.
    struct CacheOfAllKeys {
        /// Of all of these that say nothing of their own.
        ttl "ttl": Keep,
        /// Of tools that are read-only.
        tools "tools": Keep,
        /// Of resources whose server does not say how long.
        resources "resources": Keep,
        /// Of prompts whose server does not say how long.
        prompts "prompts": Keep,
        /// Of lists of resources, templates and prompts whose server does not say how long.
        lists "lists": Keep,
        /// The most answers that are kept at once, of all servers.
        max_entries "max_entries": Whole<1, 10_000_000>,
        /// The most bytes of answers that are kept at once, of all servers, as 64MiB.
        max_bytes "max_bytes": Bytes<1024, { 16 << 30 }>,
    }
}

impl Read for Orchestration {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = OrchestrationKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let CacheOfAll { cache, max_entries, max_bytes } = keys.cache.map(|cache| cache.value).unwrap_or_default();
        Some(Self {
            fail_fast: keys.fail_fast.map(|word| word.value),
            retry: keys.retry.map(|retry| retry.value),
            breaker: keys.breaker.map(|breaker| breaker.value),
            cache,
            cache_max_entries: max_entries,
            cache_max_bytes: max_bytes,
        })
    }

    fn schema() -> serde_json::Value {
        OrchestrationKeys::schema_of_keys()
    }
}

/// `true` and a map turn it on, `false` off.
impl<T: Read + Default> Read for Switch<T> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        match &node.value {
            Value::Bool(true) => Some(Self::On(T::default())),
            Value::Bool(false) => Some(Self::Off),
            Value::Map(_) => T::read(node, key, cx).map(Self::On),
            _ => {
                cx.expected(node, key, "true, false or a map of keys");
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [{"type": "boolean"}, T::schema()]})
    }
}

impl Read for Retry {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = RetryKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        if let (Some(first), Some(max)) = (&keys.first_delay, &keys.max_delay)
            && first.value.0 > max.value.0
        {
            cx.error_help(first.line, &key.child("first_delay"), "longer than `max_delay`", "make one of them fit");
        }
        Some(Self {
            max_retries: keys.max_retries.map(|most| most.value.0),
            first_delay: keys.first_delay.map(|time| time.value.0),
            backoff_factor: keys.backoff_factor.map(|factor| factor.value.0),
            max_delay: keys.max_delay.map(|time| time.value.0),
            jitter: keys.jitter.map(|word| word.value),
            on: keys.on.map(|classes| classes.value.0),
        })
    }

    fn schema() -> serde_json::Value {
        RetryKeys::schema_of_keys()
    }
}

/// What a delay is multiplied with.
struct Factor(f64);

impl Read for Factor {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Value::Number(number) = &node.value else {
            cx.expected(node, key, "a number from 1 to 10");
            return None;
        };
        let factor = number.parse().ok().filter(|factor| (1.0..=10.0).contains(factor)).map(Self);
        if factor.is_none() {
            cx.error(node.line, key, format!("{} is not a number from 1 to 10", quoted(number)));
        }
        factor
    }

    fn schema() -> serde_json::Value {
        json!({"type": "number", "minimum": 1, "maximum": 10})
    }
}

/// Classes of failures, each once.
struct Classes(Vec<ErrorClass>);

struct Class(ErrorClass);

impl Read for Class {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let word = one_of(node, key, cx, &ErrorClass::ALL.map(ErrorClass::as_str))?;
        ErrorClass::ALL.into_iter().find(|class| class.as_str() == word).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": ErrorClass::ALL.map(ErrorClass::as_str)})
    }
}

impl Read for Classes {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            cx.error_help(node.line, key, "is an empty list", "write `retry: false` for no retries");
        }
        let mut classes = Vec::new();
        for Class(class) in Vec::<Class>::read(node, key, cx)? {
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        Some(Self(classes))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": Class::schema(), "minItems": 1})
    }
}

impl Read for Breaker {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = BreakerKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        Some(Self {
            failures: keys.failures.map(|count| count.value.0),
            open_for: keys.open_for.map(|time| time.value.0),
            probes: keys.probes.map(|count| count.value.0),
        })
    }

    fn schema() -> serde_json::Value {
        BreakerKeys::schema_of_keys()
    }
}

/// `true`, `false` or a time.
impl Read for Keep {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        match &node.value {
            Value::Bool(true) => Some(Self::On),
            Value::Bool(false) => Some(Self::Not),
            Value::Text(text) if parse_duration(text).is_ok_and(|time| time.is_zero()) => {
                cx.error_help(node.line, key, "a time of zero keeps nothing", "write false to say so");
                None
            }
            Value::Text(_) | Value::Number(_) => CacheTime::read(node, key, cx).map(|time| Self::For(time.0)),
            _ => {
                cx.expected(node, key, "true, false or a duration, as 5m");
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": DURATION_PATTERN}]})
    }
}

impl Cache {
    fn all(keep: Option<Keep>) -> Self {
        Self { tools: keep, resources: keep, prompts: keep, lists: keep }
    }
}

impl Read for Cache {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Value::Map(_) = &node.value else { return keep_all(node, key, cx) };
        let keys = CacheKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        Some(Self {
            tools: keys.tools.map(|keep| keep.value),
            resources: keys.resources.map(|keep| keep.value),
            prompts: keys.prompts.map(|keep| keep.value),
            lists: keys.lists.map(|keep| keep.value),
        })
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [Keep::schema(), CacheKeys::schema_of_keys()]})
    }
}

/// One word or time for every kind.
fn keep_all(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Cache> {
    if matches!(node.value, Value::List(_) | Value::Null) {
        cx.expected(node, key, "true, false, a duration, as 5m, or a map of keys");
        return None;
    }
    Keep::read(node, key, cx).map(|keep| Cache::all(Some(keep)))
}

/// The `cache` of `orchestration`.
#[derive(Default)]
struct CacheOfAll {
    cache: Cache,
    max_entries: Option<u64>,
    max_bytes: Option<u64>,
}

impl Read for CacheOfAll {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Value::Map(_) = &node.value else {
            return keep_all(node, key, cx).map(|cache| Self { cache, ..Self::default() });
        };
        let keys = CacheOfAllKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let ttl = keys.ttl.map(|keep| keep.value);
        Some(Self {
            cache: Cache {
                tools: keys.tools.map(|keep| keep.value).or(ttl),
                resources: keys.resources.map(|keep| keep.value).or(ttl),
                prompts: keys.prompts.map(|keep| keep.value).or(ttl),
                lists: keys.lists.map(|keep| keep.value).or(ttl),
            },
            max_entries: keys.max_entries.map(|count| count.value.0.into()),
            max_bytes: keys.max_bytes.map(|size| size.value.0),
        })
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [Keep::schema(), CacheOfAllKeys::schema_of_keys()]})
    }
}
