//! Hostile files: refused or read, and never a panic, a hang or a large heap.

use proptest::prelude::*;
use std::time::{Duration, Instant};
use tollgate_config::{FILE_MAX_BYTES, Format, parse_bytes};

const FORMATS: [Format; 3] = [Format::Yaml, Format::Toml, Format::Json];

/// Far more than any of these takes, far less than a quadratic reader would.
const PATIENCE: Duration = Duration::from_secs(20);

#[track_caller]
fn refused(format: Format, bytes: &[u8], why: &str) {
    let begun = Instant::now();
    let error = parse_bytes(format, bytes).expect_err("must be refused").to_string();
    assert!(error.contains(why), "{format:?}: {}", error.chars().take(500).collect::<String>());
    assert!(error.len() < 100_000, "an error of {} bytes", error.len());
    assert!(begun.elapsed() < PATIENCE, "{format:?} took {:?}", begun.elapsed());
}

#[test]
fn deep_nesting_is_refused() {
    let many = 100_000;
    refused(Format::Json, "[".repeat(many).as_bytes(), "depth");
    refused(Format::Json, format!("{}{}", "[".repeat(100), "]".repeat(100)).as_bytes(), "nested deeper than 64 levels");
    refused(Format::Json, "{\"a\":".repeat(many).as_bytes(), "depth");
    refused(Format::Yaml, "[".repeat(many).as_bytes(), "");
    refused(Format::Yaml, "- ".repeat(many).as_bytes(), "nested deeper");
    refused(Format::Yaml, "a: {".repeat(many).as_bytes(), "");
    refused(Format::Yaml, "? ".repeat(many).as_bytes(), "");
    let steps: String = (0..1000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    refused(Format::Yaml, steps.as_bytes(), "nested deeper");
    refused(Format::Toml, format!("a = {}", "[".repeat(many)).as_bytes(), "not TOML");
    refused(Format::Toml, format!("a = {}", "{a=".repeat(many)).as_bytes(), "not TOML");
    refused(Format::Toml, format!("{}a = 1", "a.".repeat(many)).as_bytes(), "not TOML");
    refused(Format::Toml, format!("[{}a]", "a.".repeat(many)).as_bytes(), "not TOML");
}

#[test]
fn alias_bombs_are_refused() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for i in 1..10 {
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "));
    }
    refused(Format::Yaml, laughs.as_bytes(), "aliases make this file too large");
    let long = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 19), vec!["*a"; 1000].join(", "));
    refused(Format::Yaml, long.as_bytes(), "aliases make this file too large");
    let nested = format!("{}{}{}", "&a [".repeat(60), "x, ".repeat(100_000), "]".repeat(60));
    refused(Format::Yaml, nested.as_bytes(), "aliases make this file too large");
}

#[test]
fn large_files_are_refused_and_files_that_are_just_not_too_large_are_read_in_time() {
    let over = vec![b' '; FILE_MAX_BYTES as usize + 1];
    let fill = |one: &str| one.repeat((FILE_MAX_BYTES as usize - 64) / one.len());
    let long_key = "k".repeat(1 << 19);
    for format in FORMATS {
        refused(format, &over, "larger than 4 MiB");
    }
    refused(Format::Json, format!("[{}1]", fill("[],")).as_bytes(), "a map of keys");
    refused(Format::Json, format!("{{\"{long_key}\": [{}1]}}", "[],".repeat(1 << 20)).as_bytes(), "unknown key");
    refused(Format::Json, format!("{{{}\"a\":1}}", fill("\"a\":1,")).as_bytes(), "is written twice");
    refused(Format::Json, format!("\"{}", fill("x")).as_bytes(), "not JSON");
    refused(
        Format::Json,
        format!("{{\"policies\": {{\"p\": {{\"script\": \"a.js\", \"grants\": [\"{}\"]}}}}}}", fill("x")).as_bytes(),
        "policies.p.grants[0]",
    );
    refused(Format::Yaml, fill("- \n").as_bytes(), "a map of keys");
    refused(Format::Yaml, fill("a: 1\n").as_bytes(), "is written twice");
    refused(Format::Yaml, fill("- - - - - - - -\n").as_bytes(), "a map of keys");
    refused(Format::Yaml, format!("[{}]", fill("a, ")).as_bytes(), "a map of keys");
    refused(Format::Yaml, format!("\"{}", fill("x\n")).as_bytes(), "not YAML");
    refused(Format::Yaml, fill("? ").as_bytes(), "");
    refused(Format::Yaml, fill("a ").as_bytes(), "a map of keys");
    refused(Format::Yaml, fill("&a ").as_bytes(), "");
    refused(Format::Yaml, fill("!a ").as_bytes(), "");
    refused(Format::Yaml, fill("%x\n").as_bytes(), "");
    refused(Format::Toml, format!("a = [{}]", fill("[],")).as_bytes(), "unknown key");
    refused(Format::Toml, fill("[[a]]\n").as_bytes(), "unknown key");
    refused(Format::Toml, fill("[a]\n").as_bytes(), "not TOML");
    let distinct: String = (0..65_000).map(|i| format!("\"{i:055}\":1,")).collect();
    refused(Format::Json, format!("{{{distinct}\"a\":1}}").as_bytes(), "unknown key");
    let distinct: String = (0..250_000).map(|i| format!("k{i} = 1\n")).collect();
    refused(Format::Toml, distinct.as_bytes(), "unknown key");
}

