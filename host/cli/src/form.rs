//! Questions to the person at the terminal, and their answers read as what a schema wants.

use serde_json::{Map, Value};

/// One thing that is asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    name: String,
    title: String,
    help: Option<String>,
    kind: Kind,
    required: bool,
    default: Option<Value>,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Number {
        whole: bool,
    },
    Bool,
    /// The words that are sent, and how they are shown.
    Choice(Vec<(String, String)>),
    /// Several of them.
    Choices(Vec<(String, String)>),
}

/// The fields of a schema, in its order.
pub(crate) fn fields(schema: &Value) -> Vec<Field> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    members
        .map(|(name, member)| {
            let text = |key: &str| member.get(key).and_then(Value::as_str).map(str::to_owned);
            Field {
                name: name.clone(),
                title: text("title").unwrap_or_else(|| name.clone()),
                help: text("description"),
                kind: kind(member),
                required: required.contains(&name.as_str()),
                default: member.get("default").cloned(),
            }
        })
        .collect()
}

fn kind(member: &Value) -> Kind {
    let choices = choices(member);
    match member.get("type").and_then(Value::as_str) {
        _ if !choices.is_empty() => Kind::Choice(choices),
        Some("number") => Kind::Number { whole: false },
        Some("integer") => Kind::Number { whole: true },
        Some("boolean") => Kind::Bool,
        Some("array") => Kind::Choices(member.get("items").map(self::choices).unwrap_or_default()),
        _ => Kind::Text,
    }
}

/// The words of `enum` (named by `enumNames`), or of `oneOf` or `anyOf` (each a `const` and a `title`).
fn choices(member: &Value) -> Vec<(String, String)> {
    if let Some(words) = member.get("enum").and_then(Value::as_array) {
        let names = member.get("enumNames").and_then(Value::as_array);
        let name = |i: usize| names.and_then(|names| names.get(i)?.as_str());
        return words
            .iter()
            .enumerate()
            .filter_map(|(i, word)| Some((word.as_str()?.to_owned(), name(i).unwrap_or(word.as_str()?).to_owned())))
            .collect();
    }
    let titled = member.get("oneOf").or_else(|| member.get("anyOf")).and_then(Value::as_array);
    titled
        .into_iter()
        .flatten()
        .filter_map(|choice| {
            let word = choice.get("const")?.as_str()?;
            Some((word.to_owned(), choice.get("title").and_then(Value::as_str).unwrap_or(word).to_owned()))
        })
        .collect()
}

impl Field {
    /// What the person reads before the answer, without control characters of its own.
    pub(crate) fn prompt(&self) -> String {
        let mut prompt = String::new();
        if let Some(help) = &self.help {
            prompt.push_str(&format!("  {help}\n"));
        }
        let hint = match &self.kind {
            Kind::Text => String::new(),
            Kind::Number { whole: true } => " (a whole number)".to_owned(),
            Kind::Number { whole: false } => " (a number)".to_owned(),
            Kind::Bool => " (y/n)".to_owned(),
            Kind::Choice(choices) | Kind::Choices(choices) => {
                for (i, (_, shown)) in choices.iter().enumerate() {
                    prompt.push_str(&format!("    {}. {shown}\n", i + 1));
                }
                match &self.kind {
                    Kind::Choices(_) => " (numbers, with commas)".to_owned(),
                    _ => " (a number)".to_owned(),
                }
            }
        };
        let default = match &self.default {
            Some(Value::String(text)) => format!(" [{text}]"),
            Some(Value::Null) | None if !self.required => " [leave out]".to_owned(),
            Some(value) => format!(" [{value}]"),
            None => String::new(),
        };
        prompt.push_str(&format!("  {}{hint}{default}: ", self.title));
        prompt
    }

    /// An answer as a value; `None` where it is left out.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn read(&self, line: &str) -> Result<Option<Value>, String> {
        let line = line.trim();
        if line.is_empty() {
            return match (&self.default, self.required) {
                (Some(default), _) if !default.is_null() => Ok(Some(default.clone())),
                (_, false) => Ok(None),
                (_, true) => Err(format!("`{}` is required", self.title)),
            };
        }
        match &self.kind {
            Kind::Text => Ok(Some(line.into())),
            Kind::Number { whole: true } => {
                line.parse::<i64>().map(|n| Some(n.into())).map_err(|_| "write a whole number".to_owned())
            }
            Kind::Number { whole: false } => match line.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Some(number.into())),
                _ => Err("write a number".to_owned()),
            },
            Kind::Bool => match line.to_lowercase().as_str() {
                "y" | "yes" | "true" => Ok(Some(true.into())),
                "n" | "no" | "false" => Ok(Some(false.into())),
                _ => Err("write y or n".to_owned()),
            },
            Kind::Choice(choices) => chosen(choices, line).map(|word| Some(word.into())),
            Kind::Choices(choices) => {
                let words = line.split(',').map(|part| chosen(choices, part.trim()).map(Value::from));
                words.collect::<Result<Vec<_>, _>>().map(|words| Some(words.into()))
            }
        }
    }

    /// Puts an answer where it belongs.
    pub(crate) fn put(self, answers: &mut Map<String, Value>, answer: Value) {
        answers.insert(self.name, answer);
    }
}

/// A choice by its number or its word.
fn chosen(choices: &[(String, String)], text: &str) -> Result<String, String> {
    let by_number = text.parse::<usize>().ok().and_then(|n| choices.get(n.checked_sub(1)?));
    let by_word = || choices.iter().find(|(word, shown)| word == text || shown == text);
    match by_number.or_else(by_word) {
        Some((word, _)) => Ok(word.clone()),
        None => Err(format!("write a number from 1 to {}", choices.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn only(member: Value, required: bool) -> Field {
        let required = if required { json!(["a"]) } else { json!([]) };
        fields(&json!({"type": "object", "properties": {"a": member}, "required": required})).remove(0)
    }

    #[test]
    fn answers_are_read_as_the_schema_wants_them() {
        for (member, line, want) in [
            (json!({"type": "string"}), " Ada ", json!("Ada")),
            (json!({"type": "integer"}), "-3", json!(-3)),
            (json!({"type": "number"}), "2.5", json!(2.5)),
            (json!({"type": "boolean"}), "Yes", json!(true)),
            (json!({"type": "string", "enum": ["x", "y"], "enumNames": ["Ex", "Why"]}), "2", json!("y")),
            (json!({"type": "string", "enum": ["x", "y"], "enumNames": ["Ex", "Why"]}), "Ex", json!("x")),
            (json!({"type": "string", "oneOf": [{"const": "r", "title": "Red"}]}), "Red", json!("r")),
            (json!({"type": "array", "items": {"enum": ["a", "b", "c"]}}), "1, 3", json!(["a", "c"])),
            (json!({"type": "string", "default": "me"}), "", json!("me")),
        ] {
            assert_eq!(only(member.clone(), true).read(line), Ok(Some(want)), "{member} {line}");
        }
        assert_eq!(only(json!({"type": "string"}), false).read(""), Ok(None));
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        for (member, line) in [
            (json!({"type": "string"}), ""),
            (json!({"type": "integer"}), "2.5"),
            (json!({"type": "number"}), "inf"),
            (json!({"type": "boolean"}), "maybe"),
            (json!({"type": "string", "enum": ["x", "y"]}), "3"),
            (json!({"type": "string", "enum": ["x", "y"]}), "0"),
            (json!({"type": "array", "items": {"enum": ["a"]}}), "1,2"),
        ] {
            assert!(only(member.clone(), true).read(line).is_err(), "{member} {line}");
        }
    }
}
