//! Go: the compiler as a Python package brings it.

use super::{Event, read};
use crate::process::{Cancel, Step};
use crate::{Error, Project, component, tools};

pub(super) fn build(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Vec<u8>, Error> {
    let python = tools::python(project, cancel, progress)?;
    progress(Event::Step("compile"));
    let out = project.work().join("module.wasm");
    Step::new("compiling", python.bin.join("go"), &project.folder)
        .args(["build", "-buildmode=c-shared", "-trimpath"])
        // The bindings allocate before Go's runtime is there, by a function of it that has no public name.
        .args(["-ldflags=-s -w -checklinkname=0", "-o"])
        .args([&out])
        .args(["."])
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOCACHE", project.folder.join(".tollgate/tools/go-cache"))
        .env("GOMODCACHE", project.folder.join(".tollgate/tools/go-modules"))
        .env("GOTOOLCHAIN", "local")
        .env("GOTELEMETRY", "off")
        .env("GOFLAGS", "-buildvcs=false")
        .run(cancel)?;
    progress(Event::Step("component"));
    component::encode(project, read(&out)?)
}
