//! Components that nobody would build by accident.

use crate::{component, custom_section, tool};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tollgate_component_tools::{DecodeError, DeriveError, TYPES_MAX_NESTING, derive};

static REAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let wit = "package a:b; interface i {
        record r { a: u8, b: option<string> } variant v { x(r), y } flags f { a, b } enum e { q }
        resource s { m: func(); }
        f1: func(a: r, b: list<v>) -> result<tuple<f, e>, string>; f2: async func(s: borrow<s>); f3: func() -> stream<u8>;
    } world w { import i; export i; export g: func(x: char) -> f64; }";
    component(wit, true)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn bytes_that_were_changed_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = REAL.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = derive(&bytes);
    }

    #[test]
    fn bytes_that_were_cut_or_doubled_never_panic(from in any::<prop::sample::Index>(), length in 0..80_usize, times in 0..3_usize) {
        let mut bytes = REAL.clone();
        let from = from.index(bytes.len());
        let piece: Vec<_> = bytes.drain(from..(from + length).min(REAL.len())).collect();
        let pieces = piece.repeat(times);
        bytes.splice(from..from, pieces);
        let _ = derive(&bytes);
    }

    #[test]
    fn docs_of_any_kind_never_panic(docs in prop::collection::vec(any::<u8>(), 0..100), version in 0..3_u8) {
        let mut bytes = REAL.clone();
        let section: Vec<_> = [version].into_iter().chain(docs).collect();
        custom_section(&mut bytes, "package-docs", &section);
        let _ = derive(&bytes);
    }
}

fn leb(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

/// A component with one section of types.
fn types(content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
    bytes.extend(leb(content.len()));
    bytes.extend(content);
    bytes
}

/// One instance type in another, three bytes each: the parser calls itself for each.
fn nested(depth: usize) -> Vec<u8> {
    let mut content = vec![1];
    content.extend([0x42, 1, 1].repeat(depth));
    content.extend([0x42, 0]);
    types(&content)
}

#[test]
fn types_in_types_without_end_are_refused_and_overflow_no_stack() {
    let error = derive(&nested(TYPES_MAX_NESTING - 1)).unwrap_err();
    assert!(!matches!(error, DeriveError::Decode(DecodeError::TooMuch(_))), "{error}");
    for (depth, said) in [(TYPES_MAX_NESTING, "may nest 10001 deep"), (2_000_000, "bytes of types")] {
        let error = derive(&nested(depth)).unwrap_err();
        assert!(matches!(&error, DeriveError::Decode(DecodeError::TooMuch(text)) if text.contains(said)), "{error}");
    }
}

#[test]
fn types_that_unfold_without_end_are_refused() {
    // Each record holds the one before it four times: 4^7 fields from a few lines.
    let mut wit = "record r0 { a: u8 }".to_owned();
    for i in 1..8 {
        let before = i - 1;
        let _ = write!(wit, "record r{i} {{ a: r{before}, b: r{before}, c: r{before}, d: r{before} }}");
    }
    // About as large as WebAssembly allows one to be.
    let wit = format!("package a:b; interface i {{ {wit} f: func(x: list<r7>); g: func(); }} world w {{ export i; }}");
    let bytes = component(&wit, false);
    let start = Instant::now();
    let derived = derive(&bytes).unwrap();
    assert_eq!(derived.tools.len(), 1);
    assert!(derived.refused[0].reason.contains("more than 20000 types and fields"), "{}", derived.refused[0]);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn types_that_nest_deep_are_refused_by_function_and_parameter() {
    let nest = |depth: usize| format!("{}u16{}", "list<".repeat(depth), ">".repeat(depth));
    let wit = format!("package a:b; world w {{ export f: func(x: {}); export g: func(x: {}); }}", nest(31), nest(32));
    let derived = derive(&component(&wit, false)).unwrap();
    assert_eq!(derived.tools[0].name, "f");
    assert_eq!(derived.refused[0].to_string(), "g is no tool: the type of its parameter `x` nests deeper than 32");
}

#[test]
fn too_many_functions_are_refused() {
    let functions: String = (0..1_001).map(|i| format!("n{i}: func();")).collect();
    let wit = format!("package a:b; interface i {{ {functions} }} world w {{ export i; }}");
    assert_eq!(derive(&component(&wit, false)).unwrap_err(), DeriveError::TooMany(1_001));
}

#[test]
fn long_comments_are_cut() {
    let wit =
        format!("package a:b; interface i {{\n/// {}\nf: func();\n}} world w {{ export i; }}", "word ".repeat(2_000));
    let description = derive(&component(&wit, true)).unwrap().tools.remove(0).description;
    assert_eq!(description.chars().count(), 4_001);
}

#[test]
fn a_document_that_would_unfold_is_refused_before_it_has() {
    // A thousand optional members each, and a hundred thousand empty objects that leave all out.
    let fields: String = (0..1_000).map(|i| format!("n{i}: option<u8>,")).collect();
    let tool = tool(&format!("record r {{ {fields} }}"), "func(x: list<r>)");
    let many = serde_json::json!({"x": vec![serde_json::json!({}); 100_000]});
    let start = Instant::now();
    let error = tool.lower(&many).unwrap_err();
    assert!(error.message.contains("values in all"), "{}", error.message);
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// 60 KB of arguments became five gigabytes: each record has its fields' names, however long a component makes them.
#[test]
fn names_are_bounded_in_all_values_together() {
    let name = "a".repeat(60_000);
    let declarations = format!("record r {{ {name}: option<bool> }} enum e {{ {name} }}");
    let tool = tool(&declarations, "func(l: list<r>, m: list<e>)");
    let records = |n: usize| serde_json::json!({"l": vec![serde_json::json!({}); n], "m": []});
    assert!(tool.lower(&records(200)).is_ok());
    let refused = tool.lower(&records(30_000)).unwrap_err();
    assert!(refused.message.starts_with("the names of fields and cases come to more than"), "{}", refused.message);
    let cases = serde_json::json!({"l": [], "m": vec![name; 300]});
    assert!(tool.lower(&cases).is_err());
}
