//! Every developer command: `cargo xtask COMMAND`.
//!
//! # Layout
//!
//! - This file: the commands.
//! - [`testing`]: `test`, stage by stage; with `--lint` all that CI checks. [`lints`]: `check`, and how a build lints what it compiles.
//! - [`stages`]: how long each stage takes.
//! - `links`: a test that links of the documentation lead somewhere. `dependencies`: tests that each is used, and that Wasmtime is
//!   compiled once.
//! - [`fleet`]: the real MCP servers and clients that the tests use, the conformance suite, type checkers.
//! - [`interpreters`]: the components that run scripts, each built in its language's way.
//! - [`tools`]: rules for dependencies, fuzzing.
//! - [`install`]: installing what lock files name and targets of the compiler, once.
//! - [`dist`]: the archive with the binary and the compiled components.

#[cfg(test)]
mod dependencies;
mod dist;
mod fleet;
mod install;
mod interpreters;
#[cfg(test)]
mod links;
mod lints;
mod stages;
mod testing;
mod tools;

use anyhow::{Context as _, anyhow};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test [ARGS]   fetch what `fleet` fetches, then run every test (ARGS go to `cargo test`)
  test --lint   also check formatting, and have the same builds fail on warnings of the compiler, clippy and rustdoc:
                what CI runs, and faster than `check` and `test` after each other
  check         formatting, clippy with warnings as errors, docs
  fleet         fetch real servers and clients, the conformance suite and type checkers: npm and PyPI packages
                pinned by lock files, into tests/fleet, tests/clients, tests/conformance, tests/stubs, tests/openapi
  plugins       build the components under plugins/, interpreters included, and compile these for this machine
  bench [ARGS]  run the measurements (ARGS choose some by name)
  deny          licences and sources of all dependencies, by deny.toml; with --advisories what RustSec knows of them
  fuzz [--minutes N] [TARGET]…
                run the fuzz targets, each for N minutes (10), with the nightly toolchain
  dist          make target/dist/tollgate-VERSION-TARGET.tar.gz
";

/// Errors only travel to the person who called.
type Result<T = ()> = anyhow::Result<T>;

fn main() -> ExitCode {
    if let Some(rustdoc) = lints::stands_in_for_rustdoc() {
        let done = lints::rustdoc(&rustdoc, &std::env::args_os().skip(1).collect::<Vec<_>>());
        return done.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "test" => testing::run_all(&rest),
        "check" => lints::check(),
        "fleet" => fleet::install(),
        "plugins" => plugins(),
        "bench" => bench(&rest),
        "deny" => tools::deny(&rest),
        "fuzz" => tools::fuzz(&rest),
        "dist" => dist::dist(),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(anyhow!("there is no command `{other}`\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// The folder that cargo builds into.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Runs a command in the workspace's folder, its output going where ours goes.
fn run(command: &mut Command) -> Result {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("xtask: {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(anyhow!("`{shown}` ended with {status}")),
        Err(error) => Err(anyhow!("`{shown}` could not be started: {error}")),
    }
}

/// Like [`run`], but what the command prints appears whole once it has ended: for work beside other work.
fn run_held_back(command: &mut Command) -> Result {
    let shown = format!("{command:?}").replace('"', "");
    let output = command.output().with_context(|| format!("`{shown}` could not be started"))?;
    let printed = [String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout)].concat();
    println!("xtask: {shown}\n{printed}");
    if output.status.success() { Ok(()) } else { Err(anyhow!("`{shown}` ended with {}", output.status)) }
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    command
}

/// What is built to run, always together: alone, a package would have other features, and so would all with these
/// commands among them; and Wasmtime would be compiled again.
const HOST: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// The guests' own workspaces, which the host's does not contain.
const GUEST_WORKSPACES: [&str; 3] = ["guest-sdk/rust", "plugins", "tests/guests"];

/// The target that guests are built for.
const GUEST_TARGET: &str = "wasm32-wasip2";

/// The JavaScript interpreter's, which is tested on this machine.
const JAVASCRIPT: &str = "plugins/interpreters/javascript";

fn in_workspace(workspace: &str, args: &[&str]) -> Command {
    let mut command = cargo(args);
    // One target folder for all of them, beside and not inside the host's: cargo locks it.
    command.current_dir(root().join(workspace)).arg("--target-dir").arg(target_dir().join("guests"));
    command
}

fn plugins() -> Result {
    install::target(GUEST_TARGET)?;
    run(&mut in_workspace("plugins", &["build", "--release", "--locked", "--target", GUEST_TARGET]))?;
    interpreters::build()
}

fn bench(args: &[String]) -> Result {
    fleet::install()?;
    run(&mut cargo(&[&["build", "--release", "--locked"], &HOST[..]].concat()))?;
    run(measurements().args(args))
}

/// The program that measures, once it is built.
fn measurements() -> Command {
    let mut command = Command::new(target_dir().join("release/tollgate-bench"));
    // With RUST_BACKTRACE=1 an error in the engine costs a backtrace that nobody sees: 60 µs for each HTTP answer that ends.
    command.env("RUST_LIB_BACKTRACE", "0");
    command
}
