//! An MCP server for tests, and the conformance suite as a function.
//!
//! [`Fixture`] offers by name what the suite's server scenarios ask for (`test_simple_text` and so on), in every
//! protocol version that rmcp speaks. A test gets it over HTTP by [`Running::start`] in its own process, over a
//! stream by [`rmcp::serve_server`], or as a [`program`] with `--stdio` or `--http PORT`.
//!
//! [`suite`] runs the official suite against a server or a client and reads what it found.
//!
//! # Layout
//!
//! - [`server`]: [`Fixture`], which tool is which. `catalog`: the lists of tools, resources and prompts.
//! - Tools: `content` (what they answer), `talk` (those that send notifications), `ask` (those that ask the client:
//!   by server requests before 2026-07-28, by `input_required` results since), `work` (tasks).
//! - [`http`]: the fixture over Streamable HTTP. [`suite`]: the conformance suite.

mod ask;
mod catalog;
mod content;
pub mod http;
pub mod server;
pub mod suite;
mod talk;
mod work;

pub use http::Running;
pub use server::Fixture;

use std::io;
use std::path::PathBuf;

/// The program, for tests of other packages: it stands beside them in the target folder.
///
/// # Errors
/// It is not built.
pub fn program() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let name = format!("tollgate-fixture-server{}", std::env::consts::EXE_SUFFIX);
    // Tests are in `deps` or `examples` of the folder that programs are in.
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
    beside.into_iter().find(|program| program.is_file()).ok_or_else(|| {
        let why = format!("there is no {name} near {}; run `cargo build -p tollgate-fixture-server`", test.display());
        io::Error::new(io::ErrorKind::NotFound, why)
    })
}
