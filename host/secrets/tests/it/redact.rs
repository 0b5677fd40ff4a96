use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;
use std::sync::Arc;
use tollgate_core::Secret;
use tollgate_secrets::Redactor;

fn redactor(values: &[(&str, &str)]) -> Arc<Redactor> {
    Arc::new(Redactor::new(values.iter().map(|(name, value)| ((*name).to_owned(), Secret::from(*value)))).unwrap())
}

#[test]
fn a_value_is_found_in_each_of_its_spellings() {
    let value = "pä<s>/w\"ord+& 'x'";
    let redactor = redactor(&[("api", value)]);
    let (std, url) = (STANDARD.encode(format!("me:{value}")), URL_SAFE.encode(format!("you:{value}!")));
    for text in [
        value.to_owned(),
        format!("a {value} b {value}"),
        serde_json::json!({ "v": value }).to_string(),
        serde_json::json!({ "v": serde_json::json!({ "v": value }).to_string() }).to_string(),
        r#"{"v":"p\u00e4\u003cs\u003e/w\"ord+\u0026 'x'"}"#.to_owned(),
        r#"{"v":"p\u00E4<s>\/w\"ord+& 'x'"}"#.to_owned(),
        "q=p%C3%A4%3Cs%3E%2Fw%22ord%2B%26%20%27x%27".to_owned(),
        "q=p%c3%a4%3cs%3e%2fw%22ord%2b%26+%27x%27".to_owned(),
        "q=p%C3%A4%3Cs%3E%2Fw%22ord%2B%26%20'x'".to_owned(),
        "<b>pä&lt;s&gt;/w&quot;ord+&amp; &#39;x&#39;</b>".to_owned(),
        hex::encode(value),
        hex::encode_upper(value),
        std.clone(),
        std.replace('/', "%2F").replace('+', "%2B"),
        url,
    ] {
        let out = redactor.redact(&text);
        assert!(out.contains("[secret api]"), "{text} -> {out}");
        assert!(!out.contains("w\\\"ord") && !out.contains("ord"), "{text} -> {out}");
    }
}

#[test]
fn texts_without_it_are_left_alone() {
    let redactor = redactor(&[("api", "hunter2-hunter2"), ("tiny", "abc")]);
    assert_eq!(redactor.ignored(), ["tiny"]);
    for text in ["", "abc", "hunter2-hunter", "a text with nothing in it"] {
        assert!(matches!(redactor.redact(text), std::borrow::Cow::Borrowed(same) if same == text));
        let mut stream = redactor.stream();
        let mut out = stream.push(text.as_bytes());
        out.extend(stream.finish());
        assert_eq!(out, text.as_bytes());
    }
    assert_eq!(self::redactor(&[]).redact("x"), "x");
}

#[test]
fn a_replacement_has_no_value_in_it() {
    assert_eq!(redactor(&[("token", "token")]).redact("my token"), "my [secret]");
    assert_eq!(redactor(&[("a", "secret")]).redact("my secret"), "my ***");
    assert_eq!(redactor(&[("a", "long-value"), ("b", "long-value-2")]).redact("long-value-2"), "[secret b]");
}

#[test]
fn a_stream_gives_at_once_what_cannot_begin_a_value() {
    let redactor = redactor(&[("api", "hunter2-hunter2")]);
    let mut stream = redactor.stream();
    assert_eq!(stream.push(b"event: one\n\n"), b"event: one\n\n", "nothing is held back without a reason");
    assert_eq!(stream.push(b"x hunter2-"), b"x ");
    assert_eq!(stream.push(b"hunter3 hun"), b"hunter2-hunter3 ");
    assert_eq!(stream.finish(), b"hun");
}

