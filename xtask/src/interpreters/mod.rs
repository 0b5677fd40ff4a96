//! The components under plugins/interpreters: each is built in its language's way, with tools from PyPI that a lock
//! file pins, and lies in target/interpreters afterwards.
//!
//! # Layout
//!
//! - This file: what the builds share: tools, and when there is nothing to do.
//! - [`javascript`]: QuickJS behind Rust. `python`: CPython by componentize-py.
//! - [`ready`]: what was built, initialised and compiled to machine code.

mod javascript;
pub(crate) mod python;
mod ready;

use crate::{GUEST_TARGET, HOST, Result, cargo, install, root, run, target_dir};
use anyhow::{Context as _, anyhow};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The targets that guests and interpreters are compiled for.
pub(crate) const TARGETS: [&str; 2] = [GUEST_TARGET, javascript::TARGET];

/// Builds every interpreter whose sources have changed, and makes it ready to run; builds the host for that.
pub(crate) fn build() -> Result {
    build_components()?;
    run(cargo(&["build", "--release", "--locked"]).args(HOST).args(ready::TOOLS))?;
    make_ready()
}

/// Builds the component of every interpreter whose sources have changed.
pub(crate) fn build_components() -> Result {
    let out = folder();
    fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;
    javascript::build(&out)?;
    python::build(&out)
}

/// Initialises and compiles the components that have changed, with the programs in `target/release`.
pub(crate) fn make_ready() -> Result {
    ready::build(&folder())
}

fn folder() -> PathBuf {
    target_dir().join("interpreters")
}

/// The folder of the interpreters' sources.
fn sources() -> PathBuf {
    root().join("plugins/interpreters")
}

/// The Python of the environment with the build tools, installed where it is not there yet.
fn python() -> Result<PathBuf> {
    install::pypi(&sources())?;
    Ok(sources().join(".venv/bin/python"))
}

/// Makes `output` by `make` where `inputs`, files and folders (below the workspace's where their paths are relative), are not those that it was made
/// of. Their digest lies beside it.
fn when_changed<P: AsRef<Path>>(output: &Path, inputs: &[P], make: impl FnOnce() -> Result) -> Result {
    let mut digest = Sha256::new();
    for input in inputs {
        add(&mut digest, &root().join(input))?;
    }
    let wanted = hex::encode(digest.finalize());
    let stamp = output.with_extension("made-of");
    if output.is_file() && fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == wanted) {
        return Ok(());
    }
    make()?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Adds a file, or a folder's files in the order of their names. What git ignores here is no source.
fn add(digest: &mut Sha256, path: &Path) -> Result {
    let unread = || format!("{} cannot be read", path.display());
    if path.is_dir() {
        let entries: std::io::Result<Vec<_>> = fs::read_dir(path).with_context(unread)?.collect();
        let mut paths: Vec<_> = entries.with_context(unread)?.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        paths.retain(|path| !path.ends_with("target") && !path.ends_with(".venv"));
        return paths.iter().try_for_each(|path| add(digest, path));
    }
    let content = fs::read(path).with_context(unread)?;
    let name = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned();
    for part in [name.as_bytes(), &content] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    Ok(())
}

/// Runs a command, whose output is shown only where it fails.
fn quietly(what: &str, command: &mut Command) -> Result {
    eprintln!("xtask: {what}");
    let output = command.output().with_context(|| format!("{command:?} could not be started"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(anyhow!("{command:?} ended with {}:\n{}", output.status, String::from_utf8_lossy(&said)))
}
