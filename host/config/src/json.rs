//! JSON, with the comments and trailing commas that editors' configuration files have.

use crate::tree::{Lines, Node, SyntaxError, Value, line_number};
use jsonc_parser::ast::{self, ObjectPropName};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| SyntaxError {
        line: line_number(error.line_display()),
        message: format!("not JSON: {} (column {})", lower_first(&error.kind().to_string()), error.column_display()),
    })?;
    let lines = Lines::new(text);
    match parsed.value {
        Some(value) => Ok(node(value, &lines)),
        None => Err(SyntaxError { line: 1, message: "the file is empty; the least JSON is `{}`".into() }),
    }
}

/// The parser stops at 512 levels, so this recursion is bounded.
fn node(value: ast::Value<'_>, lines: &Lines) -> Node {
    let line = lines.of(value.start());
    let value = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.into_owned()),
        ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
        ast::Value::BooleanLit(boolean) => Value::Bool(boolean.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => Value::List(array.elements.into_iter().map(|item| node(item, lines)).collect()),
        ast::Value::Object(object) => Value::Map(
            object
                .properties
                .into_iter()
                .map(|property| {
                    let line = lines.of(property.range.start);
                    let name = match property.name {
                        ObjectPropName::String(text) => text.value.into_owned(),
                        ObjectPropName::Word(word) => word.value.to_owned(),
                    };
                    (name, Node { line, ..node(property.value, lines) })
                })
                .collect(),
        ),
    };
    Node { line, value }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
