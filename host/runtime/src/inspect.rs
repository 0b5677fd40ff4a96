//! What a file is, before anything of it is compiled or run.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, Validator, WasmFeatures};

/// The largest component that is read, in bytes.
pub const COMPONENT_MAX_BYTES: usize = 128 << 20;

/// A component's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// In hexadecimal, without a prefix.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        text.strip_prefix("sha256:")
            .and_then(|hex| hex::decode_to_slice(hex, &mut digest).ok())
            .ok_or_else(|| serde::de::Error::custom("a digest is written `sha256:` and 64 hexadecimal digits"))?;
        Ok(Self(digest))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a component is to Tollgate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Exports `describe` and an async `run`.
    Policy,
    /// Exports `describe` and a plain `run`.
    PolicyBlocking,
    /// Exports `list-tools` and an async `call-tool`.
    Adapter,
    /// Exports `list-tools` and a plain `call-tool`.
    AdapterBlocking,
    /// Exports `read-document` and `call-operation`: its tools come from a document.
    DocumentAdapter,
    /// Exports functions of its own: each is a tool.
    Plain,
}

impl World {
    /// Whether it is a policy; otherwise it is an adapter.
    pub fn is_policy(self) -> bool {
        matches!(self, Self::Policy | Self::PolicyBlocking)
    }

    /// Whether it exports its function without async.
    pub fn is_blocking(self) -> bool {
        matches!(self, Self::PolicyBlocking | Self::AdapterBlocking)
    }

    /// The world's name in `tollgate:worlds`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::PolicyBlocking => "policy-blocking",
            Self::Adapter => "adapter",
            Self::AdapterBlocking => "adapter-blocking",
            Self::DocumentAdapter => "document-adapter",
            Self::Plain => "plain component",
        }
    }

    /// What it exports: what does its work, and what tells about it. None for functions that no world names.
    pub fn exports(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Policy | Self::PolicyBlocking => Some(("run", "describe")),
            Self::Adapter | Self::AdapterBlocking => Some(("call-tool", "list-tools")),
            Self::DocumentAdapter => Some(("call-operation", "read-document")),
            Self::Plain => None,
        }
    }
}

/// What was found in a component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inspection {
    /// The file's digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its world.
    pub world: World,
    /// The interfaces that it imports, as `tollgate:tools/tools@0.1.0`.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// It is no Wasm at all.
    #[error("this is not a WebAssembly file (it begins with {0}); give a component built for wasm32-wasip2")]
    NotWasm(String),
    /// It is a core module.
    #[error(
        "this is a core WebAssembly module, not a component; build it for wasm32-wasip2, or turn it into a component with `wasm-tools component new`"
    )]
    CoreModule,
    /// It is broken: truncated, or not valid.
    #[error("this component is damaged or cut off: {message} (at byte {offset} of {size}); build or fetch it again")]
    Invalid {
        /// What the validator says.
        message: String,
        /// Where.
        offset: usize,
        /// The file's size in bytes.
        size: usize,
    },
    /// It is larger than [`COMPONENT_MAX_BYTES`].
    #[error("this component is too large: {size} bytes; at most {COMPONENT_MAX_BYTES} are read")]
    TooLarge {
        /// The file's size in bytes.
        size: usize,
    },
    /// It imports what the host does not offer.
    #[error(
        "this component imports what the host does not offer: {}; the host offers tollgate:*@0.1 and WASI 0.2 (cli, clocks, filesystem, http/outgoing-handler, io, random, sockets)",
        .0.join(", ")
    )]
    UnknownImports(Vec<String>),
    /// It exports neither world's functions.
    #[error(
        "this component is neither a policy (exports `describe` and `run`) nor an adapter (exports `list-tools` and `call-tool`); it exports {}",
        if .0.is_empty() { "nothing".to_owned() } else { .0.join(", ") }
    )]
    WrongWorld(Vec<String>),
}

