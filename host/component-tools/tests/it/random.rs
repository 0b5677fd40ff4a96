//! Random types, values and documents.

use crate::tools;
use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use tollgate_component_tools::{IntKind, Kind, Shape, Value, lift, lower, schema};

/// Types as WIT writes them, by name of what a component declares below.
const TYPES: &[&str] = &[
    "r",
    "v",
    "e",
    "fs",
    "list<r>",
    "option<option<list<v>>>",
    "tuple<u64, s64, f32, f64, char>",
    "result<v, r>",
    "list<tuple<option<u8>, string>>",
    "list<u8>",
    "option<result<_, e>>",
    "list<list<option<bool>>>",
    "tuple<s8, u16, s16, u32, s32>",
];
const DECLARED: &str = "
    enum e { red, dark-blue, a1 }
    flags fs { one, two-three, four }
    record inner { id: u64, tags: list<string>, at: option<f64> }
    record r { name: string, kind: e, may: fs, deep: inner, raw: list<u8>, maybe: option<inner> }
    variant v { nothing, text(string), both(tuple<u8, e>), rec(inner), opt(option<u8>) }
";

fn shapes() -> Vec<(String, Shape)> {
    let functions: Vec<_> = TYPES.iter().enumerate().map(|(i, ty)| format!("f{i}: func(x: {ty});")).collect();
    let wit = format!("package a:b; interface i {{ {DECLARED} {} }} world w {{ export i; }}", functions.join("\n"));
    let derived = tools(&wit);
    assert_eq!(derived.tools.len(), TYPES.len());
    derived.tools.into_iter().map(|mut tool| (tool.export.to_string(), tool.params.remove(0).shape)).collect()
}

fn value(shape: &Shape) -> BoxedStrategy<Value> {
    let payload = |shape: &Option<Shape>| match shape {
        Some(shape) => value(shape).prop_map(|v| Some(Box::new(v))).boxed(),
        None => Just(None).boxed(),
    };
    match &shape.kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int(kind) => match kind {
            IntKind::S8 => any::<i8>().prop_map(Value::S8).boxed(),
            IntKind::U8 => any::<u8>().prop_map(Value::U8).boxed(),
            IntKind::S16 => any::<i16>().prop_map(Value::S16).boxed(),
            IntKind::U16 => any::<u16>().prop_map(Value::U16).boxed(),
            IntKind::S32 => any::<i32>().prop_map(Value::S32).boxed(),
            IntKind::U32 => any::<u32>().prop_map(Value::U32).boxed(),
            IntKind::S64 => any::<i64>().prop_map(Value::S64).boxed(),
            IntKind::U64 => any::<u64>().prop_map(Value::U64).boxed(),
        },
        // Every bit pattern but those of NaN, which is not equal to itself.
        Kind::Float32 => {
            any::<u32>().prop_map(f32::from_bits).prop_filter("NaN", |f| !f.is_nan()).prop_map(Value::Float32).boxed()
        }
        Kind::Float64 => {
            any::<u64>().prop_map(f64::from_bits).prop_filter("NaN", |f| !f.is_nan()).prop_map(Value::Float64).boxed()
        }
        Kind::Char => any::<char>().prop_map(Value::Char).boxed(),
        Kind::String => any::<String>().prop_map(Value::String).boxed(),
        Kind::Bytes => prop::collection::vec(any::<u8>().prop_map(Value::U8), 0..9).prop_map(Value::List).boxed(),
        Kind::List(item) => prop::collection::vec(value(item), 0..4).prop_map(Value::List).boxed(),
        Kind::Tuple(items) => items.iter().map(value).collect::<Vec<_>>().prop_map(Value::Tuple).boxed(),
        Kind::Record(fields) => {
            let names: Vec<_> = fields.iter().map(|f| f.name.clone()).collect();
            let values: Vec<_> = fields.iter().map(|f| value(&f.shape)).collect();
            values.prop_map(move |values| Value::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
        Kind::Option(inner) => prop::option::of(value(inner)).prop_map(|v| Value::Option(v.map(Box::new))).boxed(),
        Kind::Enum(cases) => {
            let names: Vec<_> = cases.iter().map(|c| c.name.clone()).collect();
            prop::sample::select(names).prop_map(Value::Enum).boxed()
        }
        Kind::Flags(cases) => {
            let names: Vec<_> = cases.iter().map(|c| c.name.clone()).collect();
            let count = names.len();
            prop::sample::subsequence(names, 0..=count).prop_map(Value::Flags).boxed()
        }
        Kind::Variant(cases) => {
            let all: Vec<_> = cases
                .iter()
                .map(|case| {
                    let name = case.name.clone();
                    payload(&case.shape).prop_map(move |p| Value::Variant(name.clone(), p)).boxed()
                })
                .collect();
            prop::strategy::Union::new(all).boxed()
        }
        Kind::Result(cases) => {
            let of = |name: &str| payload(&cases.named(name).unwrap().shape);
            prop_oneof![of("ok").prop_map(|p| Value::Result(Ok(p))), of("err").prop_map(|p| Value::Result(Err(p)))]
                .boxed()
        }
    }
}

/// Changes one place of a document into something else.
fn mutated(mut json: Json, mut at: usize, new: &Json) -> Json {
    fn go(json: &mut Json, at: &mut usize, new: &Json) -> bool {
        if *at == 0 {
            *json = new.clone();
            return true;
        }
        *at -= 1;
        match json {
            Json::Array(items) => items.iter_mut().any(|item| go(item, at, new)),
            Json::Object(members) => members.values_mut().any(|member| go(member, at, new)),
            _ => false,
        }
    }
    go(&mut json, &mut at, new);
    json
}

fn other() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-300..300_i32).prop_map(Json::from),
        any::<f64>().prop_map(|f| json!(f)),
        (-300..300_i32).prop_map(|i| json!(f64::from(i))),
        "[A-Za-z0-9+/=]{0,8}".prop_map(Json::from),
        "-?[0-9]{1,18}".prop_map(Json::from),
        any::<char>().prop_map(|c| json!(c)),
        prop::sample::select(vec!["red", "dark_blue", "one", "two_three", "ok", "err", "nothing", "NaN"])
            .prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name =
            prop::sample::select(vec!["id", "tags", "at", "name", "text", "both", "opt", "some", "ok", "err", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((name, inner), 0..3)
                .prop_map(|m| m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Json>()),
        ]
    })
}

