//! C: clang, as the Python package of Zig brings it with a C library for WASI.

use super::{Event, read};
use crate::process::{Cancel, Step};
use crate::{Error, Project, component, tools};
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

/// The most source files that are compiled.
const SOURCES_MAX: usize = 1_000;

pub(super) fn build(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Vec<u8>, Error> {
    let python = tools::python(project, cancel, progress)?;
    let sdk = PathBuf::from("tollgate/guest-sdk/c");
    let ours = ["json.c", "check.c", "answer.c", "host.c", "generated/policy_blocking.c"].map(|file| sdk.join(file));
    progress(Event::Step("compile"));
    let out = project.work().join("module.wasm");
    Step::new("compiling", python.bin.join("python"), &project.folder)
        .args(["-m", "ziglang", "cc", "-target", "wasm32-wasi", "-mexec-model=reactor"])
        .args(["-std=c11", "-Os", "-s", "-Wall", "-I"])
        .args([&sdk])
        .args(sources(project)?)
        .args(ours)
        .args(["-o"])
        .args([&out])
        // The compiled C library stays in the project too.
        .env("ZIG_GLOBAL_CACHE_DIR", project.folder.join(".tollgate/tools/zig"))
        .env("ZIG_LOCAL_CACHE_DIR", project.work().join("zig"))
        .run(cancel)?;
    progress(Event::Step("component"));
    component::encode(project, read(&out)?)
}

/// The C files in `src`, in the order of their names.
fn sources(project: &Project) -> Result<Vec<PathBuf>, Error> {
    let folder = project.folder.join("src");
    let unread = |error| Error::io("read", &folder, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unread)?.take(SOURCES_MAX) {
        let path = entry.map_err(unread)?.path();
        if path.extension() == Some(OsStr::new("c")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