fn encoded(value: &str, how: usize, before: &str) -> Vec<u8> {
    match how % 8 {
        0 => value.as_bytes().to_vec(),
        1 => STANDARD.encode(format!("{before}{value}")).into_bytes(),
        2 => URL_SAFE.encode(format!("{before}{value}{before}")).into_bytes(),
        3 => value.bytes().map(|b| format!("%{b:02X}")).collect::<String>().into_bytes(),
        4 => serde_json::json!(value).to_string().into_bytes(),
        5 => hex::encode(value).into_bytes(),
        6 => value.bytes().map(|b| format!("%{b:02x}")).collect::<String>().into_bytes(),
        _ => hex::encode_upper(value).into_bytes(),
    }
}

/// Whether the value can still be got out of the bytes by undoing the encodings.
fn leaks(bytes: &[u8], value: &str) -> bool {
    let has = |bytes: &[u8]| bytes.windows(value.len()).any(|window| window == value.as_bytes());
    let text = String::from_utf8_lossy(bytes);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let mut found = has(bytes);
    for run in text.split(|c: char| !is_base64(c)) {
        let run = run.replace('-', "+").replace('_', "/");
        for skip in 0..4.min(run.len()) {
            let cut = (run.len() - skip) / 4 * 4;
            found |= STANDARD.decode(&run[skip..skip + cut]).is_ok_and(|decoded| has(&decoded));
        }
        for skip in 0..2.min(run.len()) {
            let cut = (run.len() - skip) / 2 * 2;
            found |= hex::decode(&run[skip..skip + cut]).is_ok_and(|decoded| has(&decoded));
        }
    }
    let mut unescaped = Vec::new();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex.filter(|_| byte == b'%') {
            Some(value) => {
                unescaped.push(value);
                rest = &after[2..];
            }
            None => {
                unescaped.push(byte);
                rest = after;
            }
        }
    }
    found | has(&unescaped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn planted_values_are_never_in_the_output(
        values in prop::collection::vec("[a-zA-Z0-9äß/+=\"\\\\ .:_-]{8,24}", 1..4),
        parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..12), any::<usize>(), 0usize..4, "[a-z]{0,4}"), 1..8),
        cuts in prop::collection::vec(1usize..9, 1..40),
    ) {
        let named: Vec<(String, Secret)> =
            values.iter().enumerate().map(|(i, v)| (i.to_string(), Secret::from(v.as_str()))).collect();
        let redactor = Arc::new(Redactor::new(named).unwrap());
        let mut text = Vec::new();
        for (noise, how, which, before) in &parts {
            text.extend_from_slice(noise);
            // Something that ends the run, so that the noise is no part of an encoding.
            text.push(b'\n');
            text.extend(encoded(&values[which % values.len()], *how, before));
            text.push(b'\n');
        }
        let whole = redactor.redact_bytes(&text).into_owned();
        let mut stream = redactor.stream();
        let (mut streamed, mut rest) = (Vec::new(), text.as_slice());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            streamed.extend(stream.push(piece));
            rest = after;
        }
        streamed.extend(stream.finish());
        prop_assert_eq!(&whole, &streamed, "a stream gives what the whole gives");
        for value in &values {
            prop_assert!(!leaks(&whole, value), "{:?} in {:?}", value, String::from_utf8_lossy(&whole));
        }
    }

    #[test]
    fn overlapping_values_of_few_letters_are_streamed_as_a_whole(
        values in prop::collection::vec("[ab]{4,6}", 1..4),
        text in "[ab]{0,60}",
        cuts in prop::collection::vec(1usize..7, 1..20),
    ) {
        let named: Vec<(String, Secret)> =
            values.iter().enumerate().map(|(i, v)| (i.to_string(), Secret::from(v.as_str()))).collect();
        let redactor = Arc::new(Redactor::new(named).unwrap());
        let whole = redactor.redact(&text).into_owned();
        let mut stream = redactor.stream();
        let (mut streamed, mut rest) = (Vec::new(), text.as_bytes());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            streamed.extend(stream.push(piece));
            rest = after;
        }
        streamed.extend(stream.finish());
        prop_assert_eq!(whole.as_bytes(), streamed.as_slice());
        prop_assert!(values.iter().all(|value| !whole.contains(value.as_str())));
    }
}
