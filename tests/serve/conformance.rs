//! The official conformance suite against the host in front of a server that offers what the suite names: nothing is
//! lost on the way through.

use crate::support::{Place, Running};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use tollgate_fixture_server::Fixture;
use tollgate_fixture_server::suite::run_server_suite;

/// Runs the suite; as many checks pass as did when this was written, or more.
async fn passes(requirements: &str, passed: usize) {
    let fixture = tollgate_fixture_server::Running::start(Fixture::default(), 0).await.unwrap();
    let place = Place::new();
    place.write("tollgate.json", json!({"servers": {"fixture": {"url": fixture.url()}}}).to_string());
    let args = ["--config", "tollgate.json", "serve", "--http", "127.0.0.1:0", "--expose", "all", "--names", "none"];
    let mut host = Running::start(place.tollgate(args));
    let mut url = String::new();
    BufReader::new(host.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    let expected = crate::support::root().join("tests/conformance/gateway-expected-failures.yml");
    let report =
        run_server_suite(url.trim(), requirements, Some(&expected)).await.unwrap_or_else(|why| panic!("{why}"));
    assert!(report.ok, "{report}\n{}", report.output);
    assert!(report.passed >= passed, "{report}");
    fixture.stop().await.unwrap();
}

#[tokio::test]
async fn the_host_passes_on_2025_11_25() {
    // One check of the suite looks into streams, where lists come as such: ours come as JSON.
    passes("2025-11-25", 82).await;
}

#[tokio::test]
async fn the_host_passes_on_2026_07_28() {
    passes("2026-07-28", 170).await;
}
