//! From bytes to WIT, whoever made the bytes.

use crate::docs::Docs;
use std::borrow::Cow;
use std::ops::Range;
use wasmparser::{Encoding, Parser, Payload};
use wit_parser::decoding::DecodedWasm;
use wit_parser::{Resolve, WorldId};

/// What all sections of component types may have together, in bytes. A component of everything that WASI has takes 30 kB.
pub const TYPES_MAX_BYTES: usize = 1 << 20;
/// How often a byte may stand there that can begin a type which holds types. The parser calls itself for each of those, so
/// this bounds its stack. Most such bytes are in truth indices or letters; a real component has some hundred.
pub const TYPES_MAX_NESTING: usize = 10_000;
/// An instance type and a component type, in the component model's binary format.
const HOLDS_TYPES: [u8; 2] = [0x41, 0x42];
/// The most imports and exports.
const ITEMS_MAX: u32 = 10_000;
/// Enough for [`TYPES_MAX_NESTING`], at 3 kB each. Only what is used of it takes memory.
const STACK_BYTES: usize = 256 << 20;

const DOCS_SECTION: &str = "package-docs";

/// Why a file's types cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is no component.
    #[error(
        "this is not a WebAssembly component; build it for wasm32-wasip2, or turn a module into one with `wasm-tools component new`"
    )]
    NotAComponent,
    /// It declares too much.
    #[error("this component declares too much to be read: {0}")]
    TooMuch(String),
    /// It is damaged.
    #[error("this component's types cannot be read: {0}; build or fetch it again")]
    Invalid(String),
}

pub(crate) struct Decoded {
    pub(crate) resolve: Resolve,
    pub(crate) world: WorldId,
    pub(crate) docs: Docs,
}

/// Reads the types of a component. The parser is a library for tools of developers, which trusts its input more than a host
/// can.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let (docs, hidden) = scan(bytes)?;
    let bytes = without(bytes, &hidden);
    let work = || wit_parser::decoding::decode(&bytes).map_err(|error| DecodeError::Invalid(format!("{error:#}")));
    match on_large_stack(work)?? {
        DecodedWasm::Component(resolve, world) => Ok(Decoded { resolve, world, docs }),
        DecodedWasm::WitPackage(..) => Err(DecodeError::NotAComponent),
    }
}

/// Checks that a component declares no more than can be read, without reading it. Whatever else reads component types
/// with the same parser (validation, the engine) should ask this first, and then read [`on_large_stack`]: a file of 2 kB can
/// nest types so deep that an ordinary thread's stack overflows, which ends the process.
///
/// # Errors
/// [`DecodeError::TooMuch`], and the others for what is no component at all.
pub fn check_bounds(bytes: &[u8]) -> Result<(), DecodeError> {
    scan(bytes).map(drop)
}

/// Does work on a thread of its own with a stack that bears [`TYPES_MAX_NESTING`]; there a panic is an error and ends
/// nothing.
///
/// # Errors
/// [`DecodeError::Invalid`] if the work panics or there is no thread.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, DecodeError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("component-types".to_owned()).stack_size(STACK_BYTES);
        let running = thread.spawn_scoped(scope, work);
        let running = running.map_err(|error| DecodeError::Invalid(format!("no thread to read them on: {error}")))?;
        running.join().map_err(|_| DecodeError::Invalid("they break the parser".to_owned()))
    })
}

/// Bounds what will be read, without reading it; finds the doc comments, and where their names stand.
fn scan(bytes: &[u8]) -> Result<(Docs, Vec<Range<usize>>), DecodeError> {
    let invalid = |error: wasmparser::BinaryReaderError| DecodeError::Invalid(error.to_string());
    let (mut type_bytes, mut nesting, mut items, mut depth) = (0_usize, 0_usize, 0_u32, 0_u32);
    let (mut docs, mut hidden) = (Docs::default(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(DecodeError::NotAComponent);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentTypeSection(section) => {
                let section = bytes.get(section.range()).unwrap_or_default();
                type_bytes = type_bytes.saturating_add(section.len());
                nesting = nesting.saturating_add(section.iter().filter(|byte| HOLDS_TYPES.contains(byte)).count());
            }
            Payload::CoreTypeSection(section) => type_bytes = type_bytes.saturating_add(section.range().len()),
            Payload::ComponentImportSection(section) => items = items.saturating_add(section.count()),
            Payload::ComponentExportSection(section) => items = items.saturating_add(section.count()),
            Payload::CustomSection(section) if section.name() == DOCS_SECTION => {
                if depth == 0 && hidden.is_empty() {
                    docs = Docs::parse(section.data());
                }
                let end = section.data_offset();
                hidden.push(end.saturating_sub(DOCS_SECTION.len())..end);
            }
            _ => {}
        }
    }
    if type_bytes > TYPES_MAX_BYTES {
        let message = format!("{type_bytes} bytes of types, and at most {TYPES_MAX_BYTES} are read");
        return Err(DecodeError::TooMuch(message));
    }
    if nesting > TYPES_MAX_NESTING {
        return Err(DecodeError::TooMuch(format!(
            "its types may nest {nesting} deep, and at most {TYPES_MAX_NESTING}"
        )));
    }
    if items > ITEMS_MAX {
        return Err(DecodeError::TooMuch(format!("{items} imports and exports, and at most {ITEMS_MAX} are read")));
    }
    Ok((docs, hidden))
}

/// The same component, its doc comments under another name. The parser would hold them against the one package that it
/// makes up for a component (`root:component`), find none of their names there, and refuse the whole file.
fn without<'a>(bytes: &'a [u8], hidden: &[Range<usize>]) -> Cow<'a, [u8]> {
    if hidden.is_empty() {
        return bytes.into();
    }
    let mut copy = bytes.to_vec();
    for name in hidden {
        if let Some(name) = copy.get_mut(name.clone()) {
            name.fill(b'-');
        }
    }
    copy.into()
}
