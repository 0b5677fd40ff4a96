//! The components that are kept must stay what a host takes.

use std::fs;
use std::path::Path;
use tollgate_scaffold::{Kind, check};

#[test]
fn components_of_wit_0_1_0_are_what_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wit-0.1.0");
    for (name, kind) in
        [("hello-rust-policy", Kind::Policy), ("hello-rust-adapter", Kind::Adapter), ("hello-c-policy", Kind::Policy)]
    {
        let path = folder.join(format!("{name}.wasm"));
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() < 256 << 10, "{name} has {} bytes", bytes.len());
        let world = check(&path, &bytes).unwrap();
        assert_eq!(world.kind, kind, "{name}");
        // A part of the import list; the rest is WASI's.
        assert_eq!(world.imports.iter().any(|import| import.starts_with("tollgate:tools/")), kind == Kind::Policy);
    }
}

#[test]
fn a_component_that_was_damaged_is_refused_and_never_a_panic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wit-0.1.0/hello-c-policy.wasm");
    let bytes = fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(997) {
        assert!(check(&path, &bytes[..len]).is_err(), "cut off at {len}");
    }
    for at in (0..bytes.len()).step_by(499) {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        let _ = check(&path, &changed);
    }
}