#[test]
fn lowering_what_was_lifted_gives_the_value_back_and_the_schema_takes_it() {
    for (name, shape) in shapes() {
        let validator = jsonschema::draft202012::new(&schema(&shape)).unwrap();
        let mut runner = TestRunner::new(Config::with_cases(150));
        let run = runner.run(&value(&shape), |value| {
            let json = lift(&shape, &value).unwrap();
            prop_assert!(validator.is_valid(&json), "the schema refuses {}", json);
            // Through text, as it travels.
            let json: Json = serde_json::from_str(&json.to_string()).unwrap();
            prop_assert_eq!(lower(&shape, &json), Ok(value));
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_schema_and_lower_take_the_same_documents() {
    for (name, shape) in shapes() {
        let validator = jsonschema::draft202012::new(&schema(&shape)).unwrap();
        let mut runner = TestRunner::new(Config::with_cases(400));
        let documents = (value(&shape), 0..12_usize, other());
        let (mut taken, mut refused) = (0, 0);
        let run = runner.run(&documents, |(value, at, new)| {
            let json = mutated(lift(&shape, &value).unwrap(), at, &new);
            let lowered = lower(&shape, &json);
            prop_assert_eq!(lowered.is_ok(), validator.is_valid(&json), "{}: {:?}", json, lowered);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{name}: {error}"));
        // That both answers occur is part of what is claimed.
        let mut runner = TestRunner::deterministic();
        for _ in 0..200 {
            let (value, at, new) = documents.new_tree(&mut runner).unwrap().current();
            match lower(&shape, &mutated(lift(&shape, &value).unwrap(), at, &new)) {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(taken > 10 && refused > 10, "{name}: {taken} taken, {refused} refused");
    }
}
