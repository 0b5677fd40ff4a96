//! JSON with references in it, as arguments are written.
//!
//! - `{"$ref": "#/steps/ID/result/0/title"}`: the value at a JSON Pointer (RFC 6901). It must be there.
//! - `{"$jmespath": "steps.ID.result[?open].title"}`: what an expression gives; null where nothing is there.
//! - `"… ${EXPRESSION} …"` in a string: the expression's value as text. A string that is nothing else gives the value itself.
//!   `$${` is a plain `${`.
//! - `{"$literal": …}`: the value as it is, whatever stands in it.
//!
//! A reference begins with `steps`, `input`, or where there is a `for_each`, `item` and `index`.

use jmespath::{Rcvar, Variable};
use serde_json::{Map, Value};

use crate::expression::{Expr, Found, json};

/// JSON with references.
pub enum Template {
    Literal(Value),
    Pointer(Vec<String>),
    Expr(Expr),
    Text(Vec<Piece>),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// A part of a string.
pub enum Piece {
    Text(String),
    Expr(Expr),
}

impl Template {
    /// Reads JSON with references. What is wrong goes to `fault`, with its JSON Pointer below `at`.
    pub fn parse(value: &Value, at: &str, fault: &mut dyn FnMut(&str, String)) -> Self {
        match value {
            Value::String(text) => Self::text(text).unwrap_or_else(|error| {
                fault(at, error);
                Self::Literal(Value::Null)
            }),
            Value::Array(items) => {
                let item = |(index, item)| Self::parse(item, &format!("{at}/{index}"), fault);
                Self::List(items.iter().enumerate().map(item).collect()).folded()
            }
            Value::Object(members) => Self::special(members)
                .unwrap_or_else(|| {
                    let member = |(key, member): (&String, &Value)| {
                        let below = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                        Ok((key.clone(), Self::parse(member, &below, fault)))
                    };
                    members.iter().map(member).collect::<Result<_, _>>().map(|members| Self::Object(members).folded())
                })
                .unwrap_or_else(|error| {
                    fault(at, error);
                    Self::Literal(Value::Null)
                }),
            other => Self::Literal(other.clone()),
        }
    }

    /// What an object with a single member of ours means.
    fn special(members: &Map<String, Value>) -> Option<Result<Self, String>> {
        let (key, value) = members.iter().next().filter(|_| members.len() == 1)?;
        let text = || value.as_str().ok_or_else(|| format!("`{key}` wants a text"));
        match key.as_str() {
            "$literal" => Some(Ok(Self::Literal(value.clone()))),
            "$jmespath" => Some(text().and_then(Expr::parse).map(Self::Expr)),
            "$ref" => Some(text().and_then(pointer).map(Self::Pointer)),
            _ => None,
        }
    }

    fn text(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            let after = after.get(2..).unwrap_or_default();
            if let Some(before) = before.strip_suffix('$') {
                plain.push_str(before);
                plain.push_str("${");
                rest = after;
                continue;
            }
            plain.push_str(before);
            let end =
                end(after).ok_or_else(|| format!("`${{` in {text:?} has no `}}`; write `$${{` for a plain `${{`"))?;
            let (expression, behind) = after.split_at(end);
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Expr(Expr::parse(expression)?));
            rest = behind.get(1..).unwrap_or_default();
        }
        plain.push_str(rest);
        if pieces.is_empty() {
            return Ok(Self::Literal(plain.into()));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        match <[Piece; 1]>::try_from(pieces) {
            Ok([Piece::Expr(only)]) => Ok(Self::Expr(only)),
            Ok(one) => Ok(Self::Text(one.into())),
            Err(pieces) => Ok(Self::Text(pieces)),
        }
    }

    /// A list or an object of plain values is a plain value.
    fn folded(self) -> Self {
        let plain = |template: &Self| matches!(template, Self::Literal(_));
        let value = |template| if let Self::Literal(value) = template { value } else { Value::Null };
        match self {
            Self::List(items) if items.iter().all(plain) => {
                Self::Literal(Value::Array(items.into_iter().map(value).collect()))
            }
            Self::Object(members) if members.iter().all(|(_, member)| plain(member)) => {
                Self::Literal(Value::Object(members.into_iter().map(|(key, member)| (key, value(member))).collect()))
            }
            other => other,
        }
    }

