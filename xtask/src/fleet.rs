//! What the tests need from npm and PyPI, pinned by lock files: the real MCP servers that they connect to
//! (tests/fleet), the clients that connect to the host (tests/clients), the conformance suite with its own Node
//! (tests/conformance), and the type checkers that read the host's stubs (tests/stubs), in folders that git ignores.

use crate::{Result, root, run};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Installs what is not installed yet. Each folder has a copy of the lock file that it was made from: when
/// that is still the same, nothing is done.
pub(crate) fn install() -> Result {
    let tests = root().join("tests");
    for folder in ["fleet", "clients", "conformance", "stubs"] {
        install_npm(&tests.join(folder))?;
    }
    for folder in ["fleet", "clients", "stubs"] {
        install_pypi(&tests.join(folder))?;
    }
    Ok(())
}

fn install_npm(folder: &Path) -> Result {
    install_once(&folder.join("package-lock.json"), &folder.join("node_modules"), || {
        run(Command::new("npm").current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))
    })
}

fn install_pypi(folder: &Path) -> Result {
    install_once(&folder.join("requirements.txt"), &folder.join(".venv"), || {
        run(Command::new("python3").current_dir(folder).args(["-m", "venv", "--clear", ".venv"]))?;
        let pip = [".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new("env").current_dir(folder).args(pip).args(["--require-hashes", "-r", "requirements.txt"]))
    })
}

fn install_once(lock: &Path, folder: &Path, install: impl Fn() -> Result) -> Result {
    let stamp = folder.join(".installed-from");
    let wanted = fs::read(lock).map_err(|error| format!("{} cannot be read: {error}", lock.display()))?;
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
    fs::write(&stamp, wanted).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}
