//! Installing what is needed, once: what lock files name, and targets of the compiler.

use crate::{Result, root, run};
use anyhow::Context as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Installs what `lock` names into `folder`, where that was not done yet: the folder keeps a copy of the lock file
/// that it was made from.
pub(crate) fn once(lock: &Path, folder: &Path, install: impl Fn() -> Result) -> Result {
    let stamp = folder.join(".installed-from");
    let wanted = fs::read(lock).with_context(|| format!("{} cannot be read", lock.display()))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // Registries have bad moments; what is installed is checked by the lock file either way.
    let mut last = Ok(());
    for _ in 0..3 {
        last = install();
        if last.is_ok() {
            break;
        }
    }
    last?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Installs what `requirements.txt` of a folder names into its `.venv`.
pub(crate) fn pypi(folder: &Path) -> Result {
    once(&folder.join("requirements.txt"), &folder.join(".venv"), || {
        run(Command::new("python3").current_dir(folder).args(["-m", "venv", "--clear", ".venv"]))?;
        let pip = [".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new("env").current_dir(folder).args(pip).args(["--require-hashes", "-r", "requirements.txt"]))
    })
}

/// Adds a target to the toolchain, where it is missing: rustup's own installation of what `rust-toolchain.toml` names can
/// be off.
pub(crate) fn target(name: &str) -> Result {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(root()).args(["--print", "target-libdir", "--target", name]);
    if rustc.output().is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()) {
        return Ok(());
    }
    run(Command::new("rustup").current_dir(root()).args(["target", "add", name]))
        .with_context(|| format!("the Rust target {name} is missing, and could not be added"))
}
