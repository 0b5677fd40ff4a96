//! Values of plain components, as Wasmtime has them.

use tollgate_component_tools::Value;
use wasmtime::component::Val;

pub(crate) fn to_val(value: Value) -> Val {
    let boxed = |value: Option<Box<Value>>| value.map(|value| Box::new(to_val(*value)));
    let all = |values: Vec<Value>| values.into_iter().map(to_val).collect();
    match value {
        Value::Bool(v) => Val::Bool(v),
        Value::S8(v) => Val::S8(v),
        Value::U8(v) => Val::U8(v),
        Value::S16(v) => Val::S16(v),
        Value::U16(v) => Val::U16(v),
        Value::S32(v) => Val::S32(v),
        Value::U32(v) => Val::U32(v),
        Value::S64(v) => Val::S64(v),
        Value::U64(v) => Val::U64(v),
        Value::Float32(v) => Val::Float32(v),
        Value::Float64(v) => Val::Float64(v),
        Value::Char(v) => Val::Char(v),
        Value::String(v) => Val::String(v),
        Value::List(v) => Val::List(all(v)),
        Value::Record(v) => Val::Record(v.into_iter().map(|(name, value)| (name, to_val(value))).collect()),
        Value::Tuple(v) => Val::Tuple(all(v)),
        Value::Variant(case, v) => Val::Variant(case, boxed(v)),
        Value::Enum(v) => Val::Enum(v),
        Value::Option(v) => Val::Option(boxed(v)),
        Value::Result(v) => Val::Result(v.map(boxed).map_err(boxed)),
        Value::Flags(v) => Val::Flags(v),
    }
}

/// # Errors
/// A resource, stream or future, which no tool's type has.
pub(crate) fn from_val(value: Val) -> wasmtime::Result<Value> {
    let boxed = |value: Option<Box<Val>>| value.map(|value| from_val(*value).map(Box::new)).transpose();
    let all = |values: Vec<Val>| values.into_iter().map(from_val).collect::<wasmtime::Result<Vec<_>>>();
    Ok(match value {
        Val::Bool(v) => Value::Bool(v),
        Val::S8(v) => Value::S8(v),
        Val::U8(v) => Value::U8(v),
        Val::S16(v) => Value::S16(v),
        Val::U16(v) => Value::U16(v),
        Val::S32(v) => Value::S32(v),
        Val::U32(v) => Value::U32(v),
        Val::S64(v) => Value::S64(v),
        Val::U64(v) => Value::U64(v),
        Val::Float32(v) => Value::Float32(v),
        Val::Float64(v) => Value::Float64(v),
        Val::Char(v) => Value::Char(v),
        Val::String(v) => Value::String(v),
        Val::List(v) => Value::List(all(v)?),
        Val::Record(v) => {
            let fields = v.into_iter().map(|(name, value)| Ok((name, from_val(value)?)));
            Value::Record(fields.collect::<wasmtime::Result<_>>()?)
        }
        Val::Tuple(v) => Value::Tuple(all(v)?),
        Val::Variant(case, v) => Value::Variant(case, boxed(v)?),
        Val::Enum(v) => Value::Enum(v),
        Val::Option(v) => Value::Option(boxed(v)?),
        Val::Result(Ok(v)) => Value::Result(Ok(boxed(v)?)),
        Val::Result(Err(v)) => Value::Result(Err(boxed(v)?)),
        Val::Flags(v) => Value::Flags(v),
        other => wasmtime::bail!("it returned a value that has no JSON: {other:?}"),
    })
}