#[test]
fn names_that_serve_compares_cost_little() {
    let items = format!("\"{}\",", "*a".repeat(32)).repeat(20_000);
    let names = |what: &str| -> String { (0..200).map(|i| format!("\"{}{i}\":{what},", "a".repeat(60))).collect() };
    let (servers, policies) = (names("{\"command\":\"x\"}"), names("{\"component\":\"x\"}"));
    let renames: String = (0..20_000).map(|i| format!("\"zz:t{i}\":\"n{i}\",")).collect();
    let text = format!(
        "{{\"servers\":{{{servers}}},\"policies\":{{{policies}}},\
         \"serve\":{{\"expose\":[{items}],\"names\":{{\"rename\":{{{renames}}}}}}}}}"
    );
    let begun = Instant::now();
    parse_bytes(Format::Json, text.as_bytes()).expect("it is right");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn bytes_that_are_no_text_are_refused_by_line() {
    for format in FORMATS {
        refused(format, b"\n\n\xff", "config:3: not UTF-8 text");
        refused(format, b"\xff\xfea\0", "not UTF-8");
        assert!(parse_bytes(format, b"a\0b").is_err());
    }
    refused(Format::Json, br#"{"journal": "a\u0000"}"#, "NUL");
    refused(Format::Json, br#"{"a\u0000": 1}"#, "NUL");
    refused(Format::Toml, b"journal = \"a\\u0000\"", "NUL");
    refused(Format::Yaml, b"journal: \"a\\0\"", "NUL");
}

/// Texts that come near to the grammar: pieces that mean something, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "servers",
        "mcpServers",
        "policies",
        "limits",
        "secrets",
        "serve",
        "expose",
        "names",
        "http",
        "tokens",
        "command",
        "url",
        "env",
        "tools",
        "type",
        "timeout",
        "orchestration",
        "retry",
        "breaker",
        "cache",
        "lazy",
        "rate_limit",
        "settings",
        "model",
        "approve",
        "20/s",
        "tollgate:",
        "${env:X}",
        "${",
        "}",
        "$${",
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "\"",
        "'",
        "|\n",
        ">\n",
        "&a ",
        "*a",
        "!!str ",
        "<<",
        "# ",
        "//",
        "/*",
        "*/",
        "=",
        " = ",
        ".",
        "[[",
        "]]",
        "1",
        "-1",
        "0x1",
        "1e999",
        "nan",
        "30s",
        "64MiB",
        "true",
        "null",
        "~",
        "x",
        "https://x.com",
        "\u{feff}",
        "\u{202e}",
        "é",
        "\t",
        "\r\n",
        "---\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in FORMATS {
            let _ = parse_bytes(format, &bytes);
        }
    }

    #[test]
    fn any_pieces_are_read_or_refused(text in pieces()) {
        for format in FORMATS {
            if let Err(error) = parse_bytes(format, text.as_bytes()) {
                for diagnostic in &error.errors {
                    prop_assert!(diagnostic.line.is_some_and(|line| line >= 1), "{diagnostic}");
                    prop_assert!(!diagnostic.to_string().contains('\n'), "one line each: {diagnostic:?}");
                }
            }
        }
    }

    #[test]
    fn a_broken_file_is_read_or_refused(pick in 0..crate::accepted::GOOD.len(), at in any::<prop::sample::Index>(), with in pieces()) {
        let (name, text) = crate::accepted::GOOD[pick];
        let at = (0..=at.index(text.len() + 1)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let _ = crate::read(name, &format!("{}{with}{}", &text[..at], &text[at..]));
    }
}
