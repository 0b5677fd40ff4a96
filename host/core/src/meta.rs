//! `_meta` of requests: what a caller supplies, and what is the host's own.

use serde_json::{Map, Value};

/// Whether a member of `_meta` is the host's to set towards servers: where a request stands in a trace, which progress belongs
/// to it, what the host and the protocol say of themselves. A caller's member of such a name is not passed on.
pub fn is_hosts(name: &str) -> bool {
    const PREFIXES: [&str; 2] = ["io.tollgate/", "io.modelcontextprotocol/"];
    matches!(name, "progressToken" | "traceparent") || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What a caller supplied, as it is sent: the members that are not the host's, each once, without the space between them. `None`
/// where nothing is left, or it is no JSON object.
pub fn supplied(text: &str) -> Option<String> {
    let mut members: Map<String, Value> = serde_json::from_str(text).ok()?;
    members.retain(|name, _| !is_hosts(name));
    (!members.is_empty()).then(|| Value::Object(members).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_hosts_is_not_the_callers() {
        let text = r#"{ "progressToken": 1, "a": [1, 2], "traceparent": "x", "io.tollgate/run": "r",
            "io.modelcontextprotocol/clientInfo": {}, "tracestate": "t", "a": {"b": "c d"} }"#;
        assert_eq!(supplied(text).as_deref(), Some(r#"{"a":{"b":"c d"},"tracestate":"t"}"#));
        for nothing in ["", "{}", "[1]", "7", "{", r#"{"progressToken":"p"}"#] {
            assert_eq!(supplied(nothing), None, "{nothing}");
        }
    }
}
