//! YAML 1.2 with the core schema. Aliases are followed within a budget; tags and merge keys are refused.

use crate::tree::{Node, SyntaxError, Value, line_number};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// How deep the builder goes. What the file means is checked at a lower bound later, with the key's name.
const DEPTH_MAX: usize = 256;
/// The most that all anchors and aliases of a file may copy, in bytes of text plus nodes: nine lines of YAML can stand
/// for a billion nodes.
const COPIED_MAX: usize = 1 << 20;

pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let (line, column) = (error.marker().line(), error.marker().col() + 1);
            let template = text.lines().nth(line.saturating_sub(1)).is_some_and(|line| line.contains("${"));
            let help = if template { "; inside `{…}` and `[…]`, a value with `${…}` needs quotes" } else { "" };
            fail(line, format!("not YAML: {} (column {column}){help}", error.info()))
        })?;
        builder.event(event, span)?;
    }
    // A file of comments only is an empty configuration.
    Ok(builder.root.unwrap_or(Node { line: 1, value: Value::Map(Vec::new()) }))
}

fn fail(line: usize, message: impl Into<String>) -> SyntaxError {
    SyntaxError { line: line_number(line), message: message.into() }
}

/// A list or map that is being read.
struct Open {
    line: u32,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The key that waits for its value stands apart.
    Map(Vec<(String, Node)>, Option<(u32, String)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    copied: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(fail(line, "a second document begins here; a configuration is one document"));
            }
            Event::Scalar(text, style, anchor, tag) => {
                if text == "<<" && style == ScalarStyle::Plain && self.wants_key() {
                    return Err(fail(line, "merge keys (`<<`) are not YAML 1.2; write the keys out"));
                }
                let value = scalar(text, style, tag.as_deref(), line)?;
                return self.add(Node { line: line_number(line), value }, anchor);
            }
            Event::SequenceStart(anchor, tag) => self.begin(line, anchor, tag, Content::List(Vec::new()))?,
            Event::MappingStart(anchor, tag) => self.begin(line, anchor, tag, Content::Map(Vec::new(), None))?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { line, anchor, content }) = self.open.pop() {
                    let value = match content {
                        Content::List(items) => Value::List(items),
                        Content::Map(entries, _) => Value::Map(entries),
                    };
                    return self.add(Node { line, value }, anchor);
                }
            }
            Event::Alias(anchor) => {
                // An anchor that is still open is not there yet: a value cannot hold itself.
                let node =
                    self.anchors.get(&anchor).ok_or_else(|| fail(line, "an alias to a value that is not complete"))?;
                let node = Node { line: line_number(line), ..copy(&mut self.copied, node)? };
                return self.add(node, 0);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map(_, None), .. }))
    }

    fn begin(
        &mut self,
        line: usize,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        content: Content,
    ) -> Result<(), SyntaxError> {
        if self.wants_key() {
            return Err(fail(line, "a list or map cannot be a key; text that begins with `[` or `{` needs quotes"));
        }
        if let Some(tag) = tag {
            return Err(no_tag(&tag, line));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(fail(line, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.open.push(Open { line: line_number(line), anchor, content });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if anchor != 0 {
            self.anchors.insert(anchor, copy(&mut self.copied, &node)?);
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, waiting)) => match waiting.take() {
                Some((line, key)) => entries.push((key, Node { line, ..node })),
                None => *waiting = Some((node.line, key_text(node)?)),
            },
        }
        Ok(())
    }
}

/// Keys are text: `80: x` has the key `80`.
fn key_text(node: Node) -> Result<String, SyntaxError> {
    match node.value {
        Value::Text(text) | Value::Number(text) => Ok(text),
        Value::Bool(boolean) => Ok(boolean.to_string()),
        Value::Null => Ok("null".into()),
        Value::List(_) | Value::Map(_) => {
            Err(SyntaxError { line: node.line, message: "a list or map cannot be a key".into() })
        }
    }
}

fn copy(copied: &mut usize, node: &Node) -> Result<Node, SyntaxError> {
    *copied = copied.saturating_add(weight(node));
    if *copied > COPIED_MAX {
        let message = "anchors and aliases make this file too large; write the values out".into();
        return Err(SyntaxError { line: node.line, message });
    }
    Ok(node.clone())
}

fn weight(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(text) | Value::Text(text) => 1 + text.len(),
        Value::List(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(key, node)| key.len() + weight(node)).sum::<usize>(),
    }
}

/// The core schema (YAML 1.2.2, section 10.3.2): only plain scalars are anything but text.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Value, SyntaxError> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => return Ok(Value::Text(text.into_owned())),
        Some(tag) => return Err(no_tag(tag, line)),
        None => {}
    }
    Ok(if style == ScalarStyle::Plain { plain(text) } else { Value::Text(text.into_owned()) })
}

fn plain(text: Cow<'_, str>) -> Value {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        word => match number(word) {
            Some(number) => Value::Number(number),
            None => Value::Text(text.into_owned()),
        },
    }
}

/// Whether a text without quotes is text, and no number or other word.
pub(crate) fn is_plain_text(text: &str) -> bool {
    matches!(plain(Cow::Borrowed(text)), Value::Text(_))
}

fn no_tag(tag: &Tag, line: usize) -> SyntaxError {
    fail(line, format!("tags are not supported (`{tag}`); a value that begins with `!` needs quotes"))
}

/// A number as it is written; hexadecimal and octal as decimal.
fn number(text: &str) -> Option<String> {
    let radix = |digits: &str, radix| u128::from_str_radix(digits, radix).ok().map(|n| n.to_string());
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    (starts && text.parse::<f64>().is_ok()).then(|| text.to_owned())
}
