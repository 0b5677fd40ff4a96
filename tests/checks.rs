//! `tollgate check`: a component by its file or its name, with what it was given.

use crate::support::Place;
use serde_json::{Value, json};
use tollgate_test_guests as guests;

fn configured() -> Place {
    let place = Place::new();
    place.write("greet.py", "print('hello')\n");
    place.write(
        "tollgate.yaml",
        format!(
            r#"
servers:
  outside:
    component: {outside}
    grants: ["http=https://api.example.com/v1/*!GET", "tool=crm:*"]
    limits: {{fuel: 5000000}}
    secrets:
      key: {{hosts: [api.example.com], in: bearer}}
      stray: {{hosts: [elsewhere.example], in: header, name: X-Key}}
  files:
    command: files-server
    args: [--root, /srv]
    env: {{TOKEN: "${{secret:token}}", PLAIN: "yes"}}
  wiki: {{url: "https://wiki.example/mcp"}}
policies:
  plans:
    component: tollgate:planner
    grants: ["crm:*", "state=plan/*"]
    approve: ["*:delete_*"]
  greet: {{script: greet.py, grants: ["crm:get_*", model]}}
  outside: {{component: {plain}}}
state: {{max_keys: 7, max_bytes: 1MiB}}
secrets: {{key: {{env: KEY}}, stray: {{env: STRAY}}, token: {{env: TOKEN}}}}
"#,
            outside = guests::ADAPTER_OUTSIDE,
            plain = guests::POLICY_ONE_CALL,
        ),
    );
    place
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The text without what depends on the build.
fn told(place: &Place, name: &str) -> String {
    let said = place.run(["--config", "tollgate.yaml", "check", name]).expect(0).stdout;
    let dropped = ["world", "size", "digest", "imports", "exports", "runs", "          tollgate:", "          and "];
    said.lines().filter(|line| !dropped.iter().any(|start| line.starts_with(start))).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    )
}

#[test]
fn a_name_tells_what_is_asked_for_and_what_is_given_and_where_they_differ() {
    let place = configured();
    insta::assert_snapshot!("check_of_a_policy", told(&place, "plans"));
    insta::assert_snapshot!("check_of_an_adapter", told(&place, "server:outside"));
    insta::assert_snapshot!("check_of_a_script", told(&place, "greet"));
    insta::assert_snapshot!("check_of_a_process", told(&place, "files"));
    insta::assert_snapshot!("check_of_an_address", told(&place, "wiki"));
    insta::assert_snapshot!("check_of_a_shipped_policy", told(&place, "planner"));
}

#[test]
fn programs_are_told_the_same() {
    let place = configured();
    let of = |name: &str| place.run(["--config", "tollgate.yaml", "check", name, "--json"]).expect(0).json();
    let plans = of("plans");
    assert_eq!(plans["grants"], json!(["tool=*:*", "state=plan/*", "model"]));
    let configured = &plans["configured"];
    assert_eq!((&configured["kind"], &configured["name"]), (&json!("policy"), &json!("plans")));
    assert_eq!(configured["grants"], json!(["tool=crm:*", "state=plan/*"]));
    assert_eq!(configured["approve"], json!(["*:delete_*"]));
    assert_eq!(configured["state"], json!({"max_value": 1 << 20, "max_keys": 7, "max_bytes": 1 << 20}));
    let notes = texts(&plans["permissions"]["notes"]);
    assert!(notes.contains(&"it asks for `tool=*:*`, which is not granted"), "{notes:?}");
    assert!(notes.contains(&"it asks for `model`, which is not granted"), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("state")), "{notes:?}");

    let outside = of("server:outside");
    assert_eq!(outside["configured"]["limits"]["fuel"], 5_000_000);
    assert_eq!(
        outside["configured"]["secrets"],
        json!([
            {"name": "key", "hosts": ["https://api.example.com"], "in": "bearer"},
            {"name": "stray", "hosts": ["https://elsewhere.example"], "in": "header x-key"},
        ])
    );
    assert!(texts(&outside["tools"]).contains(&"fetch"), "{outside}");

    // A script has no component of its own, a process is none; a file is given nothing.
    assert_eq!((&of("greet")["digest"], &of("greet")["configured"]["kind"]), (&Value::Null, &json!("policy")));
    assert_eq!(of("files")["configured"]["kind"], "server");
    let file = place.run(["check", guests::POLICY_ONE_CALL, "--json"]).expect(0).json();
    assert_eq!(file["configured"], Value::Null);
}

#[test]
fn no_server_is_started_to_be_looked_at() {
    let place = Place::new();
    let trace = place.work().join("started");
    let command = format!("touch {}", trace.display());
    place.write("tollgate.json", json!({"servers": {"s": {"command": "sh", "args": ["-c", command]}}}).to_string());
    place.run(["--config", "tollgate.json", "check", "s"]).expect(0);
    assert!(!trace.exists());
}

#[test]
fn a_name_that_is_none_is_answered_with_a_near_one() {
    let place = configured();
    let ended = place.run(["--config", "tollgate.yaml", "check", "plan"]).expect(2);
    assert!(ended.stderr.contains("did you mean `plans`?"), "{}", ended.stderr);
    let ended = place.run(["--config", "tollgate.yaml", "check", "policy:files"]).expect(2);
    assert!(ended.stderr.contains("no policy or server has this name"), "{}", ended.stderr);
    // Without a configuration there is still what came with the program.
    let ended = Place::new().run(["check", "plannr"]).expect(2);
    assert!(ended.stderr.contains("did you mean `planner`?"), "{}", ended.stderr);
    Place::new().run(["check", "hub-agent"]).expect(0);
}

#[test]
fn an_api_is_read_and_its_own_urls_are_its_grants() {
    let place = Place::new();
    place.write(
        "pets.json",
        json!({
            "openapi": "3.1.0", "info": {"title": "Pets", "version": "1"},
            "servers": [{"url": "https://pets.example/v1"}],
            "paths": {"/pets": {"get": {"operationId": "list_pets"}}}
        })
        .to_string(),
    );
    place.write(
        "tollgate.yaml",
        "servers:\n  pets: {openapi: pets.json, secrets: {key: {in: bearer, hosts: [pets.example]}}}\nsecrets: {key: {env: KEY}}\n",
    );
    let pets = place.run(["--config", "tollgate.yaml", "check", "pets", "--json"]).expect(0).json();
    assert_eq!(pets["tools"], json!(["list_pets"]));
    assert_eq!(pets["configured"]["grants"], json!(["http=https://pets.example/v1/*"]));
    let may = texts(&pets["permissions"]["may"]);
    assert!(may[0].contains("below `https://pets.example/v1/`, with any method, carrying the secret `key`"), "{may:?}");
    assert_eq!(pets["permissions"]["notes"], json!([]));
}
