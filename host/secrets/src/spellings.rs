//! The ways in which a value may stand in a text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeSet;

/// The shortest piece of base64 that is looked for, in characters: shorter ones are in every text.
const BASE64_MIN: usize = 5;
/// Longer values are looked for in fewer spellings, in bytes: each takes memory in the product with their length.
const LONG_VALUE: usize = 1 << 10;

/// The value itself, and what it looks like in JSON, URLs, HTML, hexadecimal and base64 (also within something that is
/// encoded as a whole, at each alignment). The caller clears them.
pub(crate) fn of(value: &str) -> BTreeSet<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut all: BTreeSet<Vec<u8>> = [bytes.to_vec()].into();
    let mut add = |text: String| {
        all.insert(text.into_bytes());
    };
    json(value, &mut add);
    base64(bytes, &mut add);
    if bytes.len() <= LONG_VALUE {
        percent(bytes, &mut add);
        html(value, &mut add);
        add(hex::encode(bytes));
        add(hex::encode_upper(bytes));
    }
    all
}

/// Writers of JSON differ in what they escape beside what they must.
fn json(value: &str, add: &mut impl FnMut(String)) {
    let plain = escaped(value);
    add(escaped(&plain));
    let ascii = |upper: bool| {
        let mut out = String::new();
        for c in plain.chars() {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units).iter().filter(|_| !c.is_ascii()) {
                out.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
            }
            if c.is_ascii() {
                out.push(c);
            }
        }
        out
    };
    for text in [ascii(false), ascii(true), plain.clone()] {
        // PHP escapes slashes, Go what HTML has a meaning for.
        let html = |text: &str| text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        add(html(&text));
        add(text.replace('/', "\\/"));
        add(html(&text).replace('/', "\\/"));
        add(text);
    }
}

fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Writers of URLs differ in what they leave as it is.
fn percent(bytes: &[u8], add: &mut impl FnMut(String)) {
    const KEPT: [&str; 7] = ["", "-_.~", "-_.~/", "-_.~!'()*", "*-._", "-_.~!$&'()*+,;=:@", "-_.~!$&'()*+,;=:@/?#"];
    for kept in KEPT {
        for (upper, plus) in [(true, false), (false, false), (true, true), (false, true)] {
            let mut out = String::new();
            for &byte in bytes {
                let c = char::from(byte);
                match byte {
                    b' ' if plus => out.push('+'),
                    _ if c.is_ascii_alphanumeric() || kept.contains(c) => out.push(c),
                    _ if upper => out.push_str(&format!("%{byte:02X}")),
                    _ => out.push_str(&format!("%{byte:02x}")),
                }
            }
            add(out);
        }
    }
    let every =
        |upper: bool| bytes.iter().map(|b| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") }).collect();
    add(every(true));
    add(every(false));
}

fn html(value: &str, add: &mut impl FnMut(String)) {
    for (double, single) in [("&quot;", "&#39;"), ("&#34;", "&#39;"), ("&quot;", "&#x27;"), ("\"", "'")] {
        let text = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        add(text.replace('"', double).replace('\'', single));
    }
}

/// What every base64 of a text with the value in it has in common: the characters that hold bits of the value only.
fn base64(bytes: &[u8], add: &mut impl FnMut(String)) {
    for before in 0..3_usize {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
        let (first, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        if end.saturating_sub(first) < BASE64_MIN {
            continue;
        }
        let piece = |text: String| text.get(first..end).unwrap_or_default().to_owned();
        let standard = piece(STANDARD_NO_PAD.encode(&padded));
        add(piece(URL_SAFE_NO_PAD.encode(&padded)));
        add(standard.replace('/', "\\/"));
        add(standard.replace('+', "%2B").replace('/', "%2F"));
        add(standard.replace('+', "%2b").replace('/', "%2f"));
        add(standard);
    }
}