/// Finds out what a file is. Validates all of it; runs none of it.
///
/// # Errors
/// [`InspectError`] says which and why.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    if bytes.len() > COMPONENT_MAX_BYTES {
        return Err(InspectError::TooLarge { size: bytes.len() });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(InspectError::NotWasm(beginning(bytes)));
    }
    let invalid = |e: wasmparser::BinaryReaderError| InspectError::Invalid {
        message: e.message().to_owned(),
        offset: e.offset(),
        size: bytes.len(),
    };
    let mut names = Names::default();
    // The file's own sections come at depth 0; nested modules and components are skipped over.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(InspectError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(invalid)?;
                    // A type that is used by name is imported too; it asks for nothing.
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        names.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    if export.kind != ComponentExternalKind::Type {
                        names.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    // What the engine will accept: the defaults, and async functions.
    let features = WasmFeatures::default() | WasmFeatures::CM_ASYNC;
    let types = Validator::new_with_features(features).validate_all(bytes).map_err(invalid)?;
    let unknown: Vec<_> = names.imports.iter().filter(|name| !is_offered(name)).cloned().collect();
    if !unknown.is_empty() {
        return Err(InspectError::UnknownImports(unknown));
    }
    let world = names.world(types.as_ref()).ok_or_else(|| InspectError::WrongWorld(names.exports.clone()))?;
    Ok(Inspection {
        digest: Digest::of(bytes),
        size_bytes: bytes.len() as u64,
        world,
        imports: names.imports,
        exports: names.exports,
    })
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// What worlds of ours export. A component with some of it is a broken one of ours, and no plain one.
const OURS: [&str; 6] = ["describe", "run", "list-tools", "call-tool", "read-document", "call-operation"];

impl Names {
    /// Whether it exports anything that is no matter of a host, of WASI or of ours.
    fn is_plain(&self) -> bool {
        let is_ours = |name: &str| OURS.contains(&name) || name.starts_with("tollgate:");
        !self.exports.iter().any(|name| is_ours(name)) && self.exports.iter().any(|name| !name.starts_with("wasi:"))
    }

    fn world(&self, types: TypesRef<'_>) -> Option<World> {
        let is_async = |name: &str| -> Option<bool> {
            match types.component_item_for_export(name)?.ty {
                ComponentEntityType::Func(func) => Some(types.get(func)?.async_),
                _ => None,
            }
        };
        match (is_async("describe"), is_async("run"), is_async("list-tools"), is_async("call-tool")) {
            (Some(_), Some(true), _, _) => Some(World::Policy),
            (Some(_), Some(false), _, _) => Some(World::PolicyBlocking),
            (_, _, Some(_), Some(true)) => Some(World::Adapter),
            (_, _, Some(_), Some(false)) => Some(World::AdapterBlocking),
            _ if is_async("read-document").is_some() && is_async("call-operation").is_some() => {
                Some(World::DocumentAdapter)
            }
            _ if self.is_plain() => Some(World::Plain),
            _ => None,
        }
    }
}

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

const OFFERED_WASI: &[&str] = &["cli", "clocks", "filesystem", "io", "random", "sockets"];
/// Of WASI HTTP a component may send; it is no server.
const OFFERED_HTTP: &[&str] = &["types", "outgoing-handler"];

/// Whether the host has an interface, named as `tollgate:tools/tools@0.1.0`. What builds components without the host has the
/// same list.
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

fn beginning(bytes: &[u8]) -> String {
    match bytes.get(..8.min(bytes.len())) {
        None | Some([]) => "nothing: it is empty".to_owned(),
        Some(start) => format!("`{}`", start.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_component_say_so() {
        assert!(matches!(inspect(b""), Err(InspectError::NotWasm(_))));
        assert!(matches!(inspect(b"#!/bin/sh"), Err(InspectError::NotWasm(_))));
        assert_eq!(inspect(b"\0asm\x01\0\0\0").unwrap_err(), InspectError::CoreModule);
        assert!(matches!(inspect(b"\0asm\x0d\0\x01\0\x05"), Err(InspectError::Invalid { .. })));
        assert!(matches!(inspect(b"\0asm"), Err(InspectError::Invalid { .. })));
        assert_eq!(inspect(b"\0asm\x0d\0\x01\0").unwrap_err(), InspectError::WrongWorld(vec![]));
    }

    #[test]
    fn only_what_is_offered_is_offered() {
        for (name, offered) in [
            ("tollgate:tools/tools@0.1.0", true),
            ("tollgate:tools/tools@0.2.0", false),
            ("tollgate:tools/toolsmith@0.1.0", false),
            ("wasi:cli/stdout@0.2.6", true),
            ("wasi:http/outgoing-handler@0.2.0", true),
            ("wasi:http/incoming-handler@0.2.0", false),
            ("wasi:cli/stdout@0.3.0", false),
            ("wasi:nn/tensor@0.2.0", false),
            ("env", false),
        ] {
            assert_eq!(is_offered(name), offered, "{name}");
        }
    }
}
