//! From a module to a component, and whether a host will take it.

use crate::{Error, Kind, Project};
use std::path::Path;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, Validator, WasmFeatures};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// The largest component that a host reads, in bytes.
const COMPONENT_MAX_BYTES: usize = 128 << 20;

/// The host's own interfaces.
const OFFERED: &[&str] = &[
    "tollgate:types/types@0.1.",
    "tollgate:tools/tools@0.1.",
    "tollgate:tools/tools-blocking@0.1.",
    "tollgate:resources/resources@0.1.",
    "tollgate:resources/resources-blocking@0.1.",
    "tollgate:resources/resources-types@0.1.",
    "tollgate:prompts/prompts@0.1.",
    "tollgate:prompts/prompts-blocking@0.1.",
    "tollgate:prompts/prompts-types@0.1.",
    "tollgate:log/log@0.1.",
    "tollgate:log/progress@0.1.",
    "tollgate:timer/timer@0.1.",
    "tollgate:timer/timer-blocking@0.1.",
    "tollgate:script/names@0.1.",
    "tollgate:state/state-types@0.1.",
    "tollgate:state/state@0.1.",
    "tollgate:state/state-blocking@0.1.",
    "tollgate:servers/servers-types@0.1.",
    "tollgate:servers/servers@0.1.",
    "tollgate:servers/servers-blocking@0.1.",
    "tollgate:model/model-types@0.1.",
    "tollgate:model/model@0.1.",
    "tollgate:model/model-blocking@0.1.",
    "tollgate:ask/ask-types@0.1.",
    "tollgate:ask/ask@0.1.",
    "tollgate:ask/ask-blocking@0.1.",
];
/// The parts of WASI 0.2 that a host has, though empty.
const OFFERED_WASI: &[&str] = &["cli", "clocks", "filesystem", "io", "random", "sockets"];
/// Of WASI HTTP a component may send; it is no server.
const OFFERED_HTTP: &[&str] = &["types", "outgoing-handler"];

/// The outside of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// What it makes of the file.
    pub kind: Kind,
    /// The interfaces that it imports, as `tollgate:tools/tools@0.1.0`.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

/// Makes a component of a module for `wasm32-wasip1`, by the project's world.
pub(crate) fn encode(project: &Project, mut module: Vec<u8>) -> Result<Vec<u8>, Error> {
    let wit = project.folder.join("tollgate/wit");
    let wrong = |why: String| Error::Component { path: project.component(), why };
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_path(&wit)
        .map_err(|error| Error::Component { path: wit.clone(), why: format!("the WIT cannot be read: {error:#}") })?;
    let world = resolve
        .select_world(&[package], Some(&project.blocking_world()))
        .map_err(|error| Error::Component { path: wit.clone(), why: format!("{error:#}") })?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| wrong(format!("{error:#}")))?;
    let adapter = (WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.adapter(adapter.0, adapter.1))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| wrong(format!("it is no {}: {error:#}", project.kind)))
}

/// Finds out whether a host will take a file, as the host itself does: valid, known imports, the exports of a world.
/// Runs nothing.
///
/// # Errors
/// [`Error::Component`] names the path and says what is wrong.
pub fn check(path: &Path, bytes: &[u8]) -> Result<World, Error> {
    inspect(bytes).map_err(|why| Error::Component { path: path.to_owned(), why })
}

fn inspect(bytes: &[u8]) -> Result<World, String> {
    if bytes.len() > COMPONENT_MAX_BYTES {
        return Err(format!("it has {} bytes; a host reads at most {COMPONENT_MAX_BYTES}", bytes.len()));
    }
    let damaged = |error: wasmparser::BinaryReaderError| format!("it is no valid component: {error}");
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    // The file's own sections come at depth 0; nested modules and components are skipped over.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err("it is a core module, not a component".to_owned());
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(damaged)?;
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(damaged)?;
                    if export.kind != ComponentExternalKind::Type {
                        exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    let features = WasmFeatures::default() | WasmFeatures::CM_ASYNC;
    Validator::new_with_features(features).validate_all(bytes).map_err(damaged)?;
    let unknown: Vec<&str> = imports.iter().map(String::as_str).filter(|import| !is_offered(import)).collect();
    if !unknown.is_empty() {
        return Err(format!("it imports what no host offers: {}", unknown.join(", ")));
    }
    let has = |name: &str| exports.iter().any(|export| export == name);
    let kind = match (has("describe") && has("run"), has("list-tools") && has("call-tool")) {
        (true, false) => Kind::Policy,
        (false, true) => Kind::Adapter,
        _ => {
            let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(format!(
                "it is neither a policy (exports `describe` and `run`) nor an adapter (`list-tools` and `call-tool`); it exports {found}"
            ));
        }
    };
    Ok(World { kind, imports, exports })
}

/// Whether a host has an interface, named as `tollgate:tools/tools@0.1.0`. The host's own list is the same, which a test of
/// both holds: this crate is without the host.
pub fn is_offered(import: &str) -> bool {
    if OFFERED.iter().any(|prefix| import.starts_with(prefix)) {
        return true;
    }
    let Some((package, rest)) = import.strip_prefix("wasi:").and_then(|name| name.split_once('/')) else {
        return false;
    };
    let Some((interface, version)) = rest.split_once('@') else { return false };
    let is_offered = OFFERED_WASI.contains(&package) || (package == "http" && OFFERED_HTTP.contains(&interface));
    is_offered && version.starts_with("0.2.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_component_say_so() {
        for (bytes, part) in [
            (&b""[..], "no valid component"),
            (b"#!/bin/sh", "no valid component"),
            (b"\0asm\x01\0\0\0", "a core module"),
            (b"\0asm\x0d\0\x01\0\x05", "no valid component"),
            (b"\0asm\x0d\0\x01\0", "it exports nothing"),
        ] {
            let error = check(Path::new("x.wasm"), bytes).unwrap_err().to_string();
            assert!(error.starts_with("x.wasm: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_world_with_http_has_that_and_nothing_else_beside_the_other() {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
        let names = |world: &str, exports: bool| -> Vec<String> {
            let world = &resolve.worlds[resolve.select_world(&[package], Some(world)).unwrap()];
            let items = if exports { &world.exports } else { &world.imports };
            items.keys().map(|key| resolve.name_world_key(key)).collect()
        };
        for world in ["policy-blocking", "adapter-blocking"] {
            let with_http = format!("{world}-http");
            assert_eq!(names(&with_http, true), names(world, true));
            let (mut more, same): (Vec<_>, Vec<_>) =
                names(&with_http, false).into_iter().partition(|name| name.starts_with("wasi:"));
            assert_eq!(same, names(world, false));
            more.retain(|name| !is_offered(name));
            assert_eq!(more, Vec::<String>::new());
        }
    }

    #[test]
    fn only_what_a_host_has_is_offered() {
        for (import, offered) in [
            ("tollgate:tools/tools@0.1.0", true),
            ("tollgate:tools/tools@0.2.0", false),
            ("tollgate:tools/toolsmith@0.1.0", false),
            ("wasi:cli/stdout@0.2.12", true),
            ("wasi:http/outgoing-handler@0.2.0", true),
            ("wasi:http/incoming-handler@0.2.0", false),
            ("wasi:cli/stdout@0.3.0", false),
            ("env", false),
        ] {
            assert_eq!(is_offered(import), offered, "{import}");
        }
    }
}
