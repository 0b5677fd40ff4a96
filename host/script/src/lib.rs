//! Scripts.

/// A language of scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// JavaScript.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// Python.
    Python,
}

/// What runs scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpreter {
    /// JavaScript, and TypeScript without its types.
    JavaScript,
    /// Python.
    Python,
}

impl Interpreter {
    /// Each.
    pub const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }
}
