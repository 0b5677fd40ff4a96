//! What the tests need from npm and PyPI, pinned by lock files: the real MCP servers that they connect to
//! (tests/fleet), the clients that connect to the host (tests/clients), the conformance suite with its own Node
//! (tests/conformance), the type checkers that read the host's stubs (tests/stubs), and documents of real APIs with the judge of
//! requests to them (tests/openapi), in folders that git ignores.

use crate::{Result, install, root, run};
use std::path::Path;
use std::process::Command;

/// Installs what is not installed yet. Each folder has a copy of the lock file that it was made from: when
/// that is still the same, nothing is done.
pub(crate) fn install() -> Result {
    let tests = root().join("tests");
    for folder in ["fleet", "clients", "conformance", "stubs", "openapi"] {
        install_npm(&tests.join(folder))?;
    }
    for folder in ["fleet", "clients", "stubs", "openapi"] {
        install::pypi(&tests.join(folder))?;
    }
    Ok(())
}

fn install_npm(folder: &Path) -> Result {
    install::once(&folder.join("package-lock.json"), &folder.join("node_modules"), || {
        run(Command::new("npm").current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))
    })
}
