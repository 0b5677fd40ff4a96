//! Text of somebody else, made fit for people's eyes: nothing in it steers a terminal, hides, turns the writing round, or passes
//! for another letter. Nothing is taken out: what would do that is shown as its number, as `\u{202e}`.
//!
//! One table ([`is_hidden`], [`is_lookalike`]) for all that a person reads.

/// Whether a character shows nothing, moves the cursor, or changes how others are shown: controls, bidirectional marks,
/// invisible ones, tags, variation selectors. The space and line breaks are none.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character can pass for one of ASCII, or for a part of one: letters of scripts that have such, full-width and
/// mathematical forms, look-alike punctuation, other spaces, and marks that join the letter before them.
pub fn is_lookalike(c: char) -> bool {
    is_foreign_letter(c)
        || matches!(c,
            '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' // Spaces.
            | '\u{2b9}'..='\u{2c8}' | '\u{2cd}' | '\u{2d0}'..='\u{2d7}' // Modifiers like ' : -
            | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' // Marks.
            | '\u{589}' | '\u{5c3}' | '\u{5f3}' | '\u{2010}'..='\u{2015}' | '\u{2024}' | '\u{2044}' | '\u{204e}'
            | '\u{2212}' | '\u{2215}'..='\u{2217}' | '\u{2236}' | '\u{2571}' | '\u{29f8}' | '\u{a789}' | '\u{a78c}'
            | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe6f}') // Small and vertical forms of : . / and others.
}

/// A letter or digit that can pass for one of ASCII.
fn is_foreign_letter(c: char) -> bool {
    matches!(c,
        '\u{131}' | '\u{17f}' | '\u{180}'..='\u{24f}' | '\u{250}'..='\u{2b8}' // Latin ones that are hardly ever written.
        | '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' // Greek.
        | '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{2de0}'..='\u{2dff}' | '\u{a640}'..='\u{a69f}' // Cyrillic.
        | '\u{531}'..='\u{58a}' // Armenian.
        | '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' // Cherokee.
        | '\u{2c80}'..='\u{2cff}' | '\u{a4d0}'..='\u{a4ff}' | '\u{16a0}'..='\u{16ff}' // Coptic, Lisu, runes.
        | '\u{2070}'..='\u{209f}' | '\u{2100}'..='\u{214f}' | '\u{2160}'..='\u{2188}' | '\u{2460}'..='\u{24ff}'
        | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f1ff}')
}

/// A name: of one line, every character visible, and none that passes for another.
pub fn name(text: &str) -> String {
    shown(text, |c| is_hidden(c) || is_lookalike(c))
}

/// A text of lines: line breaks and tabs stay, and so do what writing needs: joiners between letters of other scripts, the
/// emoji style of a sign. In a word that mixes letters of ASCII with others that pass for them, these are shown as their
/// numbers; a word of another script stays as it is.
pub fn visible(text: &str) -> String {
    by_words(text, true)
}

/// As [`visible`], with every invisible character shown: for a text that a person binds themselves to.
pub fn exact(text: &str) -> String {
    by_words(text, false)
}

/// A text made one line of at most `max_chars` characters: spaces stand for line breaks and tabs.
pub fn line(text: &str, max_chars: usize) -> String {
    let mut chars = text.trim().chars();
    let mut head: String =
        chars.by_ref().take(max_chars).map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    if chars.next().is_some() {
        head.push('…');
    }
    visible(&head)
}

