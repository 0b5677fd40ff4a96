//! From JSON to values.

use crate::shape::{Case, Cases, Field, IntKind, Kind, Shape};
use crate::value::Value;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::fmt::Write as _;
use tollgate_core::Violation;

/// The most values that one document may become; every byte of a `list<u8>` is one.
pub const VALUES_MAX: usize = 1 << 22;

/// The most bytes of names that one document may become: each record has those of its fields, and a component chooses how long they are.
pub const NAMES_MAX_BYTES: usize = 16 << 20;

/// As the schema's pattern says it: padded; the bits that the last digit has too many may be anything.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The value that a JSON document stands for.
///
/// # Errors
/// The first thing in it that does not fit, with the place.
pub fn lower(shape: &Shape, json: &Json) -> Result<Value, Violation> {
    Walk::default().shape(shape, json)
}

/// The values of parameters, from an object of arguments.
pub(crate) fn lower_fields(fields: &[Field], json: &Json) -> Result<Vec<(String, Value)>, Violation> {
    Walk::default().fields(fields, json)
}

#[derive(Default)]
struct Walk {
    /// A JSON Pointer (RFC 6901) to where it is.
    path: String,
    made: usize,
    name_bytes: usize,
}

/// How deep this recurses is the shape's depth, which is bounded, whatever the document's is.
impl Walk {
    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, Violation> {
        Err(Violation { path: self.path.clone(), message: message.into() })
    }

    fn wanted<T>(&self, what: &str, json: &Json) -> Result<T, Violation> {
        self.refuse(format!("{what} is wanted, not {}", kind_of(json)))
    }

    fn count(&mut self, more: usize) -> Result<(), Violation> {
        self.made = self.made.saturating_add(more);
        if self.made > VALUES_MAX {
            return self.refuse(format!("more than {VALUES_MAX} values in all; send less at once"));
        }
        Ok(())
    }

    /// A name of the component's, for one value.
    fn name(&mut self, name: &str) -> Result<String, Violation> {
        self.name_bytes = self.name_bytes.saturating_add(name.len());
        if self.name_bytes > NAMES_MAX_BYTES {
            return self.refuse(format!(
                "the names of fields and cases come to more than {NAMES_MAX_BYTES} bytes in all; send less at once"
            ));
        }
        Ok(name.to_owned())
    }

    fn at<T>(
        &mut self,
        step: impl std::fmt::Display,
        go: impl FnOnce(&mut Self) -> Result<T, Violation>,
    ) -> Result<T, Violation> {
        let length = self.path.len();
        // Writing to a string cannot fail. Names of WIT need no escapes in a pointer.
        let _ = write!(self.path, "/{step}");
        let done = go(self)?;
        self.path.truncate(length);
        Ok(done)
    }

