use proptest::prelude::*;
use std::time::{Duration, Instant};
use tollgate_script::{Language, PrepareError, SOURCE_MAX_BYTES, prepare};

fn strip(code: &str) -> Result<String, PrepareError> {
    prepare(Language::TypeScript, code).map(|prepared| prepared.code)
}

#[test]
fn types_become_spaces_and_everything_else_stays_where_it_is() {
    assert_eq!(strip("const n: number = 1;\nreturn n;").unwrap(), "const n         = 1;\nreturn n;");
    assert_eq!(strip("let a = x as A;").unwrap(), "let a = x     ;");
    assert_eq!(
        strip("interface A {\n  b: string\n}\n1").unwrap().trim_start_matches([' ', ';']),
        "\n           \n \n1"
    );
    let code = "type R = { id: number };\nasync function f<T extends R>(x: T, y?: string): Promise<T> {\n  return x!;\n}\nconst r = await f<R>({ id: 1 });\nif (!r) return null;\nprint(`${(r as R).id}`);\nreturn r satisfies R;\n";
    let got = strip(code).unwrap();
    assert!(!got.contains("type R") && !got.contains("Promise") && !got.contains("satisfies"), "{got}");
    for word in ["function", "return x", "await f", "null", "print"] {
        let at = |text: &str| {
            text.lines().position(|line| line.contains(word)).map(|l| (l, text.lines().nth(l).unwrap().find(word)))
        };
        assert_eq!(at(&got), at(code), "{word}: {got}");
    }
}

#[test]
fn a_first_line_for_the_shell_leaves_an_empty_line() {
    for language in Language::ALL {
        let got = prepare(language, "\u{feff}#!/usr/bin/env x\r\n1\n").unwrap();
        assert_eq!(got.code, "\r\n1\n");
        assert_eq!(prepare(language, "#!x").unwrap().code, "");
    }
}

