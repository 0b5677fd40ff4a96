//! TOML.

use crate::diagnostic::quoted;
use crate::tree::{Lines, Node, SyntaxError, Value};
use ::toml::Spanned;
use ::toml::de::{DeInteger, DeTable, DeValue};

pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let lines = Lines::new(text);
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        // Other errors may stand at values, which are nobody's to repeat.
        let key = match error.message() {
            "duplicate key" => format!(" {}", quoted(text.get(span.clone()).unwrap_or_default())),
            _ => String::new(),
        };
        SyntaxError { line: lines.of(span.start), message: format!("not TOML: {}{key}", error.message()) }
    })?;
    Ok(Node { line: 1, value: map(table.into_inner(), &lines) })
}

/// The parser stops at 80 levels, so this recursion is bounded.
fn map(table: DeTable<'_>, lines: &Lines) -> Value {
    let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| {
        let line = lines.of(key.span().start);
        let name: std::borrow::Cow<'_, str> = key.into_inner();
        (name.into_owned(), Node { line, ..node(value, lines) })
    };
    let mut entries: Vec<_> = table.into_iter().map(entry).collect();
    // The parser sorts by name; people think in the order of the file.
    entries.sort_by_key(|(_, node)| node.line);
    Value::Map(entries)
}

fn node(value: Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let line = lines.of(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Number(decimal(&number)),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(boolean) => Value::Bool(boolean),
        // No key takes a date; where text is wanted, a bare date is what was meant.
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(table) => map(table, lines),
    };
    Node { line, value }
}

/// `0x10` as `16`; what is too large for that stays as it is and is refused where it is used.
fn decimal(number: &DeInteger<'_>) -> String {
    match u128::from_str_radix(number.as_str(), number.radix()) {
        Ok(value) => value.to_string(),
        Err(_) => number.to_string(),
    }
}
