//! Resource URIs held against a grant's pattern, in every way in which a server could read them.
//!
//! A URI is a server's own: it may be a path below some folder, and servers undo escapes, collapse slashes and follow `..`. So
//! each reading of the URI must match the same reading of the pattern. A pattern `*` means every resource, and no reading is
//! made. The URIs of a server need not be URLs, so nothing is refused for its form alone: what has no readings (escapes of
//! escapes of escapes, control characters, text that is not UTF-8) is meant by `*` only.

use super::matched;
use crate::url::{MAX_ESCAPE_LEVELS, unescape};

/// The longest URI that a pattern other than `*` means, in bytes: judging it takes time and memory by its length.
const URI_MAX_BYTES: usize = 64 << 10;

/// Whether a pattern means a URI. `one` tells which characters a `?` stands for.
pub(super) fn means(pattern: &str, uri: &str, one: impl Fn(char) -> bool + Copy) -> bool {
    if pattern == "*" {
        return true;
    }
    // Most URIs are of one meaning.
    if uri.len() > URI_MAX_BYTES || !matched(pattern, uri, one) {
        return false;
    }
    if is_plain(uri) {
        return true;
    }
    let (Some(wanted), Some(had)) = (Readings::of(pattern), Readings::of(uri)) else { return false };
    let mut wanted = wanted.0.iter();
    let mut want = None;
    had.0.iter().all(|have| {
        want = wanted.next().or(want);
        want.is_some_and(|want| want.iter().zip(have).all(|(want, have)| matched(want, have, one)))
    })
}

/// A reading of a URI that a pattern does not mean, though it means the URI as it is written.
pub(super) fn stray_reading(pattern: &str, uri: &str) -> Option<String> {
    if uri.len() > URI_MAX_BYTES || means(pattern, uri, |_| true) || !matched(pattern, uri, |_| true) {
        return None;
    }
    let readings = Readings::of(uri)?;
    readings.0.into_iter().flatten().find(|reading| !matched(pattern, reading, |_| true))
}

/// Whether nothing in a URI has a second reading.
fn is_plain(uri: &str) -> bool {
    let body = uri.split_once(':').map_or(uri, |(_, rest)| rest).trim_start_matches('/');
    !uri.chars().any(|c| c == '%' || c == '\\' || c.is_control())
        && !body.contains("//")
        && !body.split('/').any(is_dots)
}

/// A text after each unescaping, from none on; each as it is, and in its normal forms.
struct Readings(Vec<[String; 5]>);

impl Readings {
    fn of(text: &str) -> Option<Self> {
        let mut readings: Vec<[String; 5]> = Vec::new();
        let mut text = text.to_owned();
        loop {
            if text.chars().any(char::is_control) {
                return None;
            }
            // One unescaping more than a URL's, whose first reading has undone one already.
            if readings.len() > MAX_ESCAPE_LEVELS + 1 {
                return None;
            }
            let next = unescape(&text, |_| false).ok()?;
            let (path, query) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
            let normal = [normal(&text, true), normal(&text, false), format!("{}{query}", normal(path, true))];
            let is_last = next == text;
            let [collapsed, kept, path] = normal;
            let bare = self::normal(&without_bare_parameters(&text), true);
            readings.push([text, collapsed, kept, path, bare]);
            if is_last {
                return Some(Self(readings));
            }
            text = next;
        }
    }
}

/// A text without the segments that are parameters only (`;a`): some servers take parameters away first, and what is left of such a
/// segment is none, so that dots after it go up one more.
fn without_bare_parameters(text: &str) -> String {
    let text = text.replace('\\', "/");
    text.split('/').map(|segment| if segment.starts_with(';') { "" } else { segment }).collect::<Vec<_>>().join("/")
}

/// A segment that servers read as `.` or `..`: some cut it at `;`, `?` or `#` first.
fn is_dots(segment: &str) -> bool {
    dots(segment).is_some()
}

/// How many segments a segment of dots goes up.
fn dots(segment: &str) -> Option<usize> {
    match segment.split([';', '?', '#']).next().unwrap_or_default().trim_end() {
        "." => Some(0),
        ".." => Some(1),
        _ => None,
    }
}

