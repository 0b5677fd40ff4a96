//! A language model that answers from a script, by the real interfaces of OpenAI (Chat Completions) and Anthropic (Messages)
//! over HTTP on loopback, streamed and whole.
//!
//! Both interfaces are spoken on one port. What is sent is held against the real interfaces: a request that those would
//! refuse is refused with their own kind of error, and uses up no turn. A valid one gets the next [`Turn`]: an answer or a
//! fault. Every request is recorded.
//!
//! A test starts one in its own process by [`Scripted::start`], or as a [`program`] with a script in JSON, which prints its
//! address.
//!
//! # Layout
//!
//! - [`script`]: [`Script`], [`Turn`], [`Fault`]. [`server`]: [`Scripted`] and what it records.
//! - `openai`, `anthropic`: what each interface refuses, and how it says an answer. `strict`: schemas that bind a model.

mod anthropic;
mod openai;
pub mod script;
pub mod server;
mod strict;

pub use script::{Counted, Fault, Finish, Script, Turn, Use};
pub use server::{Interface, Recorded, Scripted};

use std::io;
use std::path::PathBuf;

/// The program, for tests of other packages: it stands beside them in the target folder.
///
/// # Errors
/// It is not built.
pub fn program() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let name = format!("tollgate-scripted-model{}", std::env::consts::EXE_SUFFIX);
    // Tests are in `deps` or `examples` of the folder that programs are in.
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
    beside.into_iter().find(|program| program.is_file()).ok_or_else(|| {
        let why = format!("there is no {name} near {}; run `cargo build -p tollgate-scripted-model`", test.display());
        io::Error::new(io::ErrorKind::NotFound, why)
    })
}
