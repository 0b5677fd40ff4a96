//! Source as interpreters take it: without byte order mark and `#!` line, and without types.

use crate::language::{Interpreter, Language};
use crate::typescript;

/// The longest script, in bytes.
pub const SOURCE_MAX_BYTES: usize = 1 << 20;

/// A script that an interpreter can run. Lines and columns are those of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What runs it.
    pub interpreter: Interpreter,
    /// The source for it.
    pub code: String,
}

/// Where a script cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong, and what to write instead where that is known.
    pub message: String,
}

/// Why a script cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// It is too long.
    #[error(
        "the script has {bytes} bytes, and {SOURCE_MAX_BYTES} is the most: pass data as `input`, not in the source"
    )]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It is no TypeScript, or TypeScript that is not types alone.
    #[error("{0}")]
    Syntax(#[from] SyntaxError),
    /// It nests too deep for the host to read, or may.
    #[error("line {line}: the script nests too deep for its types to be stripped: {advice}")]
    TooDeep {
        /// The line where that shows, from 1.
        line: u32,
        /// What to do.
        advice: &'static str,
    },
    /// The reader of TypeScript failed on it.
    #[error("the types of this script cannot be stripped ({0}): submit it as JavaScript, without types")]
    Unreadable(&'static str),
}

/// Makes source ready for its interpreter: a byte order mark goes, the text of a `#!` line goes and leaves an empty
/// line, and TypeScript's types become spaces, so that every line and column stays. JavaScript and Python are not
/// read here: their interpreters tell what is wrong with them.
///
/// # Errors
/// [`PrepareError`].
pub fn prepare(language: Language, code: &str) -> Result<Prepared, PrepareError> {
    if code.len() > SOURCE_MAX_BYTES {
        return Err(PrepareError::TooLong { bytes: code.len() });
    }
    let code = code.strip_prefix('\u{feff}').unwrap_or(code);
    let code = match code.strip_prefix("#!") {
        Some(rest) => rest.find(['\n', '\r']).and_then(|end| rest.get(end..)).unwrap_or_default(),
        None => code,
    };
    let code = match language {
        Language::TypeScript => typescript::strip(code)?,
        Language::JavaScript | Language::Python => code.to_owned(),
    };
    Ok(Prepared { interpreter: language.interpreter(), code })
}
