//! Finding secrets in texts and streams.
//!
//! It is for what is repeated by accident or by habit: an error that quotes its request, an API that echoes headers. A
//! server that wants to hand a secret on can always write it in a way that nobody looks for.

use crate::spellings;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use tollgate_core::Secret;
use zeroize::Zeroize;

/// Shorter values are words that stand anywhere, and are not looked for. In bytes.
pub const REDACTED_MIN_BYTES: usize = 4;

/// Why values cannot be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are too many secrets, or too long ones, to look for them in what comes back")]
pub struct TooMany;

/// Finds values, as they are and encoded, and puts `[secret NAME]` in their place.
pub struct Redactor {
    search: AhoCorasick,
    /// By pattern.
    replacements: Vec<Arc<str>>,
    /// Sorted, so that what begins one is found by halving.
    patterns: Vec<Vec<u8>>,
    longest: usize,
    ignored: Vec<String>,
}

impl Redactor {
    /// Looks for these, by name. Each value longer than a kilobyte is looked for in fewer encodings.
    ///
    /// # Errors
    /// They are too many.
    pub fn new(values: impl IntoIterator<Item = (String, Secret)>) -> Result<Self, TooMany> {
        let mut ignored = Vec::new();
        let mut all: Vec<(Vec<u8>, String)> = Vec::new();
        for (name, value) in values {
            if value.expose().len() < REDACTED_MIN_BYTES {
                tracing::warn!(
                    "secret `{name}` is shorter than {REDACTED_MIN_BYTES} bytes: it is not looked for in texts"
                );
                ignored.push(name);
                continue;
            }
            all.extend(spellings::of(value.expose()).into_iter().map(|spelling| (spelling, name.clone())));
        }
        all.sort();
        all.dedup_by(|later, earlier| later.0 == earlier.0);
        let (patterns, names): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&patterns)
            .map_err(|_| TooMany)?;
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        let replacement = |name: String| {
            let candidates = [format!("[secret {name}]"), "[secret]".to_owned(), "***".to_owned()];
            let fit = candidates.into_iter().find(|text| !search.is_match(text.as_str()));
            Arc::from(fit.unwrap_or_default())
        };
        let replacements = names.into_iter().map(replacement).collect();
        Ok(Self { search, replacements, patterns, longest, ignored })
    }

    /// The names of the values that are too short to be looked for.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The text without the values.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Values are text and their encodings ASCII, so what is between them is text too.
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// The bytes without the values.
    pub fn redact_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        if !self.search.is_match(bytes) {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut from = 0;
        while let Some((found, replacement)) = self.find(bytes, from) {
            out.extend_from_slice(bytes.get(from..found.start).unwrap_or_default());
            out.extend_from_slice(replacement.as_bytes());
            from = found.end;
        }
        out.extend_from_slice(bytes.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// For bytes that come in pieces.
    pub fn stream(self: &Arc<Self>) -> RedactStream {
        RedactStream { redactor: self.clone(), held: Vec::new() }
    }

    fn find(&self, bytes: &[u8], from: usize) -> Option<(Range<usize>, &str)> {
        let found = self.search.find(aho_corasick::Input::new(bytes).range(from.min(bytes.len())..))?;
        let replacement = self.replacements.get(found.pattern().as_usize()).map_or("", |text| &**text);
        Some((found.range(), replacement))
    }

    /// Where a value may begin that goes on after the end.
    fn open_end(&self, bytes: &[u8], from: usize) -> usize {
        let first = from.max((bytes.len() + 1).saturating_sub(self.longest));
        let begins_one = |at: &usize| {
            let tail = bytes.get(*at..).unwrap_or_default();
            let after = self.patterns.partition_point(|pattern| pattern.as_slice() <= tail);
            self.patterns.get(after).is_some_and(|pattern| pattern.starts_with(tail))
        };
        (first..bytes.len()).find(begins_one).unwrap_or(bytes.len())
    }
}

impl Drop for Redactor {
    fn drop(&mut self) {
        // The searcher's own copy is out of reach.
        self.patterns.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Redacts bytes that come in pieces. What may be the beginning of a value is held back until more has come: less
/// than the longest encoding of a value.
pub struct RedactStream {
    redactor: Arc<Redactor>,
    held: Vec<u8>,
}

impl RedactStream {
    /// Takes a piece; gives what is certain by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let mut out = Vec::with_capacity(self.held.len());
        let mut from = 0;
        let end = loop {
            let open = self.redactor.open_end(&self.held, from);
            match self.redactor.find(&self.held, from) {
                Some((found, replacement)) if found.start < open => {
                    out.extend_from_slice(self.held.get(from..found.start).unwrap_or_default());
                    out.extend_from_slice(replacement.as_bytes());
                    from = found.end;
                }
                _ => break open,
            }
        };
        out.extend_from_slice(self.held.get(from..end).unwrap_or_default());
        let rest = self.held.split_off(end.max(from));
        std::mem::replace(&mut self.held, rest).zeroize();
        out
    }

    /// The last of it. Whoever drops the stream without it loses what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let held = zeroize::Zeroizing::new(std::mem::take(&mut self.held));
        self.redactor.redact_bytes(&held).into_owned()
    }
}

impl Drop for RedactStream {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}
