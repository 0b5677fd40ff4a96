//! JSON on its way out of the script: what the engine writes, the host may still refuse.

/// How deep a document may nest. The host takes 128; an output stands inside an object.
const MAX_DEPTH: usize = 120;

/// Why a document that the engine wrote cannot be sent; `None` where it can. The text is JSON already.
pub(crate) fn problem(text: &str) -> Option<String> {
    let (mut depth, mut deepest, mut in_string) = (0_usize, 0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            // The engine writes half a surrogate pair, and nothing else of that range, as an escape.
            b'\\' => {
                let half = bytes.next() == Some(b'u') && matches!(bytes.next(), Some(b'd' | b'D'));
                if half {
                    return Some("a string has half a surrogate pair: a character that was cut in two".to_owned());
                }
            }
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (deepest > MAX_DEPTH).then(|| format!("it nests deeper than {MAX_DEPTH}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_documents_pass() {
        for text in ["null", r#""\\ud800 []{""#, r#"{"a":[1,"\u0007"]}"#, r#""\"\\""#] {
            assert_eq!(problem(text), None, "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_found_behind_escaped_backslashes() {
        assert!(problem(r#"{"a":"\\\ud83d"}"#).is_some_and(|why| why.contains("surrogate")));
        assert!(problem(r#"{"a":"\\ud83d"}"#).is_none());
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(problem(&nested(MAX_DEPTH)), None);
        assert!(problem(&nested(MAX_DEPTH + 1)).is_some_and(|why| why.contains("deeper")));
        assert_eq!(problem(&format!("\"{}\"", nested(500))), None);
    }
}
