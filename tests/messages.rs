//! What people read: help, errors, listings. A snapshot each; read it as a user would before accepting it.

use crate::support::{Ended, Place, evil_server};
use serde_json::json;
use tollgate_test_guests as guests;

/// What a command said, with what differs between machines and runs taken out.
fn said(place: &Place, ended: &Ended) -> String {
    let text = format!("exit {}\n--- stdout\n{}--- stderr\n{}", ended.code, ended.stdout, ended.stderr);
    let guests = std::path::Path::new(guests::POLICY_ECHO).parent().unwrap();
    let server = evil_server("good", "")["command"].as_str().unwrap().to_owned();
    // When the next try comes is drawn by lot.
    let text = match text.split_once("; next try in ") {
        Some((before, after)) => {
            format!("{before}; next try in SOON{}", after.find('\n').map_or("", |at| &after[at..]))
        }
        None => text,
    };
    text.replace(place.work().canonicalize().unwrap().to_str().unwrap(), "WORK")
        .replace(place.work().to_str().unwrap(), "WORK")
        .replace(guests.to_str().unwrap(), "GUESTS")
        .replace(&server, "SERVER")
}

#[test]
fn help() {
    let place = Place::new();
    for command in [
        "",
        "demo",
        "run",
        "exec",
        "ask",
        "call",
        "tools",
        "servers",
        "serve",
        "login",
        "logout",
        "approve",
        "bindings",
        "interpreters",
        "check",
        "state",
        "state list",
        "state get",
        "state clear",
        "config",
        "trust",
        "completions",
        "status",
        "cache stats",
        "cache clear",
        "new",
        "build",
        "secrets list",
        "secrets set",
        "lock",
        "add openapi",
        "import",
    ] {
        let ended = place.run(command.split_whitespace().chain(["--help"])).expect(0);
        let name = if command.is_empty() { "tollgate".to_owned() } else { command.replace(' ', "_") };
        insta::assert_snapshot!(format!("help_{name}"), ended.stdout);
    }
}

