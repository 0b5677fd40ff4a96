//! The official conformance suite against the fleet as a client.

use std::path::Path;
use tollgate_fixture_server::suite::run_client_suite;

/// The suite finds nothing that the file of expected failures does not name, and all that it names. As many checks pass
/// as did when this was written, or more; nothing but `unchecked` passes because it did not come to a check.
async fn conforms(requirements: &str, passed: usize, unchecked: &[&str]) {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/client-expected-failures.yml");
    let client = env!("CARGO_BIN_EXE_tollgate-conformance-client");
    let report = run_client_suite(client, requirements, Some(&expected)).await.unwrap_or_else(|why| panic!("{why}"));
    assert!(report.ok, "{report}\n{}", report.output);
    assert!(report.passed >= passed, "{report}");
    assert_eq!(report.unchecked, unchecked, "{report}");
}

#[tokio::test]
async fn it_conforms_to_2025_11_25_but_for_the_expected_failures() {
    conforms("2025-11-25", 330, &[]).await;
}

#[tokio::test]
async fn it_conforms_to_2026_07_28_but_for_the_expected_failures() {
    conforms("2026-07-28", 470, &[]).await;
}
