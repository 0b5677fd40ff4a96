//! Text from outside, made harmless, and short digests that tell names apart.

use sha2::{Digest, Sha256};

/// Makes one line of `text` of at most `max_chars` characters and an ellipsis: what ends a line or steers a
/// terminal becomes a space, what reorders or hides text is dropped.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    // Whatever is dropped counts too, or a long run of it would cost time for nothing.
    for c in text.trim().chars().take(max_chars.saturating_mul(4).saturating_add(64)) {
        if is_hidden(c) {
            continue;
        }
        let c = if is_plain(c) { c } else { ' ' };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if count == max_chars {
            out.truncate(out.trim_end().len());
            out.push('…');
            return out;
        }
        out.push(c);
        count += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether a character shows nothing, or reorders what others show.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a character shows itself and nothing else: no control, no white space but the space, nothing hidden.
pub(crate) fn is_plain(c: char) -> bool {
    c == ' ' || !(c.is_control() || c.is_whitespace() || is_hidden(c))
}

/// The first sentence of a line, if it ends before the line does.
pub(crate) fn first_sentence(line: &str) -> &str {
    // A dot after one or two letters is an abbreviation's ("e.g. x"), not a sentence's.
    for (at, _) in line.match_indices(". ") {
        let before = line.get(..at).unwrap_or_default();
        let word = before.rsplit([' ', '(']).next().unwrap_or_default();
        if word.chars().count() > 3 || (word.chars().count() == 3 && !word.contains('.')) {
            return before;
        }
    }
    line.strip_suffix('.').unwrap_or(line)
}

/// The first `digits` (64 at most) hexadecimal digits of a text's SHA-256.
pub(crate) fn digest(text: &str, digits: usize) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out.truncate(digits);
    out
}

/// The first `max_chars` characters of a text.
pub(crate) fn head(text: &str, max_chars: usize) -> &str {
    text.char_indices().nth(max_chars).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_joined_and_hidden_characters_dropped() {
        for (text, want) in [
            ("a\r\n\tb", "a b"),
            ("evil\u{202e}txt", "eviltxt"),
            ("  plain  ", "plain"),
            ("x\u{2028}y", "x y"),
            ("\u{1b}[31mred", "[31mred"),
            ("tag\u{e0041}ged", "tagged"),
        ] {
            assert_eq!(one_line(text, 100), want, "{text:?}");
        }
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc ", 3), "abc");
    }

    #[test]
    fn a_sentence_does_not_end_in_an_abbreviation() {
        assert_eq!(first_sentence("Find files (e.g. logs). Then stop."), "Find files (e.g. logs)");
        assert_eq!(first_sentence("Run it."), "Run it");
        assert_eq!(first_sentence("Set the age. Then more"), "Set the age");
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_bounded_line(text in "\\PC*|.*", max in 0usize..40) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max + 1);
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert_eq!(head(&line, max + 1), &line);
        }
    }
}