/// A text with its backslashes turned and its dot segments followed; with `collapse`, slashes that stand together are one,
/// save those after a colon. What stands after the scheme's slashes is all path: to some servers it is.
fn normal(text: &str, collapse: bool) -> String {
    let text = text.replace('\\', "/");
    let scheme = text.find(':').filter(|at| !text.get(..*at).unwrap_or_default().contains('/')).map_or(0, |at| at + 1);
    let (head, path) = text.split_at(scheme);
    let slashes = path.len() - path.trim_start_matches('/').len();
    let (slashes, path) = path.split_at(slashes);
    // Each with whether a segment after it would follow a scheme's colon, or its slashes: that begins another URI within this.
    let mut kept: Vec<(&str, bool)> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match dots(segment) {
            Some(up) => {
                if up > 0 {
                    kept.pop();
                }
                if is_last {
                    kept.push(("", false));
                }
            }
            None => {
                let begins_uri = kept.last().is_some_and(|(_, begins_uri)| *begins_uri);
                if !segment.is_empty() {
                    kept.push((segment, segment.ends_with(':')));
                } else if !collapse || is_last || begins_uri {
                    kept.push((segment, begins_uri));
                }
            }
        }
    }
    let kept: Vec<&str> = kept.into_iter().map(|(segment, _)| segment).collect();
    format!("{head}{slashes}{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_meant(pattern: &str, uri: &str) -> bool {
        means(pattern, uri, |_| true)
    }

    /// One of twice this length took eight seconds, while nothing else was served; the time grew with the square of the length.
    #[test]
    fn a_long_uri_is_judged_in_linear_time() {
        let slashes = format!("file:///public/a:{}", "/".repeat(URI_MAX_BYTES - 32));
        let dots = format!("file:///public/a:{}{}", "/".repeat(20_000), "x/../".repeat(8_000));
        for uri in [&slashes, &dots].repeat(20) {
            assert!(is_meant("file:///public/*", uri));
        }
        let longer = format!("file:///public/{}", "a".repeat(URI_MAX_BYTES));
        assert!(!is_meant("file:///public/*", &longer) && is_meant("*", &longer));
    }

    #[test]
    fn a_uri_that_leaves_its_folder_in_some_reading_is_not_meant() {
        for uri in [
            "file:///public/../secret/b",
            "file:///public/%2e%2e/secret/b",
            "file:///public/.%2E/secret/b",
            "file:///public/%252e%252e/secret/b",
            "file:///public/%25252e%25252e/secret/b",
            "file:///public/..%2fsecret/b",
            "file:///public%2f..%2fsecret/b",
            "file:///public/..%5csecret/b",
            "file:///public/..\\secret\\b",
            "file:///public/a\\..\\..\\secret",
            "file:///public//../secret/b",
            "file:///public/;t/../secret/b",
            "file:///public/;t/..",
            "file:///public/%3bt/../secret/b",
            "file:///public/a/..//../secret/b",
            "file:///public/./../secret/b",
            "file:///public/..;/secret/b",
            "file:///public/..%3bx/secret/b",
            "file:///public/..?/secret/b",
            "file:///public/..#/secret/b",
            "file:///public/?/../../secret/b",
            "file:///public/..",
            "file:///public/../",
            "file:///public/..%20/secret",
            "file:///public/.\t./secret/b",
            "file:///public/.%09./secret/b",
            "file:///public/%00/../../secret",
            "file:///public/%c0%ae%c0%ae/secret/b",
            "file:///public/%2525252525252e%2525252525252e/secret",
        ] {
            assert!(!is_meant("file:///public/*", uri), "{uri}");
            assert!(is_meant("*", uri), "{uri}");
        }
        for (pattern, uri) in [
            ("note://public/*", "note://public/../secret/b"),
            ("note://public/*", "note://public/%2e%2e/secret/b"),
            ("notes:public/*", "notes:public/../secret"),
            ("public/*", "public/../secret"),
            ("tollgate://files/file:///public/*", "tollgate://files/file:///public/../secret/b"),
            ("tollgate://files/file:///public/*", "tollgate://files/file:///public/..%2f..%2f..%2f..%2fother/x"),
            ("file:///*/public/*", "file:///a/public/../../secret/b"),
            ("file:///a/*/b", "file:///a/x/../../b"),
            ("FILE:///public/*", "file:///public/x"),
            ("file:///public/*", "FILE:///secret/x"),
        ] {
            assert!(!is_meant(pattern, uri), "{pattern} {uri}");
        }
    }

    #[test]
    fn a_uri_of_one_meaning_is_meant_as_it_is_written() {
        for (pattern, uri) in [
            ("file:///public/*", "file:///public/a/b.txt"),
            ("file:///public/*", "file:///public/a%20b.txt"),
            ("file:///public/*", "file:///public/a//b"),
            ("file:///public/*", "file:///public/a/../b"),
            ("file:///public/*", "file:///public/100%"),
            ("file:///public/*", "file:///public/日本 ...txt"),
            ("file:///my%20files/*", "file:///my%20files/a%20b"),
            ("file:///a/../b", "file:///a/../b"),
            ("file:///a%2Fb", "file:///a%2Fb"),
            ("tollgate://files/file:///public/*", "tollgate://files/file:///public/x"),
            ("tollgate://files/*", "tollgate://files/file:///public/x%20y"),
            ("db://t?*", "db://t?a=1"),
            ("note://?", "note://1"),
            ("screen:*", "screen:current"),
            ("file:///*", "file:///{+path}"),
        ] {
            assert!(is_meant(pattern, uri), "{pattern} {uri}");
        }
    }

    #[test]
    fn the_reading_that_is_not_meant_is_told() {
        let stray = |uri| stray_reading("file:///public/*", uri);
        assert_eq!(stray("file:///public/%2e%2e/secret/b").as_deref(), Some("file:///secret/b"));
        assert_eq!(stray("file:///public/x"), None);
        assert_eq!(stray("file:///secret/x"), None);
    }

    proptest! {
        #[test]
        fn no_path_of_dots_and_escapes_leaves_a_granted_folder(path in "(/|\\\\|\\.|%2e|%2F|%5c|%25|2e|a|;|\\?){0,16}") {
            let uri = format!("file:///public/{path}");
            if is_meant("file:///public/*", &uri) {
                let mut text = uri.clone();
                for _ in 0..6 {
                    text = unescape(&text, |_| false).unwrap_or_default().replace('\\', "/");
                    let mut depth = 0;
                    for segment in text.trim_start_matches("file:///").split('/').filter(|s| !s.is_empty() && *s != ".") {
                        depth += if segment == ".." { -1 } else { 1 };
                        prop_assert!(depth >= 1, "{} {}", uri, text);
                    }
                }
            }
        }

        #[test]
        fn any_texts_are_judged(pattern in ".{0,20}", uri in ".{0,40}") {
            let _ = is_meant(&pattern, &uri);
            let _ = stray_reading(&pattern, &uri);
            prop_assert!(is_meant(&uri, &uri) || Readings::of(&uri).is_none() || uri.contains(['*', '?']));
        }
    }
}
