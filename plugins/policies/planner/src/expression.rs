//! JMESPath expressions: read once, asked what they refer to, evaluated often.

use std::collections::BTreeSet;

use jmespath::ast::Ast;
use jmespath::{Expression, Rcvar};
use serde_json::Value;

/// The longest expression, in bytes.
const MAX_BYTES: usize = 1_000;
/// How deep its brackets nest, and how many negations it has: its parser recurses.
const MAX_DEPTH: usize = 32;

/// An expression.
pub struct Expr(Expression<'static>);

/// What an expression or a template refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The steps whose members it reads.
    pub steps: BTreeSet<String>,
    /// The first words of everything else: `input`, `item`, `index`, or a mistake.
    pub roots: BTreeSet<String>,
    /// References that name no step, as `steps.*`.
    pub vague: bool,
}

impl Expr {
    /// Reads an expression.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and at which column.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the expression is empty".to_owned());
        }
        if text.len() > MAX_BYTES {
            return Err(format!("the expression is longer than {MAX_BYTES} bytes"));
        }
        if depth(text) > MAX_DEPTH {
            return Err(format!("the expression nests deeper than {MAX_DEPTH}"));
        }
        jmespath::compile(text).map(Self).map_err(|error| {
            format!("`{text}` is no JMESPath expression: {} at column {}", error.reason, error.column + 1)
        })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }

    /// What it gives in a scope. What is not there is null.
    ///
    /// # Errors
    /// A sentence, where a function is given what it does not take.
    pub fn eval(&self, scope: &Rcvar) -> Result<Rcvar, String> {
        self.0.search(scope).map_err(|error| format!("`{}`: {}", self.text(), error.reason))
    }

    /// Adds what it refers to.
    pub fn find(&self, found: &mut Found) {
        find(self.0.as_ast(), found);
    }
}

/// Whether a value counts as true: not null, false, or empty.
pub fn truthy(value: &Rcvar) -> bool {
    value.is_truthy()
}

/// A value as JSON.
pub fn json(value: &Rcvar) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A JSON value as expressions read it.
pub fn variable(value: &Value) -> Rcvar {
    jmespath::Variable::try_from(value).map(Rcvar::new).unwrap_or_else(|_| Rcvar::new(jmespath::Variable::Null))
}

/// Walks what is evaluated against the whole scope; what follows a dot or stands in a projection is not.
fn find(ast: &Ast, found: &mut Found) {
    match ast {
        Ast::Field { name, .. } if name == "steps" => found.vague = true,
        Ast::Field { name, .. } => {
            found.roots.insert(name.clone());
        }
        Ast::Identity { .. } => found.vague = true,
        Ast::Subexpr { lhs, rhs, .. } => match (&**lhs, first(rhs)) {
            (Ast::Field { name, .. }, Some(step)) if name == "steps" => {
                found.steps.insert(step.to_owned());
            }
            _ => find(lhs, found),
        },
        Ast::Projection { lhs, .. } => find(lhs, found),
        Ast::ObjectValues { node, .. } | Ast::Flatten { node, .. } | Ast::Not { node, .. } => find(node, found),
        Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } | Ast::Comparison { lhs, rhs, .. } => {
            find(lhs, found);
            find(rhs, found);
        }
        Ast::Condition { predicate, then, .. } => {
            find(predicate, found);
            find(then, found);
        }
        Ast::Function { args, .. } => args.iter().for_each(|arg| find(arg, found)),
        Ast::MultiList { elements, .. } => elements.iter().for_each(|element| find(element, found)),
        Ast::MultiHash { elements, .. } => elements.iter().for_each(|pair| find(&pair.value, found)),
        Ast::Expref { .. } | Ast::Index { .. } | Ast::Literal { .. } | Ast::Slice { .. } => {}
    }
}

/// The member that the right side of a dot begins with.
fn first(ast: &Ast) -> Option<&str> {
    match ast {
        Ast::Field { name, .. } => Some(name),
        Ast::Subexpr { lhs, .. } | Ast::Projection { lhs, .. } => first(lhs),
        Ast::ObjectValues { node, .. } | Ast::Flatten { node, .. } => first(node),
        _ => None,
    }
}

fn depth(text: &str) -> usize {
    let (mut open, mut deepest, mut negations) = (0usize, 0, 0);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '!' if characters.peek() != Some(&'=') => negations += 1,
            _ => {}
        }
        deepest = deepest.max(open + negations);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(text: &str) -> Found {
        let mut found = Found::default();
        Expr::parse(text).unwrap().find(&mut found);
        found
    }

    #[test]
    fn the_steps_that_an_expression_reads_are_found() {
        let steps = |text: &str| found(text).steps.into_iter().collect::<Vec<_>>();
        assert_eq!(steps("steps.a.result.title"), ["a"]);
        assert_eq!(steps("steps.list.result[?labels[?name=='bug']].{n: number, s: steps.not_this}"), ["list"]);
        assert_eq!(
            steps("steps.a.result[*].x || length(steps.b.result) > `2` && !(steps.\"c-d\".result)"),
            ["a", "b", "c-d"]
        );
        assert_eq!(steps("[steps.a[0], {x: steps.b}]"), ["a", "b"]);
        assert_eq!(steps("join(', ', map(&title, steps.a.result[]))"), ["a"]);
        assert_eq!(steps("steps.a | result"), ["a"]);
    }

    #[test]
    fn other_words_are_roots_and_what_names_no_step_is_vague() {
        assert_eq!(found("input.repo == item.steps.a").roots, ["input", "item"].map(str::to_owned).into());
        assert!(found("input.repo == item.steps.a").steps.is_empty());
        // `!` binds more tightly than the dot.
        for vague in ["!steps.a.result", "steps.*.result", "length(steps)", "@", "keys(@)"] {
            assert!(found(vague).vague, "{vague}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told_with_its_column() {
        let error = |text: &str| Expr::parse(text).err().unwrap();
        assert!(error("steps.a.[").contains("column"), "{}", error("steps.a.["));
        assert!(error("  ").contains("empty"));
        assert!(error(&"(".repeat(900)).contains("nests"));
        assert!(error(&"!".repeat(900)).contains("nests"));
        assert!(error(&"a".repeat(1_001)).contains("longer"));
    }

    #[test]
    fn numbers_texts_and_lists_come_out_as_they_went_in() {
        let scope = variable(&json!({"input": {"n": 9_007_199_254_740_993_u64, "f": 0.5, "t": "ü", "l": [1, null]}}));
        let value = Expr::parse("input").unwrap().eval(&scope).unwrap();
        assert_eq!(json(&value), json!({"n": 9_007_199_254_740_993_u64, "f": 0.5, "t": "ü", "l": [1, null]}));
        assert!(Expr::parse("length(input.n)").unwrap().eval(&scope).unwrap_err().contains("length(input.n)"));
    }
}
