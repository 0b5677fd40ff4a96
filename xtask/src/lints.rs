//! Formatting, and the warnings of the compiler, clippy and rustdoc, which are errors.
//!
//! [`check`] runs the tools one by one, for a developer who wants to know before committing. [`Lints`] has a build lint what it
//! compiles: dependencies are then compiled once and never only checked, which would take as long again.

use crate::{GUEST_TARGET, GUEST_WORKSPACES, HOST, JAVASCRIPT, Result, cargo, in_workspace, root, run};
use anyhow::{Context as _, anyhow};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

/// Clippy's arguments in the environment, as `cargo clippy` passes them.
const CLIPPY_ARGS: &str = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";

/// The rustdoc that [`rustdoc`] stands in for.
const REAL_RUSTDOC: &str = "TOLLGATE_RUSTDOC";

/// Tools that lint what a build compiles.
pub(crate) struct Lints {
    clippy: PathBuf,
    rustdoc: PathBuf,
    this: PathBuf,
}

impl Lints {
    /// Finds the tools of the toolchain.
    ///
    /// # Errors
    /// Where the toolchain has no clippy or no rustdoc.
    pub(crate) fn find() -> Result<Self> {
        let output = Command::new("rustc").current_dir(root()).args(["--print", "sysroot"]).output();
        let output = output.context("rustc could not be started")?;
        let bin = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("bin");
        let tool = |name: &str, component: &str| {
            let path = bin.join(name);
            let missing = || anyhow!("{} is missing; run: rustup component add {component}", path.display());
            if path.is_file() { Ok(path) } else { Err(missing()) }
        };
        let this = std::env::current_exe().context("this program's own file is unknown")?;
        Ok(Self { clippy: tool("clippy-driver", "clippy")?, rustdoc: tool("rustdoc", "rustc")?, this })
    }

    /// Has this cargo command compile the workspace by clippy, which fails on warnings. Guests that build scripts build are
    /// linted too.
    pub(crate) fn clippy<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("RUSTC_WORKSPACE_WRAPPER", &self.clippy).env("TOLLGATE_GUEST_WRAPPER", &self.clippy);
        command.env("CLIPPY_ARGS", CLIPPY_ARGS)
    }

    /// Has `cargo test --doc` also write each library's documentation, and fail on its warnings.
    pub(crate) fn rustdoc<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("RUSTDOC", &self.this).env(REAL_RUSTDOC, &self.rustdoc)
    }
}

/// Whether this process was started in rustdoc's place, by [`Lints::rustdoc`].
pub(crate) fn stands_in_for_rustdoc() -> Option<OsString> {
    std::env::var_os(REAL_RUSTDOC)
}

/// Runs `rustdoc` as `cargo test --doc` asks for it, after writing the documentation of the same crate from the same compiled
/// dependencies: `cargo doc` would check all of them anew.
///
/// # Errors
/// Where the documentation has a warning, or a test of it fails.
pub(crate) fn rustdoc(rustdoc: &OsStr, args: &[OsString]) -> Result {
    if args.iter().any(|arg| arg == "--test") {
        let mut document = Command::new(rustdoc);
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let text = arg.to_string_lossy();
            if text == "--test" || text.starts_with("--test-args=") {
                continue;
            }
            if ["--test-run-directory", "--test-args", "--test-runtool", "--test-runtool-arg"].contains(&&*text) {
                rest.next();
                continue;
            }
            document.arg(arg);
        }
        document.args(["-D", "warnings", "--out-dir"]).arg(crate::target_dir().join("doc"));
        quietly(&mut document)?;
    }
    quietly(Command::new(rustdoc).args(args))
}

/// Runs a command without naming it: cargo names what it runs.
fn quietly(command: &mut Command) -> Result {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(anyhow!("rustdoc ended with {status}")),
        Err(error) => Err(anyhow!("rustdoc could not be started: {error}")),
    }
}

/// Formatting of all workspaces.
///
/// # Errors
/// Where a file is not formatted.
pub(crate) fn format() -> Result {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    for workspace in GUEST_WORKSPACES.into_iter().chain([JAVASCRIPT]) {
        run(cargo(&["fmt", "--all", "--check"]).current_dir(root().join(workspace)))?;
    }
    Ok(())
}

/// Clippy over the SDK on Wasm: for the others it is part of the path, which no build lints.
///
/// # Errors
/// Where it finds something.
pub(crate) fn sdk() -> Result {
    wasm("guest-sdk/rust")
}

/// Guests run on Wasm, so that is what is checked.
fn wasm(workspace: &str) -> Result {
    let mut clippy = in_workspace(workspace, &["clippy", "--release", "--workspace", "--locked"]);
    // `-D warnings` goes by the environment.
    run(clippy.args(["--target", GUEST_TARGET]).env("RUSTFLAGS", "-D warnings"))
}

/// Formatting, clippy and documentation of everything, without building it.
///
/// # Errors
/// Says which command failed.
pub(crate) fn check() -> Result {
    format()?;
    // The host with the features that it is built and tested with, so that what build scripts compile serves both.
    for packages in [&HOST[..], &["-p", "xtask"]] {
        run(&mut cargo(
            &[&["clippy", "--release", "--all-targets", "--locked"], packages, &["--", "-D", "warnings"]].concat(),
        ))?;
        let mut doc = cargo(&[&["doc", "--release", "--no-deps", "--locked"], packages].concat());
        run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    GUEST_WORKSPACES.into_iter().try_for_each(wasm)?;
    // As its tests are built, so that the engine's C is compiled once for both.
    let mut clippy = in_workspace(JAVASCRIPT, &["clippy", "--release", "--all-targets", "--locked"]);
    run(clippy.args(["--", "-D", "warnings"]))
}
