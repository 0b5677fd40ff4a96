//! Which regular expressions may stand in a tool's schema.
//!
//! Each validator has its own engine, and one pattern that it does not know breaks the whole tool. So a pattern stays
//! only where the common part of ECMA 262 and of the linear-time engines has it; others become part of the description.

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange, Visitor};

/// The longest pattern, in bytes.
const MAX_BYTES: usize = 1_000;
/// The most copies that nested repetitions may ask for.
const MAX_REPEATED: u64 = 2_000;

/// Whether validators of every kind know this pattern, and none is slow with it.
pub fn is_portable(pattern: &str) -> bool {
    if pattern.len() > MAX_BYTES {
        return false;
    }
    let parsed = ast::parse::ParserBuilder::new().nest_limit(32).build().parse(pattern);
    parsed.is_ok_and(|ast| ast::visit(&ast, Portable { factors: Vec::new() }).is_ok())
}

struct Portable {
    /// The upper ends of the repetitions around the current place.
    factors: Vec<u64>,
}

impl Visitor for Portable {
    type Output = ();
    type Err = ();

    fn finish(self) -> Result<(), ()> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        match ast {
            // Spelled otherwise in ECMA 262, or unknown to it.
            Ast::Flags(_) | Ast::ClassUnicode(_) => Err(()),
            Ast::Group(group) if matches!(group.kind, ast::GroupKind::CaptureName { .. }) => Err(()),
            Ast::Group(group) => match &group.kind {
                ast::GroupKind::NonCapturing(flags) if !flags.items.is_empty() => Err(()),
                _ => Ok(()),
            },
            Ast::Assertion(assertion) => match assertion.kind {
                ast::AssertionKind::StartLine
                | ast::AssertionKind::EndLine
                | ast::AssertionKind::WordBoundary
                | ast::AssertionKind::NotWordBoundary => Ok(()),
                _ => Err(()),
            },
            Ast::Repetition(repetition) => {
                let most = match &repetition.op.kind {
                    RepetitionKind::Range(RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n)) => u64::from(*n),
                    RepetitionKind::Range(RepetitionRange::Bounded(_, n)) => u64::from(*n),
                    _ => 1,
                };
                self.factors.push(most.max(1));
                let product = self.factors.iter().fold(1u64, |product, factor| product.saturating_mul(*factor));
                if product > MAX_REPEATED { Err(()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), ()> {
        if matches!(ast, Ast::Repetition(_)) {
            self.factors.pop();
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), ()> {
        match item {
            ast::ClassSetItem::Ascii(_) | ast::ClassSetItem::Unicode(_) | ast::ClassSetItem::Bracketed(_) => Err(()),
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ast::ClassSetBinaryOp) -> Result<(), ()> {
        Err(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_portable;

    #[test]
    fn what_every_engine_knows_is_portable() {
        for pattern in ["^[a-z0-9]+$", r"^\d{4}-\d{2}$", "a|b", r"^(?:x|y)*\.z$", "", r"[\w.-]+"] {
            assert!(is_portable(pattern), "{pattern}");
        }
    }

    #[test]
    fn what_some_engines_refuse_is_not() {
        let deep = "(".repeat(200);
        for pattern in [r"(?=x)", r"(\w)\1", "[[:alpha:]]", r"\p{L}", "(?i)a", "(", "(a{100}){100}", r"\Z", &deep] {
            assert!(!is_portable(pattern), "{pattern}");
        }
    }
}