#[test]
fn errors() {
    let place = Place::new();
    place.write("servers.json", json!({"mcpServers": {"good": evil_server("good", "")}}).to_string());
    place.write("bad.json", json!({"mcpServers": {"bad": evil_server("dies-at-start", "")}}).to_string());
    place.write("shipped.yaml", "policies:\n  plan:\n    component: tollgate:planer\n");
    place.write("module.wasm", "\0asm\u{1}\0\0\0");
    place.write("text.wasm", "(component)");
    let with_servers =
        |args: &[&str]| ["--config", "servers.json"].iter().chain(args).map(ToString::to_string).collect();
    let alone = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("no_configuration", alone(&["tools"])),
        ("no_servers", alone(&["run", guests::POLICY_ONE_CALL, "--grant", "*:*"])),
        ("unknown_policy", alone(&["run", "greeter"])),
        ("unknown_shipped_policy", alone(&["config", "check", "shipped.yaml"])),
        ("missing_file", alone(&["run", "./greeter.wasm"])),
        ("core_module", alone(&["run", "./module.wasm"])),
        ("not_wasm", alone(&["check", "./text.wasm"])),
        ("unknown_import", alone(&["run", guests::EVIL_IMPORT])),
        ("wrong_world", alone(&["run", guests::EVIL_WORLD])),
        ("an_adapter_is_no_policy", alone(&["run", guests::ADAPTER_RELAY])),
        ("input_is_not_json", alone(&["run", guests::POLICY_ECHO, "--input", "{a: 1}"])),
        ("not_a_grant", alone(&["run", guests::POLICY_ECHO, "--grant", "crm"])),
        ("not_a_filter", alone(&["--log-level", "tollgate=loud", "tools"])),
        ("not_a_duration", alone(&["run", guests::POLICY_ECHO, "--timeout", "30"])),
        ("panic", alone(&["run", guests::EVIL_PANIC])),
        ("fuel", alone(&["run", guests::EVIL_LOOP, "--fuel", "1_000_000"])),
        ("denied", with_servers(&["run", guests::POLICY_ONE_CALL])),
        ("unknown_tool", with_servers(&["call", "good:ecko"])),
        ("unknown_server", with_servers(&["tools", "--server", "god"])),
        ("invalid_arguments", with_servers(&["call", "good:echo", r#"{"text":1}"#])),
        ("server_died_at_start", alone(&["--config", "bad.json", "call", "bad:echo"])),
        ("state_of_nobody", alone(&["state", "get", "policy:greet", "k"])),
        ("no_such_config", alone(&["--config", "nothing.yaml", "tools"])),
    ];
    for (name, args) in cases {
        let ended = place.run(&args);
        assert_ne!(ended.code, 0, "{name}");
        insta::assert_snapshot!(format!("error_{name}"), said(&place, &ended));
    }
}

#[test]
fn the_check_of_a_configuration_names_components_that_are_not_there() {
    let place = Place::new();
    place.write(
        "tollgate.yaml",
        "servers:\n  pricing:\n    component: pricing.wasm\npolicies:\n  report:\n    component: report.wasm\n",
    );
    let ended = place.run(["config", "check"]).expect(0);
    insta::assert_snapshot!("config_check_missing", said(&place, &ended));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = Place::new().run(["completions", shell]).expect(0);
        assert!(ended.stdout.contains("tollgate") && ended.stdout.len() > 1_000, "{shell}");
    }
}

#[test]
fn the_reference_names_every_limit_with_its_flag_and_default() {
    use tollgate::limits::{Limits, format_value};
    let reference = std::fs::read_to_string(crate::support::root().join("docs/reference.md")).unwrap();
    let defaults = Limits::default();
    for &kind in tollgate::LimitKind::ALL {
        let default = format_value(kind.unit(), defaults.get(kind));
        let row = format!("| `{}` | `{}` | {default} |", kind.name(), kind.flag());
        assert!(reference.contains(&row), "docs/reference.md has no row {row}");
    }
}

#[test]
fn the_reference_names_every_key_of_the_configuration() {
    fn keys(schema: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        match schema {
            serde_json::Value::Object(members) => members.values().for_each(|v| keys(v, found)),
            serde_json::Value::Array(items) => items.iter().for_each(|v| keys(v, found)),
            _ => {}
        }
    }
    let reference = std::fs::read_to_string(crate::support::root().join("docs/reference.md")).unwrap();
    let mut found = std::collections::BTreeSet::new();
    keys(&tollgate::config::schema(), &mut found);
    assert!(found.len() > 20, "{found:?}");
    let later = ["openapi", "$schema"];
    for key in found.iter().filter(|k| !later.contains(&k.as_str())) {
        assert!(reference.contains(key.as_str()), "docs/reference.md does not name `{key}`");
    }
}

#[test]
fn nothing_of_a_server_hides_or_passes_for_something_else() {
    let place = Place::new();
    let tools = json!([
        {"name": "get_\u{202e}remotsuc", "description": "Reads\u{202e} a \u{200b}customer\u{e0041}.", "inputSchema": {"type": "object"}},
        {"name": "d\u{435}lete", "description": "Not d\u{435}lete. Привет, мир.", "inputSchema": {"type": "object"}},
    ]);
    let file = place.write("tools.json", tools.to_string());
    let server = evil_server("tools-of-file", file.to_str().unwrap());
    place
        .write("servers.json", json!({"mcpServers": {"s": server, "odd": evil_server("odd-results", "")}}).to_string());
    let hides = |text: &str| text.contains(['\u{202e}', '\u{200b}', '\u{e0041}', '\u{435}', '\u{1b}', '\u{9b}']);

    let listed = place.run(["--config", "servers.json", "tools", "--server", "s"]).expect(0);
    assert!(!hides(&listed.stdout.replace("Привет", "")), "{}", listed.stdout);
    for shown in [
        "s:get_\\u{202e}remotsuc\tReads\\u{202e} a \\u{200b}customer\\u{e0041}.",
        "s:d\\u{435}lete\tNot d\\u{435}lete. Привет, мир.",
    ] {
        assert!(listed.stdout.contains(shown), "{}", listed.stdout);
    }
    let listed = place.run(["--config", "servers.json", "tools", "--server", "s", "--json"]).expect(0);
    assert!(!listed.stdout.contains(['\u{202e}', '\u{200b}', '\u{e0041}']), "{}", listed.stdout);
    assert_eq!(listed.json()[0]["name"], "get_\u{202e}remotsuc", "and means the same");

    // A result, an error, a call in a timeline.
    let text = json!({"text": "a\u{202e}b\u{9b}31m"}).to_string();
    let called = place.run(["--config", "servers.json", "call", "odd:echo", &text]).expect(0);
    assert!(called.stdout.contains("a\\u{202e}b\\u{9b}31m"), "{}", called.stdout);
    let unknown = place.run(["--config", "servers.json", "call", "s:get_\u{202e}x", "{}"]);
    assert!(!hides(&unknown.stderr) && unknown.code != 0, "{}", unknown.stderr);
    let calls = json!({"mode": "sequence", "calls": [{"server": "s", "tool": "d\u{435}lete", "args": {}}]}).to_string();
    let run = ["--config", "servers.json", "run", guests::POLICY_CALLS, "--trace", "--grant", "*:*", "--input", &calls];
    let ran = place.run(run);
    assert!(!hides(&ran.stderr) && ran.stderr.contains("d\\u{435}lete"), "{}", ran.stderr);
}
