//! Texts of others, made fit for errors.

/// The longest part of a provider's text that an error repeats, in characters.
const MAX_SHOWN: usize = 500;

/// One line of bounded length: control characters, and characters that reorder what is shown, become spaces.
pub(crate) fn shown(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut out = String::new();
    let mut count = 0;
    for c in text.trim().chars().map(|c| if is_odd(c) { ' ' } else { c }) {
        if c == ' ' && out.ends_with(' ') {
            continue;
        }
        if count == MAX_SHOWN {
            out.push('…');
            break;
        }
        out.push(c);
        count += 1;
    }
    out
}

/// What asks for an answer in a shape, where nothing else can.
pub(crate) fn wants_shape(schema: &str) -> String {
    format!("Answer with one JSON document that follows this JSON Schema, and with nothing beside it:\n{schema}")
}

/// The document in an answer that was asked for in words: models like to put it into a fence of Markdown.
pub(crate) fn unfenced(text: &str) -> &str {
    let inner = text.trim().strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner = inner.and_then(|inner| inner.split_once('\n')).filter(|(language, _)| {
        let language = language.trim();
        language.is_empty() || language.eq_ignore_ascii_case("json")
    });
    inner.map_or(text, |(_, document)| document.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_short_line() {
        assert_eq!(shown(" a\r\n\u{1b}[31mb\u{202e}\u{0}c  d "), "a [31mb c d");
        assert_eq!(shown(&"x".repeat(5_000)).chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn a_fence_is_taken_off_and_other_text_is_left() {
        for (text, want) in [
            ("```json\n{\"a\":1}\n```", "{\"a\":1}"),
            ("```\n[1]\n```\n", "[1]"),
            ("{\"a\":1}", "{\"a\":1}"),
            ("```python\nprint()\n```", "```python\nprint()\n```"),
            ("```json {} ```", "```json {} ```"),
            ("Here: ```json\n{}\n```", "Here: ```json\n{}\n```"),
            ("``````", "``````"),
        ] {
            assert_eq!(unfenced(text), want, "{text}");
        }
    }
}
