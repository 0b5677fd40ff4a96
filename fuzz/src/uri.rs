//! URIs of resources, and URLs.

use tollgate_core::{Grants, HostInterface, HttpUrl};
use tollgate_server::uri_template;

/// The folder that [`uri`] grants, as a pattern.
const GRANT: &str = "resource=s:file:///public/*";

/// A URI, held against a template and a grant's pattern, which stand on lines before it, and against a grant of one folder: no
/// way of reading a URI that is granted leads out of that.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(template), Some(pattern), Some(uri)) = (lines.next(), lines.next(), lines.next()) else { return };
    // A template without expressions makes itself only.
    if uri_template::makes(template, uri) && !template.contains('{') {
        assert_eq!(template, uri);
    }
    if let Ok(grants) = Grants::parse([format!("resource=s:{pattern}")]) {
        drop(grants.stray_reading("s", uri));
        let _ = grants.covers(HostInterface::Resource, "s", uri);
    }
    if let Ok(grants) = Grants::parse([GRANT])
        && grants.covers(HostInterface::Resource, "s", uri)
    {
        assert!(stays_in_public(uri), "{uri:?} is granted");
    }
    if let Ok(url) = HttpUrl::parse(uri) {
        let written = format!("{}{}", url.origin(), url.path.as_str());
        assert_eq!(HttpUrl::parse(&written).map(|again| again.origin()), Ok(url.origin()));
    }
}

/// As careless servers read a URI: they undo escapes for as long as there are some, know both slashes and parameters of a segment, and
/// go where the dots lead. Some end the path at a query or fragment, to others these are characters like any.
fn stays_in_public(uri: &str) -> bool {
    let mut path = uri.strip_prefix("file://").unwrap_or(uri).as_bytes().to_vec();
    while let Some(undone) = unescaped(&path) {
        path = undone;
    }
    let text = String::from_utf8_lossy(&path).replace('\\', "/");
    let path = text.split(['?', '#']).next().unwrap_or_default();
    leads_to_public(path) && leads_to_public(&text)
}

fn leads_to_public(path: &str) -> bool {
    let mut folders: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(folders.pop()),
            _ => folders.push(segment),
        }
    }
    folders.first() == Some(&"public")
}

/// Undoes escapes once; `None` where there are none.
fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                out.push(digit(high)? << 4 | digit(low)?);
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    (out.len() < bytes.len()).then_some(out)
}