    /// What it gives in a scope.
    ///
    /// # Errors
    /// A sentence, where a reference leads nowhere.
    pub fn eval(&self, scope: &Rcvar) -> Result<Value, String> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Pointer(path) => json(&follow(path, scope)?),
            Self::Expr(expression) => json(&expression.eval(scope)?),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(piece) => text.push_str(piece),
                        Piece::Expr(expression) => match json(&expression.eval(scope)?) {
                            Value::String(value) => text.push_str(&value),
                            Value::Null => {
                                return Err(format!("`${{{}}}` is null: there is no text for it", expression.text()));
                            }
                            other => text.push_str(&other.to_string()),
                        },
                    }
                }
                text.into()
            }
            Self::List(items) => Value::Array(items.iter().map(|item| item.eval(scope)).collect::<Result<_, _>>()?),
            Self::Object(members) => {
                let member = |(key, member): &(String, Self)| Ok::<_, String>((key.clone(), member.eval(scope)?));
                Value::Object(members.iter().map(member).collect::<Result<_, _>>()?)
            }
        })
    }

    /// Adds what it refers to.
    pub fn find(&self, found: &mut Found) {
        match self {
            Self::Literal(_) => {}
            Self::Pointer(path) => match (path.first().map(String::as_str), path.get(1)) {
                (Some("steps"), Some(step)) => {
                    found.steps.insert(step.clone());
                }
                (Some("steps"), None) | (None, _) => found.vague = true,
                (Some(root), _) => {
                    found.roots.insert(root.to_owned());
                }
            },
            Self::Expr(expression) => expression.find(found),
            Self::Text(pieces) => pieces.iter().for_each(|piece| {
                if let Piece::Expr(expression) = piece {
                    expression.find(found);
                }
            }),
            Self::List(items) => items.iter().for_each(|item| item.find(found)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.find(found)),
        }
    }

    /// The value as far as it is known before the plan runs. Where something stands in for what is not, its JSON Pointer
    /// goes to `unknown`.
    pub fn known(&self, at: &str, unknown: &mut Vec<String>) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::List(items) => Value::Array(
                items.iter().enumerate().map(|(i, item)| item.known(&format!("{at}/{i}"), unknown)).collect(),
            ),
            Self::Object(members) => {
                let below = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                Value::Object(members.iter().map(|(key, m)| (key.clone(), m.known(&below(key), unknown))).collect())
            }
            Self::Pointer(_) | Self::Expr(_) | Self::Text(_) => {
                unknown.push(at.to_owned());
                Value::Null
            }
        }
    }
}

/// The parts of `#/steps/ID/result`.
fn pointer(text: &str) -> Result<Vec<String>, String> {
    let Some(path) = text.strip_prefix("#/") else {
        return Err(format!(
            "`$ref` wants a JSON Pointer as `#/steps/ID/result/0/title`, not {text:?}; for an object that has a `$ref` of \
             its own write {{\"$literal\": …}} around it"
        ));
    };
    Ok(path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn follow(path: &[String], scope: &Rcvar) -> Result<Rcvar, String> {
    let mut here = scope.clone();
    for part in path {
        let next = match &*here {
            Variable::Object(members) => members.get(part).cloned(),
            Variable::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index).cloned()),
            _ => None,
        };
        here = next.ok_or_else(|| {
            let path: Vec<_> = path.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
            format!("`#/{}` leads nowhere: there is no `{part}`", path.join("/"))
        })?;
    }
    Ok(here)
}

/// Where the expression ends: at the brace that closes it, not at one in a text or in a bracket of its own.
fn end(text: &str) -> Option<usize> {
    let (mut open, mut quote) = (0usize, None);
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => open += 1,
            (None, '}') if open == 0 => return Some(at),
            (None, '}') => open -= 1,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::variable;
    use serde_json::json;

    fn scope() -> Rcvar {
        variable(
            &json!({"steps": {"a": {"result": {"t/x": [{"n": 7}], "title": "Hot", "none": null}}}, "input": {"r": "o"}}),
        )
    }

    fn eval(template: Value) -> Result<Value, String> {
        let mut faults = Vec::new();
        let parsed = Template::parse(&template, "", &mut |at, message| faults.push(format!("{at}: {message}")));
        if faults.is_empty() { parsed.eval(&scope()) } else { Err(faults.join("; ")) }
    }

    #[test]
    fn pointers_expressions_and_texts_are_filled_in() {
        let given = json!({
            "n": {"$ref": "#/steps/a/result/t~1x/0/n"},
            "all": [{"$jmespath": "steps.a.result.\"t/x\"[].n"}, 1],
            "text": "${steps.a.result.title} of ${input.r}: ${steps.a.result.\"t/x\"[0]}",
            "value": "${steps.a.result.\"t/x\"[0].{k: n}}",
            "plain": "$${input.r} costs 5 $ {x}",
            "schema": {"$literal": {"$ref": "#/steps/a"}},
        });
        let expected = json!({
            "n": 7, "all": [[7], 1], "text": "Hot of o: {\"n\":7}", "value": {"k": 7}, "plain": "${input.r} costs 5 $ {x}",
            "schema": {"$ref": "#/steps/a"},
        });
        assert_eq!(eval(given).unwrap(), expected);
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_told() {
        assert!(eval(json!({"$ref": "#/steps/a/result/titel"})).unwrap_err().contains("there is no `titel`"));
        assert!(eval(json!("x ${steps.a.result.titel}")).unwrap_err().contains("is null"));
        assert_eq!(eval(json!({"$jmespath": "steps.a.result.titel"})).unwrap(), Value::Null);
    }

    #[test]
    fn faults_are_all_found_with_their_places() {
        let error = eval(json!({"a/b": ["${x"], "c": {"$ref": "steps"}, "d": {"$jmespath": "["}, "e": {"$ref": 1}}));
        let error = error.unwrap_err();
        for place in ["/a~1b/0: `${`", "/c: `$ref`", "/d: `[`", "/e: `$ref` wants a text"] {
            assert!(error.contains(place), "{place} in {error}");
        }
    }

    #[test]
    fn a_brace_in_an_expression_does_not_end_it() {
        assert_eq!(eval(json!("${'}'}")).unwrap(), "}");
        assert_eq!(eval(json!("${ {a: input.r} }!")).unwrap(), "{\"a\":\"o\"}!");
    }
}
