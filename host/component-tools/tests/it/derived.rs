//! Names, descriptions, what is a tool and what is not.

use crate::{component, tool, tools};
use serde_json::json;
use tollgate_component_tools::{DeriveError, Output, Value, derive};

const CALCULATOR: &str = r#"
    package acme:math@1.2.0;

    /// Sums.
    interface calc {
        /// How to round.
        enum rounding {
            /// To the next whole number below.
            down,
            up,
        }
        /// What to add up.
        record job {
            /// The numbers.
            numbers: list<f64>,
            /// Unless given, nothing is rounded.
            round-to: option<rounding>,
        }
        /// Adds numbers up.
        ///
        /// The second paragraph.
        sum-all: func(the-job: job) -> result<f64, string>;
        slow: async func();
    }

    world w {
        export calc;
        /// Says hello.
        export greet: func(name: string) -> string;
        export wasi:cli/run@0.2.6;
    }
"#;

#[test]
fn a_component_becomes_tools_with_names_schemas_and_docs() {
    let derived = tools(CALCULATOR);
    assert!(derived.refused.is_empty(), "{:?}", derived.refused);
    let names: Vec<_> = derived.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["calc_slow", "calc_sum_all", "greet"], "what is WASI's is no tool");

    let [slow, sum, greet] = &derived.tools[..] else { panic!() };
    assert_eq!(greet.description, "Says hello.");
    assert_eq!(greet.output_schema.as_ref().unwrap()["properties"]["result"], json!({"type": "string"}));
    assert_eq!(greet.export.to_string(), "greet");
    assert!(slow.is_async && slow.output_schema.is_none());
    assert_eq!(slow.description, "Calls the function `acme:math/calc@1.2.0#slow`.");
    assert_eq!(slow.input_schema, json!({"type": "object", "properties": {}, "additionalProperties": false}));

    assert_eq!(sum.description, "Adds numbers up.\n\nThe second paragraph.");
    assert_eq!(sum.export.instance.as_deref(), Some("acme:math/calc@1.2.0"));
    let number = json!({"anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]});
    assert_eq!(
        sum.input_schema,
        json!({
            "type": "object",
            "properties": {
                "the_job": {
                    "type": "object",
                    "description": "What to add up.",
                    "properties": {
                        "numbers": {"type": "array", "items": number, "description": "The numbers."},
                        "round_to": {
                            "anyOf": [
                                {
                                    "type": "string",
                                    "enum": ["down", "up"],
                                    "description": "How to round.\n\n- `down`: To the next whole number below.",
                                },
                                {"type": "null"},
                            ],
                            "description": "Unless given, nothing is rounded.",
                        },
                    },
                    "required": ["numbers"],
                    "additionalProperties": false,
                },
            },
            "required": ["the_job"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn a_call_goes_in_and_comes_out() {
    let derived = tools(CALCULATOR);
    let sum = &derived.tools[1];
    let values = sum.lower(&json!({"the_job": {"numbers": [1, 2.5]}})).unwrap();
    let numbers = Value::List(vec![Value::Float64(1.0), Value::Float64(2.5)]);
    let job = Value::Record(vec![("numbers".into(), numbers), ("round-to".into(), Value::Option(None))]);
    assert_eq!(values, [job]);
    let ok = Value::Result(Ok(Some(Box::new(Value::Float64(3.5)))));
    assert_eq!(sum.lift(Some(&ok)), Ok(Output::Ok(Some(json!({"result": 3.5})))));
    let err = Value::Result(Err(Some(Box::new(Value::String("no".into())))));
    assert_eq!(sum.lift(Some(&err)), Ok(Output::Err(Some(json!("no")))));
    assert!(sum.lift(None).is_err() && sum.lift(Some(&Value::Bool(true))).is_err());
    assert_eq!(derived.tools[0].lift(None), Ok(Output::Ok(None)));

    let error = sum.lower(&json!({"the_job": {"numbers": [1, "x"]}})).unwrap_err();
    assert_eq!(error.path, "/the_job/numbers/1");
    assert_eq!(error.message, r#"a number, or "NaN", "Infinity", "-Infinity", is wanted, not the string "x""#);
}

#[test]
fn a_component_without_docs_and_one_with_broken_docs_work_as_well() {
    for docs in [
        None,
        Some(&b"\x01{}"[..]),
        Some(b"\x09{}"),
        Some(b"\x01not json"),
        Some(b""),
        Some(b"\x01{\"interfaces\":[]}"),
    ] {
        let mut bytes = component(CALCULATOR, false);
        if let Some(docs) = docs {
            crate::custom_section(&mut bytes, "package-docs", docs);
        }
        let derived = derive(&bytes).unwrap();
        assert_eq!(derived.tools[2].description, "Calls the function `greet`.");
    }
}

#[test]
fn docs_of_an_inline_interface_are_found_too() {
    let wit = "package a:b; world w { export things: interface {
        /// Makes one.
        make: func();
    } }";
    let derived = tools(wit);
    assert_eq!((derived.tools[0].name.as_str(), derived.tools[0].description.as_str()), ("things_make", "Makes one."));
}

#[test]
fn what_has_no_json_is_refused_by_function_and_parameter_and_the_rest_is_offered() {
    let derived = tools(
        "package a:b; interface i {
            resource thing { constructor(); use-it: func(); make: static func() -> thing; }
            type alias = option<borrow<thing>>;
            take: func(what: borrow<thing>);
            nested: func(ok: u8, all: list<tuple<u8, alias>>);
            give: func() -> result<own<thing>>;
            wait: func(on: future<u8>);
            flow: func() -> stream<u8>;
            fine: func() -> u8;
        } world w { export i; }",
    );
    assert_eq!(derived.tools.len(), 1);
    let mut said: Vec<_> = derived.refused.iter().map(ToString::to_string).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "a:b/i#[constructor]thing is no tool: it belongs to a resource, which nothing can hold between two calls",
            "a:b/i#[method]thing.use-it is no tool: it belongs to a resource, which nothing can hold between two calls",
            "a:b/i#[static]thing.make is no tool: it belongs to a resource, which nothing can hold between two calls",
            "a:b/i#flow is no tool: its result holds a stream, which cannot be written as JSON",
            "a:b/i#give is no tool: its result holds a resource, which cannot be written as JSON",
            "a:b/i#nested is no tool: its parameter `all` holds a resource, which cannot be written as JSON",
            "a:b/i#take is no tool: its parameter `what` holds a resource, which cannot be written as JSON",
            "a:b/i#wait is no tool: its parameter `on` holds a future, which cannot be written as JSON",
        ]
    );
}

#[test]
fn a_component_without_a_function_says_so() {
    let error = derive(&component("package a:b; world w { export wasi:cli/run@0.2.6; }", true)).unwrap_err();
    assert_eq!(error.to_string(), "this component exports no function that can be a tool");
    let only = "package a:b; world w { export f: func(x: stream<u8>); }";
    let DeriveError::None(refused) = derive(&component(only, true)).unwrap_err() else { panic!() };
    assert_eq!(refused.len(), 1);
    assert!(matches!(derive(b"\0asm\x01\0\0\0"), Err(DeriveError::Decode(_))));
    assert!(matches!(derive(b""), Err(DeriveError::Decode(_))));
}

#[test]
fn an_answer_that_is_a_record_is_the_structured_content_itself() {
    let tool = tool("record r { a-b: u8 }", "func() -> result<r>");
    assert_eq!(tool.output_schema.as_ref().unwrap()["required"], json!(["a_b"]));
    let record = Value::Record(vec![("a-b".into(), Value::U8(1))]);
    let returned = Value::Result(Ok(Some(Box::new(record))));
    assert_eq!(tool.lift(Some(&returned)), Ok(Output::Ok(Some(json!({"a_b": 1})))));
    assert_eq!(tool.lift(Some(&Value::Result(Err(None)))), Ok(Output::Err(None)));
}

#[test]
fn the_schemas_of_a_whole_tool_hold_its_arguments_and_its_answers() {
    let derived = tools(CALCULATOR);
    for tool in &derived.tools {
        let input = jsonschema::draft202012::new(&tool.input_schema).unwrap();
        for args in [
            json!({}),
            json!({"name": "x"}),
            json!({"name": 1}),
            json!({"the_job": {"numbers": []}}),
            json!([]),
            json!(null),
        ] {
            assert_eq!(input.is_valid(&args), tool.lower(&args).is_ok(), "{}: {args}", tool.name);
        }
    }
    let sum = &derived.tools[1];
    let output = jsonschema::draft202012::new(sum.output_schema.as_ref().unwrap()).unwrap();
    let Ok(Output::Ok(Some(json))) = sum.lift(Some(&Value::Result(Ok(Some(Box::new(Value::Float64(f64::NAN)))))))
    else {
        panic!()
    };
    assert!(output.is_valid(&json), "{json}");
    assert!(!output.is_valid(&json!({})) && !output.is_valid(&json!({"result": 1, "more": 1})));
}
