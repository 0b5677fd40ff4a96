//! What a file is, is found out before anything of it runs; and no file, however broken, is more than an error.

use crate::runtime::support::{Tools, guest, new_runtime, runtime, setup};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};
use tollgate_core::Limits;
use tollgate_runtime::inspect::{COMPONENT_MAX_BYTES, inspect};
use tollgate_runtime::{InspectError, PrepareError, Runtime, RuntimeConfig, World};

#[test]
fn each_world_is_recognised() {
    for (name, world) in [
        ("policy_calls", World::Policy),
        ("policy_calls_blocking", World::PolicyBlocking),
        ("adapter_relay", World::Adapter),
        ("adapter_relay_blocking", World::AdapterBlocking),
        ("evil_table", World::PolicyBlocking),
    ] {
        let bytes = guest(name);
        let found = inspect(&bytes).unwrap();
        assert_eq!((found.world, found.size_bytes), (world, bytes.len() as u64), "{name}");
    }
}

#[test]
fn imports_and_exports_are_listed() {
    let found = inspect(&guest("policy_calls")).unwrap();
    assert!(found.imports.iter().any(|name| name == "tollgate:tools/tools@0.1.0"), "{:?}", found.imports);
    assert!(found.imports.iter().all(|name| name.starts_with("tollgate:") || name.starts_with("wasi:")));
    assert_eq!(found.exports, ["describe", "run"]);
}

#[tokio::test]
async fn an_import_that_nobody_offers_is_named() {
    let unknown = vec!["evil:host/files".to_owned(), "wasi:keyvalue/store@0.2.0".to_owned()];
    let Err(PrepareError::Inspect(error)) = runtime().prepare(guest("evil_import")).await else {
        panic!("it was prepared")
    };
    let InspectError::UnknownImports(mut names) = error.clone() else { panic!("{error:?}") };
    names.sort();
    assert_eq!(names, unknown);
    assert!(unknown.iter().all(|name| error.to_string().contains(name)), "{error}");
}

#[test]
fn a_component_of_another_world_is_plain_or_told_what_it_exports() {
    assert_eq!(inspect(&guest("evil_world")).unwrap().world, World::Plain);
    // Half of a world of ours, and what is for hosts.
    for export in ["describe", "call-tool", "wasi:cli/run@0.2.0"] {
        let text = format!(r#"(component (instance $i) (export "{export}" (instance $i)))"#);
        let error = inspect(&wat::parse_str(text).unwrap()).unwrap_err();
        assert_eq!(error, InspectError::WrongWorld(vec![export.to_owned()]));
        assert!(error.to_string().contains(&format!("it exports {export}")), "{error}");
    }
}

#[test]
fn what_cannot_be_a_component_says_why() {
    let module = wat::parse_str("(module (func (export \"run\")))").unwrap();
    assert_eq!(inspect(&module).unwrap_err(), InspectError::CoreModule);
    let size = COMPONENT_MAX_BYTES + 1;
    assert_eq!(inspect(&vec![0; size]).unwrap_err(), InspectError::TooLarge { size });
    // A run that is no function.
    let instance = wat::parse_str(r#"(component (instance $i) (export "run" (instance $i)))"#).unwrap();
    assert_eq!(inspect(&instance).unwrap_err(), InspectError::WrongWorld(vec!["run".to_owned()]));
}

/// Whether only custom sections begin at or after `cut`: without them a component is whole.
fn only_custom_sections_after(bytes: &[u8], cut: usize) -> bool {
    let payloads = wasmparser::Parser::new(0).parse_all(bytes).map(Result::unwrap);
    payloads
        .filter(|payload| payload.as_section().is_some_and(|(_, range)| range.end > cut))
        .all(|payload| matches!(payload, wasmparser::Payload::CustomSection(_)))
}

/// The offsets at which a section, or something in one, begins or ends.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let payloads = wasmparser::Parser::new(0).parse_all(bytes);
    let mut offsets: Vec<_> = payloads
        .filter_map(|payload| payload.unwrap().as_section().map(|(_, range)| [range.start, range.end]))
        .flatten()
        .chain([0, 4, 8])
        .filter(|offset| *offset < bytes.len())
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

#[test]
fn a_component_cut_off_anywhere_is_an_error() {
    for name in ["policy_echo", "adapter_relay_blocking", "evil_table", "evil_instances"] {
        let bytes = guest(name);
        let offsets = boundaries(&bytes);
        assert!(offsets.len() > 10, "{name}: {offsets:?}");
        for offset in offsets {
            for cut in [offset.saturating_sub(1), offset, offset + 1] {
                if cut < bytes.len() {
                    let found = inspect(&bytes[..cut]);
                    let whole = found.is_ok() && only_custom_sections_after(&bytes, cut);
                    assert!(found.is_err() || whole, "{name}, cut off at {cut} of {}: {found:?}", bytes.len());
                }
            }
        }
    }
}

/// A small component, so that many damaged ones can be tried.
fn small() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| guest("evil_table"))
}

fn large() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| guest("policy_calls"))
}

fn damaged(bytes: &[u8], flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, mask) in flips {
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
    }
    bytes
}

fn flips() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_component_is_read_or_refused(flips in flips()) {
        let _ = inspect(&damaged(large(), &flips));
    }

    #[test]
    fn what_passes_the_inspection_can_be_compiled_and_run_without_harm(flips in flips()) {
        static RUNTIME: OnceLock<(Arc<Runtime>, tokio::runtime::Runtime)> = OnceLock::new();
        let (runtime, tokio) = RUNTIME.get_or_init(|| {
            let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            (new_runtime(RuntimeConfig { max_runs: 2, ..RuntimeConfig::default() }), tokio.unwrap())
        });
        let bytes = damaged(small(), &flips);
        let inspected = inspect(&bytes);
        tokio.block_on(async {
            let prepared = runtime.prepare(bytes).await;
            match (inspected, prepared) {
                (Err(inspected), Err(PrepareError::Inspect(prepared))) => assert_eq!(inspected, prepared),
                (Err(why), prepared) => panic!("inspected as {why}, prepared as {:?}", prepared.map(drop)),
                (Ok(_), Err(_)) => {}
                (Ok(_), Ok(program)) => {
                    let limits = Limits { fuel: 1_000_000, timeout_ms: 1_000, ..Limits::default() };
                    let _ = runtime.describe(&program).await;
                    let setup = setup(&Tools::new(), limits);
                    let _ = runtime.run_policy(&program, "null", setup, std::future::pending()).await;
                }
            }
        });
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = inspect(&bytes);
        let _ = inspect(&[b"\0asm\x0d\0\x01\0", bytes.as_slice()].concat());
    }
}
