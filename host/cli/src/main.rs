//! The command `tollgate`: parse, call the library, print, exit code.
//!
//! # Layout
//!
//! - [`args`]: the command line; [`help`]: the help of the whole program.
//! - [`setup`]: from the command line to a host: which configuration, whether it is trusted, journals.
//! - [`commands`]: one file a command.
//! - [`terminal`]: the person at the terminal as a run's client; [`form`]: questions and answers.
//! - [`timeline`]: calls while they are under way, and after; [`wait`]: what a command waits for.
//! - [`print`]: what people and programs see; [`exit`]: exit codes.
//! - `reference`: a test that docs/commands-and-keys.md says what the command line and the parser say.

#[cfg(windows)]
compile_error!("Tollgate runs on Linux and macOS. On Windows, build and run it inside WSL.");

mod args;
mod commands;
mod exit;
mod form;
mod help;
mod print;
#[cfg(test)]
mod reference;
mod setup;
mod terminal;
mod timeline;
mod wait;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = help::parse();
    setup::init_output(&args.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::error(&format!("the async runtime could not be started: {error}"));
            return ExitCode::from(exit::ERROR);
        }
    };
    let code = runtime.block_on(commands::dispatch(args));
    // Drops what a command left when it ended early, child processes with it. Whatever is still blocking (a read
    // of stdin) must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ExitCode::from(code)
}
