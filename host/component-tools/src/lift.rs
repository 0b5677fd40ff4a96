//! From values to JSON.

use crate::schema::object;
use crate::shape::{Cases, Kind, Shape};
use crate::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

/// The greatest whole number up to which every JSON reader keeps all digits: 2^53 - 1.
const SAFE_MAX: i128 = (1 << 53) - 1;

/// A value is not of its type: a fault of the program that made it, not of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value is not of the type that the component declares")]
pub struct Mismatch;

/// The JSON document of a value. What it gives, [`lower`](crate::lower()) takes back as the same value, but for the
/// different kinds of NaN.
///
/// # Errors
/// [`Mismatch`] if the value has another shape.
pub fn lift(shape: &Shape, value: &Value) -> Result<Json, Mismatch> {
    Ok(match (&shape.kind, value) {
        (Kind::Bool, Value::Bool(value)) => json!(value),
        (Kind::Int(_), value) => integer(value).ok_or(Mismatch)?,
        (Kind::Float32, Value::Float32(value)) => float32(*value),
        (Kind::Float64, Value::Float64(value)) => float64(*value),
        (Kind::Char, Value::Char(value)) => json!(value),
        (Kind::String, Value::String(value)) => json!(value),
        (Kind::Bytes, Value::List(items)) => {
            let byte = |item: &Value| if let Value::U8(byte) = item { Ok(*byte) } else { Err(Mismatch) };
            Json::from(STANDARD.encode(items.iter().map(byte).collect::<Result<Vec<_>, _>>()?))
        }
        (Kind::List(item), Value::List(items)) => {
            Json::Array(items.iter().map(|value| lift(item, value)).collect::<Result<_, _>>()?)
        }
        (Kind::Tuple(shapes), Value::Tuple(items)) if shapes.len() == items.len() => {
            let items = shapes.iter().zip(items).map(|(shape, value)| lift(shape, value));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        (Kind::Record(fields), Value::Record(values)) if fields.len() == values.len() => {
            let members = fields.iter().zip(values).map(|(field, (name, value))| {
                if *name != field.name {
                    return Err(Mismatch);
                }
                Ok((field.json.clone(), lift(&field.shape, value)?))
            });
            Json::Object(members.collect::<Result<_, _>>()?)
        }
        (Kind::Option(_), Value::Option(None)) => Json::Null,
        (Kind::Option(inner), Value::Option(Some(value))) => {
            let some = lift(inner, value)?;
            if matches!(inner.kind, Kind::Option(_)) { json!({"some": some}) } else { some }
        }
        (Kind::Enum(cases), Value::Enum(name)) => json!(cases.named(name).ok_or(Mismatch)?.json),
        (Kind::Flags(cases), Value::Flags(names)) => {
            let name = |name: &String| cases.named(name).map(|case| Json::from(case.json.as_str())).ok_or(Mismatch);
            Json::Array(names.iter().map(name).collect::<Result<_, _>>()?)
        }
        (Kind::Variant(cases), Value::Variant(name, payload)) => case(cases, name, payload.as_deref())?,
        (Kind::Result(cases), Value::Result(Ok(payload))) => case(cases, "ok", payload.as_deref())?,
        (Kind::Result(cases), Value::Result(Err(payload))) => case(cases, "err", payload.as_deref())?,
        _ => return Err(Mismatch),
    })
}

fn case(cases: &Cases, name: &str, payload: Option<&Value>) -> Result<Json, Mismatch> {
    let case = cases.named(name).ok_or(Mismatch)?;
    match (&case.shape, payload) {
        (None, None) => Ok(json!(case.json)),
        (Some(shape), Some(payload)) => Ok(Json::Object(Map::from_iter([(case.json.clone(), lift(shape, payload)?)]))),
        _ => Err(Mismatch),
    }
}

fn integer(value: &Value) -> Option<Json> {
    let (number, json) = match *value {
        Value::S8(v) => (i128::from(v), json!(v)),
        Value::U8(v) => (v.into(), json!(v)),
        Value::S16(v) => (v.into(), json!(v)),
        Value::U16(v) => (v.into(), json!(v)),
        Value::S32(v) => (v.into(), json!(v)),
        Value::U32(v) => (v.into(), json!(v)),
        Value::S64(v) => (v.into(), json!(v)),
        Value::U64(v) => (v.into(), json!(v)),
        _ => return None,
    };
    Some(if number.abs() > SAFE_MAX { json!(number.to_string()) } else { json })
}

fn float64(value: f64) -> Json {
    // What JSON has no number for has a name.
    serde_json::Number::from_f64(value).map_or_else(|| json!(named(value)), Json::Number)
}

/// Written as short as it can be and still be read back: 0.1, not 0.10000000149011612.
fn float32(value: f32) -> Json {
    let exact = f64::from(value);
    let short: f64 = value.to_string().parse().unwrap_or(exact);
    #[allow(clippy::cast_possible_truncation)] // whether it comes back is what is asked
    let same = (short as f32).to_bits() == value.to_bits() && short.abs() <= f64::from(f32::MAX);
    float64(if same { short } else { exact })
}

fn named(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// The schema of what a tool answers, as MCP's structured content: an object, in any case.
pub(crate) fn output_schema(shape: &Shape) -> Json {
    match &shape.kind {
        Kind::Record(_) => crate::schema::schema(shape),
        _ => {
            let mut schema = object(&[]);
            if let Some(schema) = schema.as_object_mut() {
                // By it the tool's signature knows that the value stands in the member.
                schema.insert("title".to_owned(), "Output".into());
                schema.insert("properties".to_owned(), json!({"result": crate::schema::schema(shape)}));
                schema.insert("required".to_owned(), json!(["result"]));
            }
            schema
        }
    }
}

/// What a tool answers, as MCP's structured content.
pub(crate) fn output(shape: &Shape, value: &Value) -> Result<Json, Mismatch> {
    let json = lift(shape, value)?;
    Ok(if matches!(shape.kind, Kind::Record(_)) { json } else { json!({"result": json}) })
}
