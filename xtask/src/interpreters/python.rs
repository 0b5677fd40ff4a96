//! The Python interpreter: CPython as componentize-py brings it, with the modules under
//! `plugins/interpreters/python`, as one component.

use super::{python, quietly, sources, when_changed};
use crate::{Result, root, run};
use anyhow::Context as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the component is made of, under `plugins/interpreters/python`. The tests beside it are no part of it.
const ENTRY: &str = "app.py";
const PACKAGE: &str = "tollgate_python";

/// What the component is made of, below the workspace's folder.
const INPUTS: [&str; 4] = [
    "plugins/interpreters/python/app.py",
    "plugins/interpreters/python/tollgate_python",
    "plugins/interpreters/requirements.txt",
    "wit",
];

/// Builds `python.wasm` into the folder `out`, unless it is there and was made from the same sources.
///
/// # Errors
/// Says which command failed, or which file cannot be read or written.
pub(crate) fn build(out: &Path) -> Result {
    let component = out.join("python.wasm");
    when_changed(&component, &INPUTS, || {
        // A copy: the build takes the whole folder into the component.
        let copy = out.join("python");
        copy_sources(&copy)?;
        let making = out.join("python.making");
        quietly(
            "the Python interpreter: componentize-py",
            Command::new(python()?.with_file_name("componentize-py"))
                .current_dir(root())
                .args(["-d", "wit", "-w", "interpreter", "componentize", "-p"])
                .arg(&copy)
                .args(["app", "-o"])
                .arg(&making),
        )?;
        fs::rename(&making, &component).with_context(|| failed("written", &component))
    })
}

/// Runs the tests of its modules, over a host without Wasm.
///
/// # Errors
/// They fail.
pub(crate) fn test() -> Result {
    run(Command::new(python()?)
        .current_dir(sources().join("python"))
        .args(["-m", "unittest", "discover", "-s", "tests"]))
}

fn copy_sources(to: &Path) -> Result {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| failed("removed", to))?;
    }
    let from = sources().join("python");
    let package = to.join(PACKAGE);
    fs::create_dir_all(&package).with_context(|| failed("made", &package))?;
    copy(&from.join(ENTRY), &to.join(ENTRY))?;
    let folder = from.join(PACKAGE);
    let unread = || failed("read", &folder);
    for entry in fs::read_dir(&folder).with_context(unread)? {
        let entry = entry.with_context(unread)?;
        // The package is one folder of modules; what Python left there is no source.
        if entry.path().extension().is_some_and(|extension| extension == "py") {
            copy(&entry.path(), &package.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map(drop).with_context(|| failed("written", to))
}

fn failed(what: &str, path: &Path) -> String {
    format!("{} cannot be {what}", path.display())
}
