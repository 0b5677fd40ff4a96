//! Arguments that nearly fit a type, made of a few bytes.

use serde_json::{Map, Value, json};
use tollgate_component_tools::{Cases, ComponentTool, IntKind, Kind, Shape, lift, lower};

/// Bytes that decide, one by one; then zeros, which end every list.
pub(crate) struct Choices<'d>(std::slice::Iter<'d, u8>);

impl<'d> Choices<'d> {
    pub(crate) fn new(bytes: &'d [u8]) -> Self {
        Self(bytes.iter())
    }

    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn one_of<'t, T>(&mut self, list: &'t [T]) -> Option<&'t T> {
        list.get(usize::from(self.next()).checked_rem(list.len())?)
    }
}

/// Makes arguments for a tool. What fits must come back as it is written, and be taken again as the same.
pub(crate) fn call(tool: &ComponentTool, choices: &mut Choices<'_>) {
    let mut args = Map::new();
    for field in &tool.params {
        let argument = document(&field.shape, choices);
        round_trip(&field.shape, &argument);
        if choices.next() != 7 {
            args.insert(field.json.clone(), argument);
        }
    }
    drop(tool.lower(&args.into()));
    if let Some(shape) = &tool.result {
        let result = document(shape, choices);
        if let Ok(value) = lower(shape, &result) {
            assert!(tool.lift(Some(&value)).is_ok(), "{result}");
        }
    }
    drop(tool.lift(None));
}

fn round_trip(shape: &Shape, json: &Value) {
    let Ok(value) = lower(shape, json) else { return };
    let written = lift(shape, &value);
    assert!(written.is_ok(), "{json}");
    let Ok(written) = written else { return };
    let again = lower(shape, &written).map(|value| lift(shape, &value));
    // NaN is not equal to itself, and its text is.
    assert_eq!(again, Ok(Ok(written)), "{json}");
}

fn document(shape: &Shape, choices: &mut Choices<'_>) -> Value {
    // Now and then what fits nothing, or something else.
    if choices.next() == 255 {
        let odd = [json!(null), json!(-1), json!(1e300), json!("x"), json!([[]]), json!({"some": null}), json!(true)];
        return choices.one_of(&odd).cloned().unwrap_or_default();
    }
    let several = |choices: &mut Choices<'_>| usize::from(choices.next() % 4);
    match &shape.kind {
        Kind::Bool => json!(choices.next() % 2 == 1),
        Kind::Int(kind) => integer(*kind, choices),
        Kind::Float32 | Kind::Float64 => {
            let floats =
                [json!(0), json!(-0.0), json!(0.1), json!(3.5e38), json!(5e-324), json!("NaN"), json!("-Infinity")];
            choices.one_of(&floats).cloned().unwrap_or_default()
        }
        Kind::Char => json!(char::from(choices.next()).to_string()),
        Kind::String => {
            let length = several(choices);
            json!((0..length).map(|_| char::from(choices.next())).collect::<String>())
        }
        Kind::Bytes => choices
            .one_of(&["", "AA==", "AB==", "AAA=", "AAAA", "A", "=", "A A="])
            .map(|text| json!(text))
            .unwrap_or_default(),
        Kind::List(item) => {
            let length = several(choices);
            (0..length).map(|_| document(item, choices)).collect()
        }
        Kind::Tuple(shapes) => shapes.iter().map(|shape| document(shape, choices)).collect(),
        Kind::Record(fields) => {
            let mut members = Map::new();
            for field in fields {
                let member = document(&field.shape, choices);
                if !field.is_optional() || choices.next() % 2 == 1 {
                    members.insert(field.json.clone(), member);
                }
            }
            members.into()
        }
        Kind::Option(inner) => match (choices.next() % 2, &inner.kind) {
            (0, _) => Value::Null,
            (_, Kind::Option(_)) => json!({"some": document(inner, choices)}),
            _ => document(inner, choices),
        },
        Kind::Enum(cases) => case(cases, choices),
        Kind::Flags(cases) => {
            let names = cases.iter().take(64).filter(|_| choices.next() % 2 == 1).map(|case| json!(case.json));
            names.collect()
        }
        Kind::Variant(cases) | Kind::Result(cases) => case(cases, choices),
    }
}

fn case(cases: &Cases, choices: &mut Choices<'_>) -> Value {
    let cases: Vec<_> = cases.iter().take(256).collect();
    let Some(case) = choices.one_of(&cases) else { return Value::Null };
    match &case.shape {
        None => json!(case.json),
        Some(shape) => {
            let payload = document(shape, choices);
            Value::Object(Map::from_iter([(case.json.clone(), payload)]))
        }
    }
}

fn integer(kind: IntKind, choices: &mut Choices<'_>) -> Value {
    let (least, greatest) = kind.range();
    let number = match choices.next() % 6 {
        0 => 0,
        1 => least,
        2 => greatest,
        3 => greatest + 1,
        4 => (1 << 53) + 1,
        _ => i128::from(choices.next()),
    };
    if kind.is_wide() && choices.next() % 2 == 1 {
        return json!(number.to_string());
    }
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => json!(number),
        (_, Ok(number)) => json!(number),
        _ => json!(number as f64),
    }
}