#[test]
fn what_is_more_than_types_is_told_with_its_line_and_what_to_write() {
    for (code, line, says) in [
        ("1;\nenum A { B }", 2, "as const"),
        ("namespace A { export const b = 1 }", 1, "object"),
        ("class A { constructor(private x: number) {} }", 1, "constructor"),
        ("\n\nlet x = <string>y;", 3, "as T"),
        ("import a = require('b');", 1, "global"),
    ] {
        match strip(code) {
            Err(PrepareError::Syntax(error)) => {
                assert!(error.line == line && error.message.contains(says), "{code}: {error}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn a_syntax_error_has_its_place() {
    match strip("const a = 1;\nconst b = (;\n") {
        Err(PrepareError::Syntax(error)) => assert_eq!((error.line, error.column), (2, 12), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_over_the_limit_is_refused() {
    for language in Language::ALL {
        let code = "x".repeat(SOURCE_MAX_BYTES + 1);
        assert!(matches!(prepare(language, &code), Err(PrepareError::TooLong { .. })));
    }
}

/// Each unit, repeated and then closed, as often as fits: it must end soon, one way or the other. An overflow would
/// end the test's process.
#[test]
fn no_nesting_overflows_the_host() {
    let cases: &[(&str, &str, &str)] = &[
        ("(", "1", ")"),
        ("[", "", "]"),
        ("{", "", "}"),
        ("x={a:", "1", "}"),
        ("function f(){", "", "}"),
        ("class A{m(){", "", "}}"),
        ("a=>", "1", ""),
        ("(a)=>", "1", ""),
        ("(a:number):number=>", "1", ""),
        ("(a=", "1", ")=>1"),
        ("a?", "1", ":1"),
        ("a?(", "1", "):1"),
        ("a?(b)=>", "1", ":1"),
        ("a?(b):c=>", "1", ""),
        ("async(", "1", ")"),
        ("<", "", ""),
        ("a<", "", ""),
        ("a<(", "", ""),
        ("let x:A<", "B", ">"),
        ("f<", "B", ">"),
        ("<T>", "x", ""),
        ("<T>(x=", "1", ")=>1"),
        ("<T,>(x:", "1", ")=>1"),
        ("type X=(a:", "B", ")=>C"),
        ("type X=A extends B?", "C", ":D"),
        ("type X={a:", "B", "}"),
        ("type X=B[]", "", "[]"),
        ("keyof ", "B", ""),
        ("!", "x", ""),
        ("typeof ", "x", ""),
        ("new ", "x", ""),
        ("await ", "x", ""),
        ("1+", "x", ""),
        ("1**", "x", ""),
        ("a.a", "", ".a"),
        ("a", "", "()"),
        ("a", "", "!"),
        ("a", "", " as T"),
        ("if(a)", "b", ""),
        ("if(a)b;else ", "b", ""),
        ("if(a){}else ", "b", ""),
        ("for(;;)", "b", ""),
        ("a:", "b", ""),
        ("do ", "x", " while(1)"),
        ("`${", "1", "}`"),
        ("a", "", "``"),
        ("a=", "1", ""),
        ("class extends ", "x", ""),
        ("@(", "x", ")"),
        ("@(class{", "", "})class{}"),
        ("import(", "x", ")"),
        ("a", "", "?.a"),
        ("a,", "a", ""),
        ("()=>{", "", "}"),
        ("(()=>{", "", "})()"),
        ("a\n/\"/;", "", "((("),
        ("let x\n/\"/;(", "1", ")"),
        ("1./(", "", ")/1"),
        ("}/(", "", ""),
        ("/[", "", ""),
        ("\"\\\n", "", ""),
        ("'", "", ""),
        ("/*", "", ""),
        ("\\u0028", "", ""),
        ("日(", "本", ")"),
        ("a\u{2028}(", "", ")"),
        ("<!--`\n(", "", ")"),
        ("switch(a){case ", "1:", "}"),
        ("new A<", "B", ">()"),
        ("a?.[", "1", "]"),
        ("-", "1", ""),
        ("...", "a", ""),
        ("a<b>(", "1", ")"),
        ("declare namespace A.A", "", ".A"),
    ];
    for (open, middle, close) in cases {
        for count in [20, 300, 100_000] {
            let count = count.min(SOURCE_MAX_BYTES / (open.len() + close.len() + 1) - 1);
            let code = open.repeat(count) + middle + &close.repeat(count);
            let began = Instant::now();
            for code in [code.as_str(), code.get(..code.len() / 2).unwrap_or_default()] {
                drop(strip(code));
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{open}…{close} × {count}: {:?}", began.elapsed());
        }
    }
}

/// Each `<` may begin type arguments, and the parser reads on for each: 1 MiB of such rows took it minutes.
#[test]
fn rows_of_comparisons_cost_little_however_many() {
    for (open, count) in [("a<", 1_000), ("a<b<", 400), ("a<[1,", 150), ("a<{b:1,", 100)] {
        let row = format!("{}1\n;", open.repeat(count));
        let code = row.repeat(SOURCE_MAX_BYTES / row.len());
        let began = Instant::now();
        drop(strip(&code));
        assert!(began.elapsed() < Duration::from_secs(20), "{open} × {count}: {:?}", began.elapsed());
    }
    let line = "const m: Map<string, Array<number>> = new Map<string, Array<number>>(); for (let i = 0; i < n; i++) { if (a < b && b < c) f<T>(i < 1 ? 1 : 2); }\n";
    let code = line.repeat(5_000);
    assert_eq!(strip(&code).unwrap().len(), code.len());
}

#[test]
fn a_long_plain_script_is_no_deep_one() {
    let line = "const {id, name = \"x\"}: {id: number; name?: string} = (await github.list_issues({repo: `a/${b}`, n: -1}))[0]!\nif (id > 3 && name !== \"/*\") { print(name.replace(/[\"/]+/g, \"\")) } else if (id / 2 > 1) { print(id / 2) }\n";
    let code = line.repeat(3_000);
    assert_eq!(strip(&code).unwrap().len(), code.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_stripped_or_refused_and_keeps_its_lines(parts in prop::collection::vec(prop::sample::select(vec![
        "a", "1", "'s'", "`t`", "`${", "}", "(", ")", "[", "]", "{", "<", ">", "/", "=>", "=", ":", "?", ";", "\n", ",", ".", "!",
        " as T", "type X=", "let x: A = ", "if(a)", " else ", "class A ", "function f", "//c\n", "/*c*/", "@", "async ", "\\", "日", "return ",
    ]), 0..60)) {
        let code = parts.concat();
        if let Ok(got) = strip(&code) {
            prop_assert_eq!(got.lines().count(), code.lines().count());
            prop_assert_eq!(got.encode_utf16().count(), code.encode_utf16().count());
        }
    }
}
