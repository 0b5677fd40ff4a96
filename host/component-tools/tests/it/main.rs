//! Plain components from outside: built from WIT by wit-component, which needs no toolchain beyond this one.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod derived;
mod hostile;
mod json;
mod random;

use tollgate_component_tools::{ComponentTool, Derived, derive};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageMetadata, Resolve};

/// A component of the one world of a WIT package, whose functions all trap.
fn component(wit: &str, with_docs: bool) -> Vec<u8> {
    let mut resolve = Resolve::default();
    // What the tests export of WASI, as far as names matter.
    resolve.push_str("wasi.wit", "package wasi:cli@0.2.6; interface run { run: func() -> result; }").unwrap();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut bytes = ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap();
    if with_docs {
        let docs = PackageMetadata::extract(&resolve, package).encode().unwrap();
        custom_section(&mut bytes, "package-docs", &docs);
    }
    bytes
}

fn custom_section(bytes: &mut Vec<u8>, name: &str, data: &[u8]) {
    use wasm_encoder::{ComponentSection as _, CustomSection};
    CustomSection { name: name.into(), data: data.into() }.append_to_component(bytes);
}

fn tools(wit: &str) -> Derived {
    derive(&component(wit, true)).unwrap_or_else(|error| panic!("{error}\n{wit}"))
}

/// The tool of the one function of a world: `f: func(TEXT)`.
fn tool(declarations: &str, signature: &str) -> ComponentTool {
    let wit = format!("package test:t; interface i {{ {declarations}\n f: {signature}; }} world w {{ export i; }}");
    let mut derived = tools(&wit);
    assert_eq!(derived.tools.len(), 1, "{:?}", derived.refused);
    derived.tools.remove(0)
}
