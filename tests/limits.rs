//! Each limit of the contract, from its flag to its error, through the binary.

use crate::support::Place;
use crate::support::evil_server;
use serde_json::{Value, json};
use tollgate::LimitKind;
use tollgate_test_guests as guests;

/// A run that reaches one limit: the guest, its input, and what the flag is set to.
struct Case {
    kind: LimitKind,
    guest: &'static str,
    input: Value,
    flag: &'static str,
    /// The limit ends the run; otherwise the guest gets it as a failed call, or it is a warning.
    ends: bool,
}

fn cases() -> Vec<Case> {
    let echo = |text: &str| json!({"server": "good", "tool": "echo", "args": {"text": text}});
    // Answers nothing, so that the first two are in flight for certain when the third comes.
    let slow = json!({"server": "slow", "tool": "echo", "args": {"text": "a"}});
    let calls = |mode: &str, calls: Vec<Value>| json!({"mode": mode, "calls": calls});
    let case = |kind, guest, input, flag, ends| Case { kind, guest, input, flag, ends };
    vec![
        case(LimitKind::Fuel, guests::EVIL_LOOP, json!({}), "1_000_000", true),
        case(LimitKind::Timeout, guests::EVIL_LOOP, json!({}), "100ms", true),
        case(LimitKind::Memory, guests::EVIL_MEMORY, json!("large"), "8MiB", true),
        case(LimitKind::HostMemory, guests::EVIL_HOLD, json!("fields"), "2MiB", true),
        case(LimitKind::TableElements, guests::EVIL_TABLE, json!({}), "1000", true),
        case(LimitKind::Instances, guests::EVIL_INSTANCES, json!({}), "5", true),
        case(LimitKind::OutputBytes, guests::POLICY_ECHO, json!("x".repeat(2_000)), "1KiB", true),
        case(LimitKind::Calls, guests::POLICY_CALLS, calls("sequence", vec![echo("a"); 3]), "2", false),
        case(LimitKind::CallsAtOnce, guests::POLICY_CALLS, calls("at_once", vec![slow; 3]), "2", false),
        case(
            LimitKind::CallBytesIn,
            guests::POLICY_CALLS,
            calls("sequence", vec![echo(&"a".repeat(99))]),
            "50B",
            false,
        ),
        case(
            LimitKind::CallBytesOut,
            guests::POLICY_CALLS,
            calls("sequence", vec![echo(&"a".repeat(99))]),
            "50B",
            false,
        ),
        case(
            LimitKind::Depth,
            guests::POLICY_CALLS,
            calls("sequence", vec![json!({"server": "relay", "tool": "relay", "args": echo("a")})]),
            "1",
            false,
        ),
    ]
}

#[test]
fn every_limit_has_its_flag_and_an_error_that_names_it_its_value_and_the_way_out() {
    let place = Place::new();
    let relay = json!({"component": guests::ADAPTER_RELAY, "grants": ["*:*"]});
    let mut slow = evil_server("never-answers", "");
    slow["timeout"] = json!(1);
    let config = json!({"servers": {"good": evil_server("good", ""), "slow": slow, "relay": relay}});
    place.write("servers.json", config.to_string());
    for Case { kind, guest, input, flag, ends } in cases() {
        let input = input.to_string();
        let report = place.run([
            "--config",
            "servers.json",
            "run",
            guest,
            "--json",
            "--grant",
            "*:*",
            "--input",
            &input,
            kind.flag(),
            flag,
        ]);
        let report = report.expect(if ends { 4 } else { 0 }).json();
        let said = if ends { report["error"].to_string() } else { report["output"].to_string() };
        let shown = flag.replace('_', "");
        for want in [format!("`{}`", kind.name()), shown, kind.flag().to_owned(), format!("limits.{}", kind.name())] {
            assert!(said.contains(&want), "{kind:?}: {want} is not in {said}");
        }
    }
}

#[test]
fn a_log_over_its_limit_is_cut_and_the_run_goes_on() {
    let args = [
        "run",
        guests::EVIL_LOG,
        "--json",
        "--input",
        r#"{"to":"stdout","bytes":100,"times":100}"#,
        "--log-bytes",
        "1KiB",
    ];
    let ended = Place::new().run(args).expect(0);
    let report = ended.json();
    assert_eq!(report["stdout"].as_str().unwrap().len(), 1024);
    assert!(report["dropped_log_bytes"].as_u64().unwrap() > 0);
    for want in ["`log_bytes`", "1KiB", "--log-bytes", "limits.log_bytes"] {
        assert!(ended.stderr.contains(want), "{want}: {}", ended.stderr);
    }
}

#[test]
fn the_configuration_sets_limits_and_a_flag_goes_before_it() {
    let place = Place::new();
    let config = json!({
        "limits": {"timeout": "10s", "fuel": 1_000_000},
        "policies": {
            "spin": {"component": guests::EVIL_LOOP},
            "spin-more": {"component": guests::EVIL_LOOP, "limits": {"fuel": 2_000_000}},
        },
    });
    place.write("tollgate.json", config.to_string());
    for (args, want) in [
        (vec!["run", "spin"], 1_000_000),
        (vec!["run", "spin-more"], 2_000_000),
        (vec!["run", "spin-more", "--fuel", "3_000_000"], 3_000_000),
    ] {
        let all = ["--config", "tollgate.json"].into_iter().chain(args.clone()).chain(["--json"]);
        let report = place.run(all).expect(4).json();
        assert_eq!(report["error"]["limit"], json!({"name": "fuel", "value": want}), "{args:?}");
        assert_eq!(report["fuel_used"], want);
    }
}
