//! How long a server lets its answers be kept (MCP 2026-07-28, "Caching").

use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tollgate_route::Freshness;

/// What a result says of itself: `ttlMs` and `cacheScope`. `None` where it says no time. A time that is none counts as
/// nothing at all, and what is not plainly for everybody is for who asked.
pub(crate) fn of(result: &str) -> Option<Freshness> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Hints {
        #[serde(default)]
        ttl_ms: Option<Value>,
        #[serde(default)]
        cache_scope: Option<Value>,
    }
    // Most results say nothing, and some are large.
    if !result.starts_with('{') || !result.contains("\"ttlMs\"") {
        return None;
    }
    let hints: Hints = serde_json::from_str(result).ok()?;
    let ttl = Duration::from_millis(hints.ttl_ms?.as_u64().unwrap_or(0));
    let shared = hints.cache_scope.as_ref().and_then(Value::as_str) == Some("public");
    Some(Freshness { ttl, shared })
}

/// What holds for two pages of one list.
pub(crate) fn least(one: Option<Freshness>, other: Option<Freshness>) -> Option<Freshness> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Freshness { ttl: one.ttl.min(other.ttl), shared: one.shared && other.shared }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_not_kept_or_not_shared() {
        let fresh = |ms, shared| Some(Freshness { ttl: Duration::from_millis(ms), shared });
        for (result, want) in [
            (r#"{"contents":[]}"#, None),
            (r#"{"ttlMs":1500,"cacheScope":"public"}"#, fresh(1500, true)),
            (r#"{"ttlMs":1500,"cacheScope":"private"}"#, fresh(1500, false)),
            (r#"{"ttlMs":1500}"#, fresh(1500, false)),
            (r#"{"ttlMs":1500,"cacheScope":7}"#, fresh(1500, false)),
            (r#"{"ttlMs":-1,"cacheScope":"public"}"#, fresh(0, true)),
            (r#"{"ttlMs":"soon","cacheScope":"public"}"#, fresh(0, true)),
            (r#"{"ttlMs":1e400}"#, None),
            (r#"{"ttlMs":null}"#, None),
            (r#"{"contents":[{"ttlMs":9}]}"#, None),
            (r#"["ttlMs", "ttlMs"]"#, None),
        ] {
            assert_eq!(of(result), want, "{result}");
        }
        assert_eq!(least(fresh(5, true), fresh(9, false)), fresh(5, false));
        assert_eq!(least(None, fresh(9, true)), fresh(9, true));
    }
}