    fn shape(&mut self, shape: &Shape, json: &Json) -> Result<Value, Violation> {
        self.count(1)?;
        match &shape.kind {
            Kind::Bool => json.as_bool().map_or_else(|| self.wanted("true or false", json), |b| Ok(Value::Bool(b))),
            Kind::Int(kind) => self.integer(*kind, json),
            Kind::Float32 => {
                let float = self.float(json)?;
                if float.is_finite() && float.abs() > f64::from(f32::MAX) {
                    return self.refuse(format!("a number of 32 bits is wanted: at most {:e}", f32::MAX));
                }
                #[allow(clippy::cast_possible_truncation)] // it rounds, which is what the type is
                Ok(Value::Float32(float as f32))
            }
            Kind::Float64 => self.float(json).map(Value::Float64),
            Kind::Char => {
                let mut chars = json.as_str().unwrap_or_default().chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => Ok(Value::Char(one)),
                    _ => self.wanted("a string of one character", json),
                }
            }
            Kind::String => match json.as_str() {
                Some(text) => Ok(Value::String(text.to_owned())),
                None => self.wanted("a string", json),
            },
            Kind::Bytes => self.bytes(json),
            Kind::List(item) => {
                let Some(items) = json.as_array() else { return self.wanted("an array", json) };
                let items = items.iter().enumerate().map(|(i, json)| self.at(i, |walk| walk.shape(item, json)));
                items.collect::<Result<_, _>>().map(Value::List)
            }
            Kind::Tuple(shapes) => match json.as_array() {
                Some(items) if items.len() == shapes.len() => {
                    let items = shapes.iter().zip(items).enumerate();
                    let items = items.map(|(i, (shape, json))| self.at(i, |walk| walk.shape(shape, json)));
                    items.collect::<Result<_, _>>().map(Value::Tuple)
                }
                Some(items) => self.refuse(format!("{} items are wanted, not {}", shapes.len(), items.len())),
                None => self.wanted(&format!("an array of {}", shapes.len()), json),
            },
            Kind::Record(fields) => self.fields(fields, json).map(Value::Record),
            Kind::Option(inner) => self.option(inner, json),
            Kind::Enum(cases) => match json.as_str().and_then(|name| cases.in_json(name)) {
                Some((_, case)) => self.name(&case.name).map(Value::Enum),
                None => self.refuse(one_of(cases, json)),
            },
            Kind::Flags(cases) => self.flags(cases, json),
            Kind::Variant(cases) => {
                let (case, payload) = self.case(cases, json)?;
                Ok(Value::Variant(self.name(&case.name)?, payload))
            }
            Kind::Result(cases) => {
                let (case, payload) = self.case(cases, json)?;
                Ok(Value::Result(if case.name == "ok" { Ok(payload) } else { Err(payload) }))
            }
        }
    }

    fn fields(&mut self, fields: &[Field], json: &Json) -> Result<Vec<(String, Value)>, Violation> {
        let Some(members) = json.as_object() else { return self.wanted("an object", json) };
        let mut known = 0;
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let member = members.get(&field.json);
            known += usize::from(member.is_some());
            let value = match member {
                Some(member) => self.at(&field.json, |walk| walk.shape(&field.shape, member))?,
                None if field.is_optional() => {
                    self.count(1)?;
                    Value::Option(None)
                }
                None => return self.refuse(format!("`{}` is missing", field.json)),
            };
            values.push((self.name(&field.name)?, value));
        }
        if known < members.len() {
            return self.refuse(unknown_member(fields, members));
        }
        Ok(values)
    }

    fn option(&mut self, inner: &Shape, json: &Json) -> Result<Value, Violation> {
        if json.is_null() {
            return Ok(Value::Option(None));
        }
        let some = match inner.kind {
            Kind::Option(_) => match json.as_object().map(|object| (object.len(), object.get("some"))) {
                Some((1, Some(some))) => self.at("some", |walk| walk.shape(inner, some))?,
                _ => return self.wanted("null, or an object with the one member `some`,", json),
            },
            _ => self.shape(inner, json)?,
        };
        Ok(Value::Option(Some(Box::new(some))))
    }

    fn flags(&mut self, cases: &Cases, json: &Json) -> Result<Value, Violation> {
        let Some(items) = json.as_array() else { return self.wanted("an array of strings", json) };
        self.count(items.len())?;
        let mut set = HashSet::new();
        for (i, item) in items.iter().enumerate() {
            let Some((place, _)) = item.as_str().and_then(|name| cases.in_json(name)) else {
                return self.at(i, |walk| walk.refuse(one_of(cases, item)));
            };
            if !set.insert(place) {
                return self.at(i, |walk| walk.refuse(format!("{item} stands twice")));
            }
        }
        // In WIT's order, whatever the document's was.
        let set = cases.iter().enumerate().filter(|(place, _)| set.contains(place));
        set.map(|(_, case)| self.name(&case.name)).collect::<Result<_, _>>().map(Value::Flags)
    }

    fn case<'c>(&mut self, cases: &'c Cases, json: &Json) -> Result<(&'c Case, Option<Box<Value>>), Violation> {
        let (name, payload) = match json {
            Json::String(name) => (name, None),
            Json::Object(object) if object.len() == 1 => match object.iter().next() {
                Some((name, payload)) => (name, Some(payload)),
                None => return self.refuse(one_of(cases, json)),
            },
            _ => return self.wanted("a case's name, or an object with it as the one member,", json),
        };
        let Some((_, case)) = cases.in_json(name) else {
            return self.refuse(one_of(cases, &Json::from(name.as_str())));
        };
        match (&case.shape, payload) {
            (None, None) => Ok((case, None)),
            (Some(shape), Some(payload)) => {
                let payload = self.at(&case.json, |walk| walk.shape(shape, payload))?;
                Ok((case, Some(Box::new(payload))))
            }
            (Some(_), None) => self.refuse(format!("`{name}` carries a value: write {{\"{name}\": …}}")),
            (None, Some(_)) => self.refuse(format!("`{name}` carries no value: write \"{name}\"")),
        }
    }

    fn integer(&self, kind: IntKind, json: &Json) -> Result<Value, Violation> {
        let number = match json {
            Json::Number(number) => whole(number),
            Json::String(digits) if kind.is_wide() => written(digits),
            _ => None,
        };
        let (least, greatest) = kind.range();
        let Some(number) = number else { return self.wanted("a whole number", json) };
        let value = match kind {
            IntKind::S8 => i8::try_from(number).map(Value::S8),
            IntKind::U8 => u8::try_from(number).map(Value::U8),
            IntKind::S16 => i16::try_from(number).map(Value::S16),
            IntKind::U16 => u16::try_from(number).map(Value::U16),
            IntKind::S32 => i32::try_from(number).map(Value::S32),
            IntKind::U32 => u32::try_from(number).map(Value::U32),
            IntKind::S64 => i64::try_from(number).map(Value::S64),
            IntKind::U64 => u64::try_from(number).map(Value::U64),
        };
        value.or_else(|_| self.refuse(format!("{number} is out of range: from {least} to {greatest}")))
    }

    fn float(&self, json: &Json) -> Result<f64, Violation> {
        match json {
            Json::Number(number) => number.as_f64().map_or_else(|| self.wanted("a number", json), Ok),
            Json::String(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => self.wanted("a number, or \"NaN\", \"Infinity\", \"-Infinity\",", json),
            },
            _ => self.wanted("a number", json),
        }
    }

    fn bytes(&mut self, json: &Json) -> Result<Value, Violation> {
        let Some(text) = json.as_str() else { return self.wanted("bytes as base64 in a string", json) };
        self.count(text.len() / 4 * 3)?;
        match BASE64.decode(text) {
            Ok(bytes) => Ok(Value::List(bytes.into_iter().map(Value::U8).collect())),
            Err(error) => self.refuse(format!("bytes are wanted as base64 with padding: {error}")),
        }
    }
}