fn by_words(text: &str, keeps_joiners: bool) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || is_mark(c);
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if is_word(first) && part.is_ascii() {
            out.push_str(part);
        } else if is_word(first) && part.bytes().any(|b| b.is_ascii_alphabetic()) {
            out.push_str(&shown(part, |c| is_hidden(c) || is_foreign_letter(c)));
        } else {
            let mut chars = part.chars().chain(after.chars().next()).peekable();
            for c in part.chars() {
                chars.next();
                let stays = keeps_joiners && joins(before, c, chars.peek().copied());
                if is_hidden(c) && !matches!(c, '\n' | '\t') && !stays {
                    out.extend(c.escape_unicode());
                } else {
                    out.push(c);
                }
                before = Some(c);
            }
        }
        before = part.chars().next_back();
        rest = after;
    }
    out
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Whether an invisible character does what it is for: gives a sign its emoji style, or joins letters that are not of ASCII.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_sign = |c: char| matches!(c, '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}') && !is_hidden(c);
    let is_joined = |c: char| !c.is_ascii() && (c.is_alphabetic() || is_sign(c)) && !is_hidden(c);
    match c {
        '\u{fe0f}' => before.is_some_and(is_sign),
        '\u{200c}' | '\u{200d}' => {
            before.is_some_and(|c| is_joined(c) || c == '\u{fe0f}') && after.is_some_and(is_joined)
        }
        _ => false,
    }
}

fn shown(text: &str, escapes: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if escapes(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_hides_or_turns_the_writing_round_is_shown() {
        for (text, want) in [
            ("a\u{202e}b\u{200b}\u{1b}[2K", "a\\u{202e}b\\u{200b}\\u{1b}[2K"),
            ("\u{3164}\u{fe0f}", "\\u{3164}\\u{fe0f}"),
            ("x\u{e0041}\u{e0100}\u{9b}", "x\\u{e0041}\\u{e0100}\\u{9b}"),
            ("{\"ü\": \"日本\"}\n\tend", "{\"ü\": \"日本\"}\n\tend"),
            ("Привет, мир. Γειά σου.", "Привет, мир. Γειά σου."),
            ("p\u{430}ypal and сору", "p\\u{430}ypal and сору"),
            ("⚠\u{fe0f} take care\u{fe0f}", "⚠\u{fe0f} take care\\u{fe0f}"),
            ("a \u{fe0f}\u{fe0f}⚠\u{fe0f}\u{fe0f}", "a \\u{fe0f}\\u{fe0f}⚠\u{fe0f}\\u{fe0f}"),
            ("café naïve Straße", "café naïve Straße"),
            ("می\u{200c}خواهم 👩\u{200d}💻", "می\u{200c}خواهم 👩\u{200d}💻"),
            ("a\u{200d}b م\u{200d}b \u{200d}", "a\\u{200d}b م\\u{200d}b \\u{200d}"),
        ] {
            assert_eq!(visible(text), want);
            assert!(!exact(text).contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t')), "{text}");
        }
        assert_eq!(line("  two\nlines \u{202e} of text", 12), "two lines \\u{202e} …");
    }

    #[test]
    fn no_letter_of_a_name_passes_for_another() {
        for (text, want) in [
            ("get_customer", "get_customer"),
            ("g\u{435}t_customer", "g\\u{435}t_customer"),
            ("\u{441}\u{43e}\u{440}\u{443}", "\\u{441}\\u{43e}\\u{440}\\u{443}"),
            ("ｇet\u{a0}it", "\\u{ff47}et\\u{a0}it"),
            ("a\u{2215}b\u{2010}c\nd", "a\\u{2215}b\\u{2010}c\\u{a}d"),
            ("e\u{301}", "e\\u{301}"),
            ("検索", "検索"),
        ] {
            assert_eq!(name(text), want);
        }
    }

    proptest! {
        #[test]
        fn no_text_steers_a_terminal(text in ".*", max in 0usize..50) {
            for shown in [visible(&text), name(&text), line(&text, max)] {
                prop_assert!(!shown.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
                let hides = |c| is_hidden(c) && !matches!(c, '\n' | '\t' | '\u{fe0f}' | '\u{200c}' | '\u{200d}');
                prop_assert!(!shown.contains(hides));
            }
            prop_assert!(!name(&text).contains(is_lookalike) && !line(&text, max).contains(['\n', '\t']));
        }
    }
}
