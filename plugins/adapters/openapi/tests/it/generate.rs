//! Arguments that fit a tool's input schema, made from a seed.

use serde_json::{Map, Value, json};

/// A small generator of numbers (xorshift64*): the same seed gives the same arguments everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

/// Texts that a pattern may want.
const SPELLINGS: [&str; 14] = [
    "abc",
    "a1b2c3d4",
    "ABC",
    "123",
    "1.2.3",
    "2024-01-31",
    "2024-01-31T10:00:00Z",
    "10.0.0.1",
    "abc-123",
    "Abc123!x",
    "a@b.test",
    "https://x.test/",
    "0123456789abcdef0123456789abcdef01234567",
    "00000000-0000-4000-8000-000000000000",
];

/// A value for `schema`; it may still break a rule that needs luck, so the caller checks it.
pub fn value(schema: &Value, root: &Value, depth: usize, random: &mut Random) -> Value {
    if depth > 12 {
        return Value::Null;
    }
    let Some(members) = schema.as_object() else { return json!("any") };
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        let found = root.pointer(&reference[1..]).unwrap_or(&Value::Null);
        return value(found, root, depth + 1, random);
    }
    if let Some(constant) = members.get("const") {
        return constant.clone();
    }
    if let Some(Value::Array(values)) = members.get("enum") {
        return random.pick(values).cloned().unwrap_or_default();
    }
    let mut made = None;
    for keyword in ["oneOf", "anyOf"] {
        if let Some(Value::Array(choices)) = members.get(keyword) {
            let only_rules =
                choices.iter().all(|choice| choice.as_object().is_some_and(|c| c.keys().all(|k| k == "required")));
            if only_rules && members.contains_key("properties") {
                let choice = random.pick(choices).cloned().unwrap_or_default();
                let mut narrowed = members.clone();
                narrowed.remove(keyword);
                let mut required: Vec<Value> =
                    members.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
                required.extend(choice["required"].as_array().cloned().unwrap_or_default());
                // What another choice demands would make it fit twice.
                narrowed.insert("required".into(), required.into());
                return object(&narrowed, root, 9, random);
            }
            let choice = random.pick(choices).cloned().unwrap_or_default();
            made = Some(value(&choice, root, depth + 1, random));
        }
    }
    if let Some(Value::Array(all)) = members.get("allOf") {
        for part in all {
            let part = value(part, root, depth + 1, random);
            made = Some(merged(made, part));
        }
    }
    let mut types: Vec<&str> = match members.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ if members.contains_key("properties") => vec!["object"],
        _ => return made.unwrap_or_else(|| json!("any")),
    };
    if types.len() > 1 {
        types.retain(|name| *name != "null");
    }
    let own = match *random.pick(&types).unwrap_or(&"null") {
        "boolean" => json!(random.below(2) == 0),
        "integer" => number(members, random, true),
        "number" => number(members, random, false),
        "string" if made.is_some() => return made.unwrap_or_default(),
        "string" => string(members, depth, random),
        "array" => array(members, root, depth, random),
        "object" => object(members, root, depth, random),
        _ => Value::Null,
    };
    match made {
        Some(Value::Object(_)) => merged(made, own),
        Some(made) => made,
        None => own,
    }
}

fn merged(into: Option<Value>, from: Value) -> Value {
    match (into, from) {
        (Some(Value::Object(mut into)), Value::Object(from)) => {
            into.extend(from);
            Value::Object(into)
        }
        (_, from) => from,
    }
}

fn number(members: &Map<String, Value>, random: &mut Random, whole: bool) -> Value {
    let bound = |keyword: &str| members.get(keyword).and_then(Value::as_f64);
    let low = bound("minimum").or(bound("exclusiveMinimum").map(|n| n + 1.0)).unwrap_or(1.0);
    let high = bound("maximum").or(bound("exclusiveMaximum").map(|n| n - 1.0)).unwrap_or(low.max(1.0) + 40.0).max(low);
    let step = bound("multipleOf").unwrap_or(1.0);
    let chosen = low + ((high - low).min(40.0) / 4.0 * random.below(4) as f64).floor();
    let chosen = (chosen / step).ceil() * step;
    if whole || chosen.fract() == 0.0 { json!(chosen as i64) } else { json!(chosen) }
}

