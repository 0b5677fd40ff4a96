//! Every type: what JSON stands for which value, what is refused, and that the schema says the same.

use crate::tool;
use serde_json::{Value as Json, json};
use tollgate_component_tools::{Kind, Value, lift, lower, schema};

struct Of {
    shape: tollgate_component_tools::Shape,
    schema: jsonschema::Validator,
}

fn of(declarations: &str, ty: &str) -> Of {
    let shape = tool(declarations, &format!("func(x: {ty})")).params.remove(0).shape;
    let schema = jsonschema::draft202012::new(&schema(&shape)).expect("the schema is one");
    Of { shape, schema }
}

#[test]
fn every_type_takes_what_its_schema_takes() {
    let variant = "variant v { none, some-text(string), pair(tuple<u8, bool>) }";
    let s = |text: &str| Value::String(text.into());
    let some = |value| Value::Option(Some(Box::new(value)));
    // Declarations, type, (JSON, value, whether the value is lifted to the same JSON), JSON that is refused.
    #[allow(clippy::type_complexity)]
    let table: Vec<(&str, &str, Vec<(Json, Value, bool)>, Vec<Json>)> = vec![
        ("", "bool", vec![(json!(true), Value::Bool(true), true)], vec![json!(1), json!("true"), json!(null)]),
        (
            "",
            "u8",
            vec![(json!(255), Value::U8(255), true), (json!(1.0), Value::U8(1), false)],
            vec![json!(256), json!(-1), json!(1.5), json!("1"), json!(1e300), json!(null)],
        ),
        ("", "s8", vec![(json!(-128), Value::S8(-128), true)], vec![json!(128), json!(-129)]),
        ("", "u16", vec![(json!(65535), Value::U16(65535), true)], vec![json!(65536)]),
        ("", "s16", vec![(json!(-32768), Value::S16(-32768), true)], vec![json!(32768)]),
        ("", "u32", vec![(json!(4294967295_u32), Value::U32(u32::MAX), true)], vec![json!(4294967296_u64)]),
        ("", "s32", vec![(json!(i32::MIN), Value::S32(i32::MIN), true)], vec![json!(2147483648_u32)]),
        (
            "",
            "u64",
            vec![
                (json!(u64::MAX), Value::U64(u64::MAX), false),
                (json!("18446744073709551615"), Value::U64(u64::MAX), true),
                (json!("9007199254740992"), Value::U64(1 << 53), true),
                (json!(9007199254740991_u64), Value::U64((1 << 53) - 1), true),
                (json!("0"), Value::U64(0), false),
            ],
            vec![
                json!(-1),
                json!("-1"),
                json!("01"),
                json!(""),
                json!("+1"),
                json!("1.0"),
                json!(" 1"),
                json!(18446744073709551616.0),
            ],
        ),
        (
            "",
            "s64",
            vec![
                (json!("-9223372036854775808"), Value::S64(i64::MIN), true),
                (json!(-9007199254740991_i64), Value::S64(-(1 << 53) + 1), true),
                (json!(i64::MAX), Value::S64(i64::MAX), false),
            ],
            vec![json!("-0"), json!("--1"), json!(9223372036854775808_u64), json!("-")],
        ),
        (
            "",
            "f32",
            vec![
                (json!(0.1), Value::Float32(0.1), true),
                (json!(1), Value::Float32(1.0), false),
                (json!("-Infinity"), Value::Float32(f32::NEG_INFINITY), true),
                (json!(f64::from(f32::MAX)), Value::Float32(f32::MAX), true),
            ],
            vec![json!(1e39), json!("inf"), json!("1"), json!(null)],
        ),
        (
            "",
            "f64",
            vec![
                (json!(0.1), Value::Float64(0.1), true),
                (json!("Infinity"), Value::Float64(f64::INFINITY), true),
                (json!(1e308), Value::Float64(1e308), true),
            ],
            vec![json!("nan"), json!(true)],
        ),
        (
            "",
            "char",
            vec![(json!("ß"), Value::Char('ß'), true), (json!("🦀"), Value::Char('🦀'), true)],
            vec![json!(""), json!("ab"), json!(65)],
        ),
        ("", "string", vec![(json!("x\0y"), s("x\0y"), true), (json!(""), s(""), true)], vec![json!(1), json!(["x"])]),
        (
            "",
            "list<u8>",
            vec![
                (json!("AQL/"), Value::List(vec![Value::U8(1), Value::U8(2), Value::U8(255)]), true),
                (json!(""), Value::List(vec![]), true),
                (json!("AQ=="), Value::List(vec![Value::U8(1)]), true),
                (json!("AR=="), Value::List(vec![Value::U8(1)]), false),
            ],
            vec![json!([1, 2]), json!("AQ"), json!("AQ="), json!("A QI="), json!("-_-_"), json!("AQ==AQ==")],
        ),
        (
            "",
            "list<s8>",
            vec![(json!([1, -1]), Value::List(vec![Value::S8(1), Value::S8(-1)]), true)],
            vec![json!([200]), json!("AQI="), json!({})],
        ),
        (
            "",
            "tuple<u8, string>",
            vec![(json!([1, "a"]), Value::Tuple(vec![Value::U8(1), s("a")]), true)],
            vec![json!([1]), json!([1, "a", 2]), json!(["a", 1]), json!([])],
        ),
        (
            "record r { max-size: u8, note: option<string> }",
            "r",
            vec![
                (
                    json!({"max_size": 1, "note": "n"}),
                    Value::Record(vec![("max-size".into(), Value::U8(1)), ("note".into(), some(s("n")))]),
                    true,
                ),
                (
                    json!({"max_size": 1}),
                    Value::Record(vec![("max-size".into(), Value::U8(1)), ("note".into(), Value::Option(None))]),
                    false,
                ),
            ],
            vec![
                json!({"max-size": 1}),
                json!({"max_size": 1, "more": 1}),
                json!({"note": "n"}),
                json!([1]),
                json!(null),
            ],
        ),
        (
            "enum e { red, dark-blue }",
            "e",
            vec![(json!("dark_blue"), Value::Enum("dark-blue".into()), true)],
            vec![json!("dark-blue"), json!("Red"), json!(0), json!(null)],
        ),
        (
            "flags fs { can-read, write }",
            "fs",
            vec![
                (json!([]), Value::Flags(vec![]), true),
                (json!(["write", "can_read"]), Value::Flags(vec!["can-read".into(), "write".into()]), false),
                (json!(["can_read", "write"]), Value::Flags(vec!["can-read".into(), "write".into()]), true),
            ],
            vec![json!(["write", "write"]), json!(["x"]), json!("write"), json!({"write": true})],
        ),
        (
            variant,
            "v",
            vec![
                (json!("none"), Value::Variant("none".into(), None), true),
                (json!({"some_text": "x"}), Value::Variant("some-text".into(), Some(Box::new(s("x")))), true),
                (
                    json!({"pair": [1, true]}),
                    Value::Variant("pair".into(), Some(Box::new(Value::Tuple(vec![Value::U8(1), Value::Bool(true)])))),
                    true,
                ),
            ],
            vec![
                json!("some_text"),
                json!({"none": null}),
                json!({}),
                json!({"pair": [1]}),
                json!({"x": 1}),
                json!({"some_text": "x", "pair": [1, true]}),
                json!(null),
            ],
        ),
        (
            "",
            "option<u8>",
            vec![(json!(null), Value::Option(None), true), (json!(1), some(Value::U8(1)), true)],
            vec![json!("1"), json!({"some": 1})],
        ),
        (
            "",
            "option<option<bool>>",
            vec![
                (json!(null), Value::Option(None), true),
                (json!({"some": null}), some(Value::Option(None)), true),
                (json!({"some": true}), some(some(Value::Bool(true))), true),
            ],
            vec![json!(true), json!({}), json!({"some": 1}), json!({"some": true, "x": 1})],
        ),
        (
            "",
            "result<u8, string>",
            vec![
                (json!({"ok": 1}), Value::Result(Ok(Some(Box::new(Value::U8(1))))), true),
                (json!({"err": "no"}), Value::Result(Err(Some(Box::new(s("no"))))), true),
            ],
            vec![json!("ok"), json!(1), json!({"ok": 1, "err": "no"})],
        ),
        (
            "",
            "result",
            vec![(json!("ok"), Value::Result(Ok(None)), true), (json!("err"), Value::Result(Err(None)), true)],
            vec![json!({"ok": null}), json!(null)],
        ),
    ];
    for (declarations, ty, good, bad) in table {
        let of = of(declarations, ty);
        for (json, value, same) in good {
            assert_eq!(lower(&of.shape, &json).as_ref(), Ok(&value), "{ty}: {json}");
            assert!(of.schema.is_valid(&json), "{ty}: the schema refuses {json}");
            let lifted = lift(&of.shape, &value).unwrap();
            assert_eq!(lifted == json, same, "{ty}: {json} comes back as {lifted}");
            assert!(of.schema.is_valid(&lifted), "{ty}: the schema refuses what comes back, {lifted}");
        }
        for json in bad {
            assert!(lower(&of.shape, &json).is_err(), "{ty}: {json} is taken");
            assert!(!of.schema.is_valid(&json), "{ty}: the schema takes {json}");
        }
    }
}

