//! Fetching the tools of a build, once, as the project's lock file pins them.

use crate::process::{Cancel, Step};
use crate::{Error, Event, Project};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// What to do where there is no Python.
const PYTHON_MISSING: &str =
    "install Python 3.11 or later (python.org, or your system's package `python3` with `python3-venv`)";
/// What to do where there is no Node.
pub(crate) const NODE_MISSING: &str = "install Node 20 or later (nodejs.org), which brings `npm`";
const OFFLINE: &str = "the tools come from a registry: look at the network, and at what a proxy may want";

/// The npm packages that `package-lock.json` pins, in `node_modules`.
pub(crate) fn node_modules(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let folder = &project.folder;
    let lock = folder.join("package-lock.json");
    once(project, "npm", &lock, &folder.join("node_modules"), || {
        progress(Event::Fetching("the npm packages of package-lock.json"));
        // No scripts of packages: nothing that the build needs has one.
        Step::new("fetching the npm packages", "npm", folder)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .missing(NODE_MISSING)
            .advice(OFFLINE)
            .run(cancel)
            .map(drop)
    })
}

/// A Python of the project's own, with what `tollgate/requirements.txt` pins.
pub(crate) fn python(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Python, Error> {
    let requirements = project.folder.join("tollgate/requirements.txt");
    let tools = project.folder.join(".tollgate/tools");
    let venv = tools.join("python");
    once(project, "python", &requirements, &venv, || {
        progress(Event::Fetching("the Python packages of tollgate/requirements.txt"));
        fs::create_dir_all(&tools).map_err(|error| Error::io("made", &tools, error))?;
        Step::new("making a Python environment", "python3", &tools)
            .args(["-m", "venv", "--clear", "python"])
            .missing(PYTHON_MISSING)
            .advice(PYTHON_MISSING)
            .run(cancel)?;
        Step::new("fetching the Python packages", venv.join("bin/python"), &project.folder)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
            .args(["--only-binary", ":all:", "--require-hashes", "-r"])
            .args([&requirements])
            .advice(OFFLINE)
            .run(cancel)
            .map(drop)
    })?;
    Ok(Python { bin: venv.join("bin") })
}

/// The project's own Python.
pub(crate) struct Python {
    /// Its folder of programs.
    pub bin: PathBuf,
}

/// Fetches what belongs to a lock file, unless the same was fetched before and is still there.
fn once(
    project: &Project,
    name: &str,
    lock: &Path,
    fetched: &Path,
    fetch: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let pinned = fs::read(lock).map_err(|error| Error::io("read", lock, error))?;
    let digest = hex::encode(Sha256::digest(&pinned));
    let folder = project.folder.join(".tollgate");
    let stamp = folder.join(format!("{name}.fetched"));
    if fetched.is_dir() && fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(());
    }
    // Not there while it is fetched: half of it is nothing.
    let _ = fs::remove_file(&stamp);
    fetch()?;
    fs::create_dir_all(&folder).map_err(|error| Error::io("made", &folder, error))?;
    fs::write(&stamp, digest).map_err(|error| Error::io("written", &stamp, error))
}