/// A whole number: `3` and `3.0`, as JSON Schema's `integer` has it. What is far out of every range is cut to 2^100.
fn whole(number: &serde_json::Number) -> Option<i128> {
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    let float = number.as_f64().filter(|f| f.fract() == 0.0)?;
    let edge = 2_f64.powi(100);
    #[allow(clippy::cast_possible_truncation)] // it is whole, and within the range
    Some(float.clamp(-edge, edge) as i128)
}

/// Digits as the schema's pattern has them: no plus, no zeros before, at most as many as 64 bits need.
fn written(digits: &str) -> Option<i128> {
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let written = !plain.is_empty() && plain.len() <= 20 && plain.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits == "0" || !plain.starts_with('0');
    if written && canonical { digits.parse().ok() } else { None }
}

fn kind_of(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => format!("the string {}", shown(text)),
        Json::Array(items) => format!("an array of {}", items.len()),
        Json::Object(_) => "an object".to_owned(),
    }
}

/// Text from outside, short enough for a message.
fn shown(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn one_of(cases: &Cases, json: &Json) -> String {
    let names: Vec<_> = cases.iter().take(20).map(|case| case.json.as_str()).collect();
    let more = if cases.iter().nth(20).is_some() { ", …" } else { "" };
    format!("one of {}{more} is wanted, not {}", names.join(", "), kind_of(json))
}

fn unknown_member(fields: &[Field], members: &Map<String, Json>) -> String {
    let known: HashSet<_> = fields.iter().map(|field| field.json.as_str()).collect();
    let name = members.keys().find(|name| !known.contains(name.as_str())).map(|name| shown(name)).unwrap_or_default();
    let names: Vec<_> = fields.iter().take(20).map(|field| field.json.as_str()).collect();
    match names.as_slice() {
        [] => format!("there is no member {name}: it takes none"),
        _ => format!("there is no member {name}; there are: {}", names.join(", ")),
    }
}