#[test]
fn what_no_schema_can_say_is_said_by_lower() {
    let u64s = of("", "u64");
    let large = json!("18446744073709551616");
    assert!(u64s.schema.is_valid(&large));
    let error = lower(&u64s.shape, &large).unwrap_err();
    assert_eq!(error.message, "18446744073709551616 is out of range: from 0 to 18446744073709551615");

    let bytes = of("", "list<u8>");
    let error = lower(&bytes.shape, &json!("A".repeat(8 << 20))).unwrap_err();
    assert!(error.message.contains("more than 4194304 values in all"), "{}", error.message);
}

#[test]
fn nan_has_a_name() {
    for (ty, value) in [("f32", Value::Float32(f32::NAN)), ("f64", Value::Float64(f64::NAN))] {
        let of = of("", ty);
        assert_eq!(lift(&of.shape, &value), Ok(json!("NaN")));
        let back = lower(&of.shape, &json!("NaN")).unwrap();
        assert!(matches!(back, Value::Float32(f) if f.is_nan()) || matches!(back, Value::Float64(f) if f.is_nan()));
    }
}

#[test]
fn messages_say_what_is_wanted_and_where() {
    let tool = tool(
        "record p { x: u8 } variant v { a, b-c(p) } enum e { l, r }",
        "func(all: list<v>, way: e, opt: option<string>)",
    );
    let table = [
        (json!({"all": [], "way": "x"}), "/way", r#"one of l, r is wanted, not the string "x""#),
        (json!({"all": [{"b_c": {"x": 300}}], "way": "l"}), "/all/0/b_c/x", "300 is out of range: from 0 to 255"),
        (json!({"all": ["b_c"], "way": "l"}), "/all/0", r#"`b_c` carries a value: write {"b_c": …}"#),
        (json!({"all": [{"a": 1}], "way": "l"}), "/all/0", r#"`a` carries no value: write "a""#),
        (json!({"all": []}), "", "`way` is missing"),
        (json!({"all": [], "way": "l", "wya": 1}), "", r#"there is no member "wya"; there are: all, way, opt"#),
        (json!([]), "", "an object is wanted, not an array of 0"),
        (json!({"all": [], "way": "l", "opt": 1}), "/opt", "a string is wanted, not 1"),
    ];
    for (args, path, message) in table {
        let error = tool.lower(&args).unwrap_err();
        assert_eq!((error.path.as_str(), error.message.as_str()), (path, message), "{args}");
    }
}

#[test]
fn a_value_of_another_shape_is_a_mismatch_and_no_panic() {
    let of = of("record r { a: u8 }", "r");
    for value in [
        Value::Bool(true),
        Value::Record(vec![]),
        Value::Record(vec![("b".into(), Value::U8(1))]),
        Value::Record(vec![("a".into(), Value::Enum("x".into()))]),
    ] {
        assert!(lift(&of.shape, &value).is_err(), "{value:?}");
    }
    assert!(matches!(of.shape.kind, Kind::Record(_)));
}
