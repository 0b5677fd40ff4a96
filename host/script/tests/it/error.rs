use proptest::prelude::*;
use tollgate_script::ScriptError;
use tollgate_script::error::excerpt;

fn error(class: &str, line: u32, column: u32) -> ScriptError {
    let data = serde_json::json!({"type": class, "line": line, "column": column, "trace": []}).to_string();
    ScriptError::read("x is undefined", Some(&data))
}

#[test]
fn an_error_is_shown_in_its_line() {
    let shown = error("TypeError", 2, 3).render("script.ts", "let a\n  x.y\n");
    assert_eq!(shown, "TypeError: x is undefined\n  script.ts:2:3\n    1 | let a\n  > 2 |   x.y\n      |   ^\n");
    let json = error("TypeError", 9, 1).to_json("one line");
    assert_eq!(json["excerpt"], serde_json::Value::Null);
    assert_eq!((json["type"].as_str(), json["line"].as_u64()), (Some("TypeError"), Some(9)));
}

#[test]
fn tabs_wide_and_hidden_characters_keep_the_mark_under_the_column() {
    assert_eq!(excerpt("\tx", 1, Some(2)), "  > 1 |     x\n      |     ^\n");
    assert_eq!(excerpt("\"日本\" x", 1, Some(6)), "  > 1 | \"日本\" x\n      |        ^\n");
    assert_eq!(excerpt("\u{202e}\u{1b}x", 1, Some(3)), "  > 1 | \\u{202e}\u{241b}x\n      |          ^\n");
    assert_eq!(excerpt("ab", 1, Some(99)), "  > 1 | ab\n      |   ^\n");
}

#[test]
fn a_long_line_is_cut_around_the_column() {
    let line = format!("{}HERE{}", "a".repeat(500_000), "b".repeat(500_000));
    let shown = excerpt(&line, 1, Some(500_001));
    let lines: Vec<&str> = shown.lines().collect();
    let at = lines[1].chars().count() - 1;
    assert_eq!(lines[0].chars().skip(at).take(4).collect::<String>(), "HERE");
    assert!(shown.len() < 400, "{shown}");
}

#[test]
fn what_an_interpreter_says_is_made_harmless() {
    let frames: Vec<_> =
        (0..5_000).map(|n| serde_json::json!({"function": "f\u{1b}[31m", "line": n, "column": "x"})).collect();
    let data = serde_json::json!({"type": ["no"], "line": -1, "column": 1e99, "trace": frames}).to_string();
    let error = ScriptError::read(&"\u{1b}[2J\r".repeat(10_000), Some(&data));
    assert_eq!((error.line, error.column, error.class.as_str(), error.trace.len()), (None, None, "", 32));
    let shown = error.render("x\n.js", "a");
    assert!(!shown.contains('\u{1b}') && shown.len() < 30_000);
    for data in ["", "[", "null", "[1]", "{\"trace\": 1}"] {
        assert_eq!(ScriptError::read("m", Some(data)).headline(), "m");
    }
}

proptest! {
    #[test]
    fn any_place_in_any_source_gives_a_bounded_excerpt(code in "(\\PC|[\\x00-\\x20]){0,200}", line in 0u32..9, column in prop::option::of(0u32..300)) {
        let shown = excerpt(&code, line, column);
        prop_assert!(shown.lines().count() <= 3);
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        prop_assert!(shown.lines().all(|line| line.chars().count() < 130));
    }
}
