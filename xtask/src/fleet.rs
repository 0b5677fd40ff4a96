//! What the tests need from npm and PyPI, pinned by lock files: the real MCP servers that they connect to
//! (tests/fleet), the clients that connect to the host (tests/clients), and the conformance suite with its own Node
//! (tests/conformance), in folders that git ignores.

use crate::{Result, install, root, run};
use std::path::Path;
use std::process::Command;

/// Installs what is not installed yet. Each folder has a copy of the lock file that it was made from: when
/// that is still the same, nothing is done.
pub(crate) fn install() -> Result {
    let tests = root().join("tests");
    for folder in ["fleet", "clients", "conformance"] {
        install_npm(&tests.join(folder))?;
    }
    install::pypi(&tests.join("fleet"))?;
    install::pypi(&tests.join("clients"))
}

fn install_npm(folder: &Path) -> Result {
    install::once(&folder.join("package-lock.json"), &folder.join("node_modules"), || {
        run(Command::new("npm").current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))
    })
}
