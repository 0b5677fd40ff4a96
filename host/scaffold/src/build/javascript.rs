//! JavaScript and TypeScript: esbuild makes one module of the source and its packages, componentize-qjs puts it into
//! a QuickJS, already read.

use super::{Event, read};
use crate::process::{Cancel, Step};
use crate::tools::{self, NODE_MISSING};
use crate::{Error, Language, PROJECT_FILE, Project};
use std::fs;

pub(super) fn build(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Vec<u8>, Error> {
    tools::node_modules(project, cancel, progress)?;
    let (folder, kind) = (&project.folder, project.kind);
    let node = |what, program: &str| {
        Step::new(what, "node", folder).args([format!("node_modules/{program}")]).missing(NODE_MISSING)
    };
    let typed = project.language == Language::TypeScript;
    if typed {
        progress(Event::Step("types"));
        node("checking the types", "typescript/bin/tsc").args(["--noEmit", "--pretty", "false"]).run(cancel)?;
    }
    progress(Event::Step("bundle"));
    let bundle = project.work().join("component.js");
    node("bundling", "esbuild/bin/esbuild")
        .args([format!("src/{kind}.{}", if typed { "ts" } else { "js" })])
        .args(["--bundle", "--format=esm", "--target=es2022", "--conditions=tollgate"])
        .args(["--external:tollgate:*", "--external:wasi:*", "--log-level=warning", "--color=false"])
        .args([format!("--outfile={}", bundle.display())])
        .advice("a module of Node itself (`node:fs` and such) is not there in a component")
        .run(cancel)?;
    let text = fs::read_to_string(&bundle).map_err(|error| Error::io("read", &bundle, error))?;
    // The bundle has only what is used of the helper package.
    if !project.http && text.contains("from \"wasi:http/") {
        let why = "the source uses `http` of the helper package: write `http = true` into this file".to_owned();
        return Err(Error::Project { file: folder.join(PROJECT_FILE), why });
    }
    progress(Event::Step("component"));
    let out = project.work().join("out.wasm");
    node("making the component", "componentize-qjs/bin/componentize-qjs")
        .args(["--wit", "tollgate/wit", "--world", &project.blocking_world(), "--sync", "--opt-size", "--js"])
        .args([&bundle])
        .args(["--output"])
        .args([&out])
        .advice("the module is run once when it is built: what it does outside of functions must need no host")
        .run(cancel)?;
    read(&out)
}
