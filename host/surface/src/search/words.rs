//! Text to stems: split at everything that is no letter or digit and inside camelCase, lower case, stemmed.

use frostem::{Algorithm, Stemmer};

/// The longest word that is kept, in characters: what is longer is no word.
pub(super) const WORD_CHARS_MAX: usize = 40;

/// Words that say nothing of what is wanted.
const STOP: &[&str] = &[
    "a",
    "about",
    "all",
    "am",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "both",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "for",
    "from",
    "had",
    "has",
    "have",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "let",
    "me",
    "my",
    "need",
    "not",
    "of",
    "on",
    "or",
    "our",
    "out",
    "please",
    "she",
    "so",
    "some",
    "somebody",
    "someone",
    "something",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "to",
    "up",
    "us",
    "use",
    "using",
    "want",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "would",
    "you",
    "your",
];

/// Whether a word (in lower case, unstemmed) says nothing of what is wanted.
pub(super) fn is_stop(word: &str) -> bool {
    STOP.binary_search(&word).is_ok()
}

/// The words of a text, in lower case, unstemmed.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        let mut word = String::new();
        let mut chars = run.chars().peekable();
        let mut before: Option<char> = None;
        while let Some(c) = chars.next() {
            // `listItems` and the P of `HTTPProxy` begin a word; `V2` and `S3` stay whole.
            let begins = c.is_uppercase()
                && before.is_some_and(|b| {
                    b.is_lowercase() || (b.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase()))
                });
            if begins {
                keep(&mut words, &mut word);
            }
            word.extend(c.to_lowercase());
            before = Some(c);
        }
        keep(&mut words, &mut word);
    }
    words
}

fn keep(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() && word.chars().count() <= WORD_CHARS_MAX {
        words.push(std::mem::take(word));
    }
    word.clear();
}

/// The stem of a word in lower case.
pub(super) fn stem(word: &str) -> String {
    Stemmer::new(Algorithm::English).stem(word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_style_are_split() {
        for (text, want) in [
            ("list_issues", "list issues"),
            ("API-post-page", "api post page"),
            ("queryRecords", "query records"),
            ("HTTPProxy.open", "http proxy open"),
            ("ListObjectsV2", "list objects v2"),
            ("aws-s3", "aws s3"),
            ("größeÄndern", "größe ändern"),
        ] {
            assert_eq!(words(text).join(" "), want, "{text}");
        }
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        assert_eq!(["searching", "repositories"].map(stem), ["search", "repository"].map(stem));
    }

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP.is_sorted());
    }
}
