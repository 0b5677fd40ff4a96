//! Secrets are nowhere but on their way: after a run everything that it left is searched, and so is its memory while it runs.

use crate::support::Place;
use crate::support::api::{Api, TOKEN};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::path::Path;
use tollgate_test_guests as guests;

/// The secrets by name, each with what its place lets it have of what encodings change.
const PLANTED: [(&str, &str); 6] = [
    ("header", "tg-header/4f9c \"1e7d\"+20%~&<x>"),
    ("query", "tg query/ü+\"9a&2c\"=%7e\\b"),
    ("cookie", "tg-cookie/8b1e+5d=%3f:a&b"),
    ("bearer", "tg-bearer/77aa+0c~19d=="),
    ("basic", "tg-basic/ß \"d41d\"+8c%<d9>"),
    ("client", "tg-client/98f0+0b2 \"04e9\"%80"),
];
/// What the component puts into its memory by itself.
const OWN: &str = "tg-own/é \"5b7f\"+3e%&<01>";

/// A value in every spelling that a program might leave it in.
fn spellings(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let percent = |kept: &dyn Fn(u8) -> bool| -> String {
        let one = |&byte: &u8| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        bytes.iter().map(one).collect()
    };
    let unreserved = percent(&|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let every = percent(&|_| false);
    let json = escaped(value);
    let mut all = vec![
        value.to_owned(),
        json.replace('/', "\\/"),
        escaped(&json),
        json,
        hex::encode(value),
        hex::encode_upper(value),
        lower_escapes(&unreserved),
        unreserved,
        every.to_lowercase(),
        every,
    ];
    // Within something that was encoded as a whole: the characters that hold bits of the value only, wherever it began.
    for before in 0..3 {
        let whole = [&[0; 2][..before], bytes].concat();
        let (first, end) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
        all.extend(
            [STANDARD_NO_PAD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)].map(|text| text[first..end].into()),
        );
    }
    all.sort();
    all.dedup();
    all
}

/// As it stands in JSON.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn lower_escapes(text: &str) -> String {
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |out, piece| format!("{out}%{}{}", piece[..2].to_lowercase(), &piece[2..]))
}

/// As the component wants it, so that no value is in its memory for being asked for.
fn masked(value: &str) -> String {
    hex::encode(value.bytes().map(|byte| byte ^ 0x5a).collect::<Vec<_>>())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    bytes.windows(text.len()).any(|window| window[0] == text[0] && window == text)
}

/// Every file below, with its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: std::path::PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![(path.display().to_string(), std::fs::read(&path).unwrap())],
    };
    entries.flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_secrets_are_in_nothing_that_a_run_has_or_leaves() {
    let (first, second, third) = (Api::start().await, Api::start().await, Api::start().await);
    let place = Place::new();
    let variable = |name: &str| format!("PLANTED_{name}");
    let variables: Map<_, _> =
        PLANTED.iter().map(|(name, _)| (name.to_string(), json!({"env": variable(name)}))).collect();
    let grants = [&first, &second, &third].map(|api| format!("http={}/*", api.url));
    let config = json!({
        "servers": {"a": {
            "component": guests::ADAPTER_MEMORY,
            "grants": grants,
            "secrets": {
                "header": {"in": "header", "name": "X-Key", "prefix": "Token ", "hosts": [first.url]},
                "query": {"in": "query", "name": "key", "hosts": [first.url]},
                "cookie": {"in": "cookie", "name": "session", "hosts": [first.url]},
                "bearer": {"in": "bearer", "hosts": [first.url]},
                "basic": {"in": "basic", "user": "me", "hosts": [second.url]},
                "client": {"in": "client_credentials", "token_url": format!("{}/token", third.url), "client_id": "me",
                    "hosts": [third.url]},
            },
        }},
        "secrets": variables,
    });
    place.write("tollgate.json", config.to_string());

    let secret: Vec<String> = PLANTED.iter().map(|(_, value)| *value).chain([TOKEN]).flat_map(spellings).collect();
    // Controls: what the component has of its own, and what stands where secrets came back.
    let own = spellings(OWN);
    let instead = PLANTED.map(|(name, _)| format!("[secret {name}]"));
    let wanted: Vec<_> = secret.iter().chain(&own).chain(&instead).map(|value| masked(value)).collect();
    let each = |api: &Api| ["echo", "encoded"].map(|path| format!("{}/{path}", api.url));
    let urls = [&first, &second, &third].map(each).concat();
    let asked =
        json!({"urls": urls, "own": own.iter().map(|value| masked(value)).collect::<Vec<_>>(), "wanted": wanted});
    place.write("asked.json", asked.to_string());

    let args = "--config tollgate.json -vvv call a:search @asked.json --journal journal.jsonl --json";
    let mut command = place.tollgate(args.split(' '));
    command.env("XDG_CACHE_HOME", place.dir.path().join("cache"));
    command.envs(PLANTED.map(|(name, value)| (variable(name), value)));
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");

    // Each secret was sent and came back.
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let result = &result["structuredContent"];
    assert_eq!((first.asked(), second.asked(), third.asked()), (2, 2, 3), "{result:#}");
    let answers = result["answers"].to_string();
    for instead in &instead {
        assert!(answers.matches(instead).count() >= 7, "{instead}: {answers}");
    }

    // The component found what is in its memory, and of the secrets nothing.
    let found: Vec<usize> = serde_json::from_value(result["found"].clone()).unwrap();
    let leaked: Vec<_> = found.iter().filter_map(|index| secret.get(*index)).collect();
    assert!(leaked.is_empty(), "in the component's memory: {leaked:?}");
    let controls: Vec<_> = (secret.len()..wanted.len()).collect();
    assert_eq!(found, controls, "of {} bytes", result["bytes"]);

    // Nothing of them is left: not in what was printed and logged, nor in any file.
    let mut left = files(place.dir.path());
    left.extend([("stdout".to_owned(), output.stdout.clone()), ("stderr".to_owned(), output.stderr.clone())]);
    for (name, bytes) in &left {
        let leaked: Vec<_> = secret.iter().filter(|text| contains(bytes, text)).collect();
        assert!(leaked.is_empty(), "in {name}: {leaked:?}");
    }
    for (name, text) in [
        ("stdout", "[secret cookie]"),
        ("stderr", "DEBUG"),
        ("journal.jsonl", r#""event":"http_ended""#),
        // The component's own text, compiled.
        (".cwasm", "looks for `wanted`"),
    ] {
        let found = left.iter().any(|(file, bytes)| file.ends_with(name) && contains(bytes, text));
        assert!(found, "{text} is in no {name}, where the same search must find it");
    }
}
