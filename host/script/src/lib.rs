//! Scripts before and after they run: which language, types stripped, what goes to an interpreter and comes back,
//! errors shown in the submitted code, sessions, and scripts kept by name.
//!
//! No interpreter is here, and nothing runs. Source text, interpreters' answers and saved files are untrusted: all is
//! bounded.
//!
//! ```
//! use tollgate_script::{Interpreter, Language, detect, prepare};
//!
//! let code = "const n: number = 1;\nreturn n;";
//! let language = detect(None, Some("sum.ts".as_ref()), code)?;
//! assert_eq!(language, Language::TypeScript);
//! let prepared = prepare(language, code)?;
//! assert_eq!(prepared.interpreter, Interpreter::JavaScript);
//! assert_eq!(prepared.code, "const n         = 1;\nreturn n;");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! - [`language`]: the languages, and how a script's is found. - [`prepare`](mod@prepare): source as interpreters take
//!   it; `typescript` and `depth` (private): types stripped, on a thread of its own, from source that cannot overflow it.
//! - [`envelope`]: an interpreter's input and output. - [`error`]: a script's failure, shown in its source.
//! - [`sessions`]: variables between runs. - [`library`]: scripts kept on disk under names.

mod depth;
pub mod envelope;
pub mod error;
pub mod language;
pub mod library;
pub mod prepare;
pub mod sessions;
mod typescript;

pub use envelope::{Input, Output};
pub use error::{Frame, ScriptError};
pub use language::{Interpreter, Language, UnknownLanguage, detect};
pub use library::{Library, LibraryError, NewScript, SavedScript};
pub use prepare::{PrepareError, Prepared, SOURCE_MAX_BYTES, SyntaxError, prepare};
pub use sessions::{Lease, SessionError, SessionKey, Sessions};
