//! `tollgate state`: what components kept, seen from outside.

use crate::support::Place;
use serde_json::{Value, json};
use tollgate_test_guests as guests;

/// A place where an adapter and a script have kept something.
fn kept() -> Place {
    let place = Place::new();
    place.write(
        "tollgate.yaml",
        format!("servers: {{notes: {{component: {}, grants: [state]}}}}\nstate: {{file: kept/state.db}}\n", guests::ADAPTER_OUTSIDE),
    );
    for (key, value) in [("a", json!({"n": 1})), ("b/\u{202e}x", json!("\u{1b}[2J")), ("b/y", json!([1, 2]))] {
        let args = json!({"key": key, "value": value}).to_string();
        place.run(["--config", "tollgate.yaml", "call", "notes:keep", &args]).expect(0);
    }
    place.write("keep.js", "await tollgate.state.set('seen', 1);\n");
    place.run(["--config", "tollgate.yaml", "exec", "keep.js", "--grant", "state"]).expect(0);
    place
}

fn state(place: &Place, args: &[&str]) -> crate::support::Ended {
    place.run(["--config", "tollgate.yaml", "state"].iter().chain(args))
}

#[test]
fn who_keeps_what_is_listed_shown_and_forgotten() {
    let place = kept();
    let owners = state(&place, &["list", "--json"]).expect(0).json();
    let named = |owner: &str| owners.as_array().unwrap().iter().find(|o| o["owner"] == owner).cloned();
    let notes = named("server:notes").unwrap();
    assert_eq!((&notes["tenant"], &notes["keys"]), (&json!("default"), &json!(3)));
    assert_eq!(named("scripts:cli").unwrap()["keys"], 1, "{owners}");
    let shown = state(&place, &["list"]).expect(0).stdout;
    assert!(shown.contains("server:notes") && shown.contains("scripts:cli"), "{shown}");

    let keys = state(&place, &["list", "server:notes", "--json"]).expect(0).json();
    let names: Vec<_> = keys.as_array().unwrap().iter().map(|k| k["key"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b/y", "b/\u{202e}x"]);
    assert_eq!(keys[0]["bytes"], r#"{"n":1}"#.len());
    let shown = state(&place, &["list", "server:notes"]).expect(0).stdout;
    assert!(shown.contains("b/\\u{202e}x") && !shown.contains('\u{202e}'), "{shown}");

    assert_eq!(state(&place, &["get", "server:notes", "a"]).expect(0).json(), json!({"n": 1}));
    let odd = state(&place, &["get", "server:notes", "b/\u{202e}x"]).expect(0);
    assert_eq!(odd.json(), json!("\u{1b}[2J"));
    assert!(!odd.stdout.contains('\u{1b}'), "{:?}", odd.stdout);
    let entry = state(&place, &["get", "server:notes", "a", "--json"]).expect(0).json();
    assert_eq!((&entry["value"], &entry["version"]), (&json!({"n": 1}), &json!(1)));

    // Nobody is there to be asked.
    let refused = state(&place, &["clear", "server:notes"]).expect(3);
    assert!(refused.stderr.contains("give --yes to forget all 3 keys of `server:notes`"), "{}", refused.stderr);
    let gone = state(&place, &["clear", "server:notes", "--yes", "--json"]).expect(0).json();
    assert_eq!((&gone["owner"], &gone["keys"]), (&json!("server:notes"), &json!(3)));
    let owners = state(&place, &["list", "--json"]).expect(0).json();
    assert_eq!(owners.as_array().unwrap().len(), 1, "{owners}");
    // A version is never given twice.
    let again = json!({"key": "a", "value": 1}).to_string();
    let again = place.run(["--config", "tollgate.yaml", "call", "notes:keep", &again, "--json"]).expect(0).json();
    assert!(again["structuredContent"]["version"].as_u64().unwrap() > 3, "{again}");
}

#[test]
fn what_is_not_there_is_answered_with_what_is_near() {
    let place = kept();
    for (args, said) in [
        (&["get", "server:notes", "aa"][..], "did you mean `a`?"),
        (&["get", "server:notes", "nothing"], "`tollgate state list server:notes` lists its keys"),
        (&["get", "server:note", "a"], "did you mean `server:notes`?"),
        (&["list", "notes"], "did you mean `server:notes`?"),
        (&["clear", "policy:notes", "--yes"], "did you mean `server:notes`?"),
        (&["list", "server:notes", "--tenant", "other"], "give --tenant default"),
        (&["clear", "server:elsewhere", "--yes"], "`tollgate state list` lists who keeps something"),
        (&["get", "server:notes", "a\nb"], "control characters"),
    ] {
        let ended = state(&place, args).expect(2);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(state(&place, &["list", "--tenant", "other", "--json"]).expect(0).json(), json!([]));
}

#[test]
fn a_look_at_nothing_leaves_nothing_behind() {
    let place = Place::new();
    let ended = place.run(["state", "list"]).expect(0);
    assert!(ended.stderr.contains("nothing is kept in"), "{}", ended.stderr);
    assert_eq!(place.run(["state", "list", "--json"]).expect(0).json(), Value::Array(Vec::new()));
    assert!(!place.dir.path().join("home/.local").exists());
    // A file that is none is told as one.
    let file = place.write("other.db", "this is no store");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    place.write("tollgate.yaml", "state: {file: other.db}\n");
    let ended = place.run(["--config", "tollgate.yaml", "state", "list", "--json"]).expect(1);
    assert!(ended.stderr.contains("is no state store, or is damaged"), "{}", ended.stderr);
}
