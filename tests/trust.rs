//! A configuration that was found, not named, starts nothing before it is trusted.

use crate::support::{Place, evil_server};
use serde_json::json;

fn place_with_marker() -> (Place, std::path::PathBuf) {
    let place = Place::new();
    let marker = place.work().join("started");
    // The server leaves a file behind when it starts.
    let config = json!({"mcpServers": {"s": evil_server("grandchild", marker.to_str().unwrap())}});
    place.write("tollgate.json", config.to_string());
    (place, marker)
}

#[test]
fn a_found_configuration_starts_nothing_until_it_is_trusted() {
    let (place, marker) = place_with_marker();
    let ended = place.run(["tools"]).expect(2);
    assert!(ended.stderr.contains("tollgate trust") && ended.stderr.contains("s: "), "{}", ended.stderr);
    assert!(!marker.exists(), "it was started");

    let ended = place.run(["trust"]).expect(0);
    assert!(ended.stdout.contains("trusted"), "{}", ended.stdout);
    assert!(!marker.exists(), "trusting starts nothing");
    place.run(["tools"]).expect(0);
    assert!(marker.exists());
}

#[test]
fn a_change_asks_again() {
    let (place, _) = place_with_marker();
    place.run(["trust"]).expect(0);
    place.write("tollgate.json", r#"{"mcpServers":{"s":{"command":"/bin/false"}}}"#);
    let ended = place.run(["tools"]).expect(2);
    assert!(ended.stderr.contains("has changed"), "{}", ended.stderr);
}

#[test]
fn a_named_configuration_is_consent() {
    let (place, marker) = place_with_marker();
    place.run(["--config", "tollgate.json", "tools"]).expect(0);
    assert!(marker.exists());
}

#[test]
fn checking_needs_no_trust_and_starts_nothing() {
    let (place, marker) = place_with_marker();
    let ended = place.run(["config", "check"]).expect(0);
    assert!(ended.stdout.contains("1 server"), "{}", ended.stdout);
    assert!(!marker.exists());
}

#[test]
fn the_file_to_trust_may_be_named_either_way() {
    let (place, _) = place_with_marker();
    for args in [vec!["trust", "tollgate.json"], vec!["--config", "tollgate.json", "trust"]] {
        let ended = place.run(args).expect(0);
        assert!(ended.stdout.contains("tollgate.json"), "{}", ended.stdout);
    }
}
