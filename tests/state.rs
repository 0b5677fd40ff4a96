//! What components keep: `tollgate state` shows it, the journal has what was done to it.

use crate::support::{Place, shared_cache};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::state::{
    Entry, Expected, Holder, Key, KeyRange, MemoryStore, Namespace, Page, Quota, StateError, StateStore, Usage, Version,
};
use tollgate::{AdapterSpec, BoxFuture, ComponentSource, Digest, Grants, Host, LimitKind, Limits, MemoryJournal};
use tollgate_test_guests as guests;

/// A place where an adapter and a script have kept something.
fn kept() -> Place {
    let place = Place::new();
    place.write(
        "tollgate.yaml",
        format!(
            "servers: {{notes: {{component: {}, grants: [state]}}}}\nstate: {{file: kept/state.db}}\n",
            guests::ADAPTER_OUTSIDE
        ),
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
        (&["get", "server:notes", "b/yy"][..], "did you mean `b/y`?"),
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

fn outside(limits: Limits) -> AdapterSpec {
    let grants = Grants::parse(["state=k*"]).unwrap();
    let source = ComponentSource::File(guests::ADAPTER_OUTSIDE.into());
    AdapterSpec { grants, limits: Some(limits), ..AdapterSpec::new(source) }
}

async fn host(spec: AdapterSpec, store: impl StateStore) -> (Host, Arc<MemoryJournal>) {
    let journal = Arc::new(MemoryJournal::new(1_000));
    let builder = Host::builder().cache_dir(shared_cache().join("tollgate/components"));
    let builder = builder.adapter("a", spec).state(Arc::new(store), Quota::default()).journal(journal.clone());
    (builder.build().await.unwrap(), journal)
}

/// What the journal has of state.
fn entries(journal: &MemoryJournal) -> Vec<Value> {
    let all: Vec<Value> = journal.entries().iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    all.into_iter().filter(|entry| entry["event"] == "state").collect()
}

#[tokio::test]
async fn each_request_to_state_is_an_entry_that_shows_neither_key_nor_value() {
    let (host, journal) = host(outside(Limits::default()), MemoryStore::default()).await;
    let call = async |tool: &str, args: Value| host.call(&tool.parse().unwrap(), args.to_string()).await;
    call("a:keep", json!({"key": "k-hunter2", "value": "hunter2"})).await.unwrap();
    call("a:kept", json!({"key": "k-hunter2"})).await.unwrap();
    call("a:kept", json!({"key": "k-none"})).await.unwrap();
    call("a:keys", json!({"prefix": "k"})).await.unwrap();
    call("a:kept", json!({"key": "other"})).await.unwrap_err();
    call("a:kept", json!({"key": "k".repeat(1_000)})).await.unwrap_err();

    let digest = |key: &str| json!(Digest::of(key.as_bytes()).hex());
    let seen: Vec<_> = entries(&journal)
        .into_iter()
        .map(|e| json!([e["operation"], e["key_sha256"], e["bytes"], e["version"], e["outcome"]]))
        .collect();
    assert_eq!(
        seen,
        [
            json!(["set", digest("k-hunter2"), 9, 1, "ok"]),
            json!(["get", digest("k-hunter2"), 9, 1, "ok"]),
            json!(["get", digest("k-none"), 0, null, "absent"]),
            json!(["list", digest("k"), 9, null, "ok"]),
            json!(["get", digest("other"), 0, null, "denied"]),
            json!(["get", null, 0, null, "invalid-key"]),
        ]
    );
    let whole = serde_json::to_string(&journal.entries()).unwrap();
    assert!(whole.contains(r#""owner":"server:a""#) && !whole.contains("hunter2"), "{whole}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_run_that_asks_its_state_without_end_reaches_a_limit_and_fills_no_journal() {
    let mut limits = Limits::default();
    limits.set(LimitKind::StateRequests, 3);
    let (host, journal) = host(outside(limits), MemoryStore::default()).await;
    let args = json!({"key": "k", "times": 500}).to_string();
    let result = host.call(&"a:touch".parse().unwrap(), args).await.unwrap();
    let result: Value = serde_json::from_str(&result.json).unwrap();
    let touched = &result["structuredContent"];
    assert_eq!(touched["answered"], 3);
    assert!(touched["error"].as_str().unwrap().contains("--state-requests"), "{touched}");
    let outcomes: Vec<_> = entries(&journal).iter().map(|entry| entry["outcome"].clone()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "absent").count(), 3);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "limit").count(), 64);
    host.shutdown().await;
}

/// Never answers.
struct Stuck;

impl StateStore for Stuck {
    fn get(&self, _: &Namespace, _: Key) -> BoxFuture<'_, Result<Option<Entry>, StateError>> {
        Box::pin(std::future::pending())
    }
    fn set(
        &self,
        _: &Namespace,
        _: Key,
        _: String,
        _: Expected,
        _: Quota,
    ) -> BoxFuture<'_, Result<Version, StateError>> {
        Box::pin(std::future::pending())
    }
    fn delete(&self, _: &Namespace, _: Key, _: Option<Version>) -> BoxFuture<'_, Result<bool, StateError>> {
        Box::pin(std::future::pending())
    }
    fn list(&self, _: &Namespace, _: KeyRange) -> BoxFuture<'_, Result<Page, StateError>> {
        Box::pin(std::future::pending())
    }
    fn usage(&self, _: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        Box::pin(std::future::pending())
    }
    fn holders(&self, _: Option<Namespace>, _: u32) -> BoxFuture<'_, Result<Vec<Holder>, StateError>> {
        Box::pin(std::future::pending())
    }
    fn clear(&self, _: &Namespace) -> BoxFuture<'_, Result<Usage, StateError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_any_more_is_an_entry_too() {
    let mut limits = Limits::default();
    limits.set(LimitKind::Timeout, 300);
    let (host, journal) = host(outside(limits), Stuck).await;
    let args = json!({"key": "k", "value": 1}).to_string();
    host.call(&"a:keep".parse().unwrap(), args).await.unwrap_err();
    // An entry an attempt: the tool is idempotent.
    let entries = entries(&journal);
    assert!(!entries.is_empty());
    for entry in entries {
        assert_eq!((&entry["operation"], &entry["outcome"]), (&json!("set"), &json!("cancelled")));
    }
    host.shutdown().await;
}
