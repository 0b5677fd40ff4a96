//! JavaScript and TypeScript: esbuild makes one module of the source and its packages, componentize-qjs puts it into
//! a QuickJS, already read.

use super::{Event, read};
use crate::process::{Cancel, Step};
use crate::tools::{self, NODE_MISSING};
use crate::{Error, Language, PROJECT_FILE, Project};
use std::fs;
use std::path::{Path, PathBuf};

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
    let wit = if project.http { wit_for_the_tool(project)? } else { folder.join("tollgate/wit") };
    let out = project.work().join("out.wasm");
    node("making the component", "componentize-qjs/bin/componentize-qjs")
        .args(["--world", &project.blocking_world(), "--sync", "--opt-size", "--wit"])
        .args([&wit])
        .args(["--js"])
        .args([&bundle])
        .args(["--output"])
        .args([&out])
        .advice("the module is run once when it is built: what it does outside of functions must need no host")
        .run(cancel)?;
    let mut component = read(&out)?;
    if project.http {
        rename_wasi(&mut component);
    }
    Ok(component)
}

// The tool runs the component once, against a WASI of its own. What it lacks it stands in for, but not for what has to do
// with what it has, as `wasi:http` has with `wasi:io`. So while it works, all that `wasi:http` uses has a version that it
// does not know, and afterwards one that the component does not import already.

/// The version in the helper package's WIT, while the tool works, and afterwards. The last two are of one length.
const WASI: &str = "@0.2.12";
const WASI_UNKNOWN: &str = "@9.2.11";
const WASI_AFTERWARDS: &str = "@0.2.11";

/// A copy of the WIT with a version of WASI that no tool knows.
fn wit_for_the_tool(project: &Project) -> Result<PathBuf, Error> {
    let copy = project.work().join("wit");
    copy_wit(&project.folder.join("tollgate/wit"), &copy)?;
    Ok(copy)
}

fn copy_wit(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|error| Error::io("made", to, error))?;
    let unread = |error| Error::io("read", from, error);
    for entry in fs::read_dir(from).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_wit(&path, &copy)?;
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        fs::write(&copy, text.replace(WASI, WASI_UNKNOWN)).map_err(|error| Error::io("written", &copy, error))?;
    }
    Ok(())
}

/// Gives the interfaces of WASI their version in a component.
fn rename_wasi(component: &mut [u8]) {
    for name in ["clocks/monotonic-clock", "http/outgoing-handler", "http/types", "io/error", "io/poll", "io/streams"] {
        let (old, new) = (format!("wasi:{name}{WASI_UNKNOWN}"), format!("wasi:{name}{WASI_AFTERWARDS}"));
        let mut at = 0;
        while let Some(rest) = component.get_mut(at..) {
            let Some(found) = rest.windows(old.len()).position(|part| part == old.as_bytes()) else { break };
            if let Some(part) = rest.get_mut(found..found + new.len()) {
                part.copy_from_slice(new.as_bytes());
            }
            at += found + new.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_wasi_is_renamed_and_nothing_else() {
        assert_eq!(WASI_UNKNOWN.len(), WASI_AFTERWARDS.len());
        let mut bytes =
            b"wasi:http/types@9.2.11wasi:http/types@9.2.11\0wasi:io/poll@0.2.12 wasi:io/other@9.2.11".to_vec();
        rename_wasi(&mut bytes);
        let expected = b"wasi:http/types@0.2.11wasi:http/types@0.2.11\0wasi:io/poll@0.2.12 wasi:io/other@9.2.11";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn the_copy_of_the_wit_knows_no_other_version_of_wasi() {
        let temp = tempfile::tempdir().unwrap();
        copy_wit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit"), temp.path()).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        resolve.push_path(temp.path()).unwrap();
        let wasi = resolve.package_names.keys().filter(|name| name.namespace == "wasi");
        let versions: Vec<_> = wasi.filter_map(|name| name.version.as_ref()).map(ToString::to_string).collect();
        assert_eq!(versions.len(), 3);
        assert!(versions.iter().all(|version| *version == WASI_UNKNOWN[1..]), "{versions:?}");
    }
}
