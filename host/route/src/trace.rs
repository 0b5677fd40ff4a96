//! Which span an attempt is, and how a server learns of it: `traceparent` in the request's `_meta` (W3C Trace Context, Level 1,
//! section 3.2; MCP 2026-07-28, "Trace context").

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt::Write as _;
use tollgate_core::{RunContext, TraceContext};

/// The span of an attempt: another one for each call of the router and each attempt of it. It comes of the run's span alone:
/// servers see it, and nothing that is secret may be told from it.
pub(crate) fn span(run: &RunContext, call: u64, attempt: u32) -> TraceContext {
    run.trace.child(mix(run.trace.span() ^ mix(call.wrapping_mul(ATTEMPTS_SPACE).wrapping_add(u64::from(attempt)))))
}

/// More than the attempts of one call.
const ATTEMPTS_SPACE: u64 = 1 << 16;

/// Spreads a number over all numbers, and no two to the same (the finalizer of SplitMix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `_meta` with a `traceparent` in it. `None` where it is to stay as it is: it has one, or is no object.
pub(crate) fn into_meta(meta: Option<&str>, span: TraceContext) -> Option<String> {
    let Some(meta) = meta else { return Some(format!("{{\"traceparent\":\"{span}\"}}")) };
    #[derive(Deserialize)]
    struct Has {
        traceparent: Option<IgnoredAny>,
    }
    let has: Has = serde_json::from_str(meta).ok()?;
    if has.traceparent.is_some() {
        return None;
    }
    // It is an object, so what comes after the brace is its end or its first member. A list would have passed as one
    // too.
    let rest = meta.trim_start().strip_prefix('{')?;
    let mut text = String::with_capacity(meta.len() + 80);
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    // Writing to a text fails at nothing.
    let _ = write!(text, "{{\"traceparent\":\"{span}\"{comma}{rest}");
    Some(text)
}

/// A query's `params` with a `traceparent` in their `_meta`. `None` where they are to stay as they are: they have one, or
/// are not as they should be.
pub(crate) fn into_params(params: &str, span: TraceContext) -> Option<String> {
    let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(params).ok()?;
    let meta = members.entry("_meta").or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
    let meta = meta.as_object_mut()?;
    if meta.contains_key("traceparent") {
        return None;
    }
    meta.insert("traceparent".to_owned(), span.to_string().into());
    serde_json::to_string(&members).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_traceparent_joins_what_meta_there_is() {
        let span = TraceContext::new(1, 2);
        let parent = span.to_string();
        for (meta, want) in [
            (None, json!({"traceparent": parent})),
            (Some("{}"), json!({"traceparent": parent})),
            (Some(" { } "), json!({"traceparent": parent})),
            (Some(r#"{"a":[1,"}"]}"#), json!({"traceparent": parent, "a": [1, "}"]})),
        ] {
            let merged: Value = serde_json::from_str(&into_meta(meta, span).unwrap()).unwrap();
            assert_eq!(merged, want, "{meta:?}");
        }
        for meta in [r#"{"a":1,"traceparent":"x"}"#, "[]", "[null]", "", "{", "7", r#"{"a":1"#] {
            assert_eq!(into_meta(Some(meta), span), None, "{meta}");
        }
        let params = into_params(r#"{"uri":"a:b"}"#, span).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&params).unwrap(),
            json!({"uri": "a:b", "_meta": {"traceparent": parent}})
        );
        for params in ["[]", r#"{"_meta":7}"#, r#"{"_meta":{"traceparent":"x"}}"#] {
            assert_eq!(into_params(params, span), None, "{params}");
        }
    }
}
