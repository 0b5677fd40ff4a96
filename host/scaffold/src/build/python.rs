//! Python: componentize-py puts the source into a CPython, already imported.

use super::{Event, read};
use crate::process::{Cancel, Step};
use crate::{Error, Kind, Project, tools};
use std::fs;

/// The modules of the interfaces `types`, as the helper package imports them.
const NAMES_WITH_HTTP: [&str; 2] = ["tollgate:types/types@0.1.0=types", "wasi:http/types@0.2.12=http_types"];

pub(super) fn build(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Vec<u8>, Error> {
    let python = tools::python(project, cancel, progress)?;
    let work = project.work();
    // The whole folder goes into the component: nothing else may be in it.
    let entry = work.join("entry");
    fs::create_dir_all(&entry).map_err(|error| Error::io("made", &entry, error))?;
    let (kind, world) = match project.kind {
        Kind::Policy => ("policy", "PolicyWorld"),
        Kind::Adapter => ("adapter", "AdapterWorld"),
    };
    let file = entry.join("app.py");
    let declared = if project.kind == Kind::Policy { "the_policy" } else { "the_tools" };
    let text = format!(
        "import {kind}\nfrom tollgate.component import {world} as WitWorld\nfrom tollgate.declare import {declared}\n\n{declared}()\n"
    );
    fs::write(&file, text).map_err(|error| Error::io("written", &file, error))?;
    progress(Event::Step("component"));
    let out = work.join("out.wasm");
    // Two interfaces have one name then.
    let names: &[&str] = if project.http { &NAMES_WITH_HTTP } else { &[] };
    Step::new("making the component", python.bin.join("componentize-py"), &project.folder)
        .args(["--quiet", "--wit-path", "tollgate/wit", "--world", &project.blocking_world()])
        .args(names.iter().flat_map(|name| ["--import-interface-name", name]))
        .args(["componentize"])
        .args(["--python-path", ".tollgate/build/entry", "--python-path", "src"])
        .args(["--python-path", "tollgate/guest-sdk/python", "app", "--output"])
        .args([&out])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .advice("the module is imported once when it is built: what it does outside of functions must need no host")
        .run(cancel)?;
    read(&out)
}