fn string(members: &Map<String, Value>, depth: usize, random: &mut Random) -> Value {
    let text = |keyword: &str| members.get(keyword).and_then(Value::as_str);
    let count = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
    if let Some(Value::Array(examples)) = members.get("examples")
        && (text("pattern").is_some() || random.below(3) == 0)
        && let Some(example) = random.pick(examples).filter(|example| example.is_string())
    {
        return example.clone();
    }
    let made = match text("format").unwrap_or_default() {
        "date-time" => "2024-01-31T10:00:00Z",
        "date" => "2024-01-31",
        "time" => "10:00:00Z",
        "uuid" => "6f1c2c1e-0b7e-4a57-9a3c-0d1f0c9a5b11",
        "uri" | "url" | "uri-reference" => "https://x.test/a?b=c",
        "email" | "idn-email" => "a@b.test",
        "ipv4" | "ip" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "hostname" => "x.test",
        "byte" => "aGVsbG8=",
        "duration" => "P1D",
        "regex" => "^a$",
        "json" | "json-string" => "{}",
        _ => "",
    };
    if !made.is_empty() {
        return json!(made);
    }
    if text("contentEncoding") == Some("base64") {
        return json!("aGVsbG8=");
    }
    if text("pattern").is_some()
        || members.get("description").and_then(Value::as_str).is_some_and(|d| d.contains("Pattern:"))
    {
        return json!(random.pick(&SPELLINGS).copied().unwrap_or_default());
    }
    // In lists a comma would be ambiguous for any reader.
    let alphabet: Vec<char> =
        if depth <= 1 { "abcXYZ019-_ &=/+?%#:;@é~".chars().collect() } else { "abcXYZ019-_".chars().collect() };
    let low = count("minLength").unwrap_or(1).max(1) as usize;
    let high = (count("maxLength").unwrap_or(12) as usize).clamp(low, low + 12);
    let length = low + random.below(high - low + 1);
    let mut text: String = (0..length).map(|_| *random.pick(&alphabet).unwrap_or(&'a')).collect();
    // Blanks at the ends are no part of a header's value, and a dot alone is no path.
    if text.starts_with(' ') || text.ends_with(' ') {
        text = text.replace(' ', "_");
    }
    json!(text)
}

fn array(members: &Map<String, Value>, root: &Value, depth: usize, random: &mut Random) -> Value {
    let count = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
    let low = count("minItems").unwrap_or(if depth > 4 { 0 } else { 1 }) as usize;
    let high = (count("maxItems").unwrap_or(3) as usize).clamp(low, low + 3);
    let length = low + random.below(high - low + 1);
    let any = json!({"type": "string"});
    let items = members.get("items").unwrap_or(&any);
    let mut values: Vec<Value> = Vec::new();
    for index in 0..length {
        let items = members.get("prefixItems").and_then(|tuple| tuple.get(index)).unwrap_or(items);
        let value = value(items, root, depth + 1, random);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values.into()
}

fn object(members: &Map<String, Value>, root: &Value, depth: usize, random: &mut Random) -> Value {
    let required: Vec<&str> =
        members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut made = Map::new();
    for (name, schema) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let wanted = required.contains(&name.as_str()) || (depth < 4 && random.below(3) == 0);
        if wanted && schema != &Value::Bool(false) {
            made.insert(name.clone(), value(schema, root, depth + 1, random));
        }
    }
    for name in required {
        if !made.contains_key(name) {
            made.insert(name.to_owned(), json!("any"));
        }
    }
    if made.is_empty()
        && let Some(rest @ Value::Object(_)) = members.get("additionalProperties")
    {
        made.insert("key".into(), value(rest, root, depth + 1, random));
    }
    made.into()
}
