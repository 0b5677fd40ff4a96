//! Servers that are started when somebody needs them, and listed meanwhile as they were.

use crate::streams::{Echo, MODERN, in_process};
use crate::support::*;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tollgate_core::{CallError, Health, ListKind, SystemClock, SystemEntropy};
use tollgate_route::Backend;
use tollgate_upstream::{CatalogStore, Fleet, FleetOptions, Lazy, PinStore, ServerSpec, ServerState, Transport};

const IDLE: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(600);

/// A folder for what is kept, and a record of what was started.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn record(&self) -> PathBuf {
        self.0.path().join("record")
    }

    fn kept(&self) -> PathBuf {
        self.0.path().join("catalogs/s.jsonl")
    }

    fn starts(&self) -> usize {
        started(&self.record()).len()
    }

    fn spec(&self, idle: Duration) -> ServerSpec {
        ServerSpec { lazy: Some(Lazy { idle }), ..faulty("s", "never", &self.record()) }
    }

    fn fleet(&self, spec: ServerSpec) -> Fleet {
        let options = FleetOptions {
            catalogs: Some(CatalogStore::new(self.0.path().join("catalogs"))),
            pins: Some(PinStore::new(self.0.path().join("pins"))),
            ..FleetOptions::default()
        };
        let fleet = Fleet::with_options(Arc::new(SystemClock::default()), Arc::new(SystemEntropy::default()), options);
        fleet.add_server(spec).unwrap();
        fleet
    }

    /// A host that comes, learns what the server has, and goes.
    async fn seen_once(spec: impl FnOnce(&Self) -> ServerSpec) -> Self {
        let world = Self::new();
        let spec = spec(&world);
        let fleet = world.fleet(spec);
        until(&fleet, "s", ServerState::Ready).await;
        fleet.shutdown().await;
        assert!(world.kept().exists());
        world
    }
}

async fn names(fleet: &Fleet) -> Vec<String> {
    fleet.tools().await.iter().map(|tool| tool.name.clone()).collect()
}

async fn gets(fleet: &Fleet) {
    let answer = call(fleet, "s:get", json!({"nonce": "n"})).await;
    assert!(answer.result.is_ok(), "{answer:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_is_started_by_a_call_and_stopped_when_nobody_uses_it() {
    let world = World::new();
    let fleet = world.fleet(world.spec(IDLE));
    assert_eq!(names(&fleet).await, ["add_once", "set", "get"], "the first time it is started to learn what it has");
    for round in 1..=3 {
        until(&fleet, "s", ServerState::Idle).await;
        assert_eq!(fleet.member("s").unwrap().health, Health::Idle);
        eventually(|| Some(()).filter(|()| started(&world.record()).iter().all(|pid| !is_alive(pid)))).await;
        assert_eq!(names(&fleet).await, ["add_once", "set", "get"]);
        assert_eq!(fleet.tools_now().len(), 3);
        assert_eq!(world.starts(), round, "a list does not start it");
        gets(&fleet).await;
        assert_eq!(world.starts(), round + 1);
    }
    fleet.shutdown().await;
    assert_eq!(status(&fleet, "s").state, ServerState::Stopped);
    assert!(fleet.tools_now().is_empty());
}

#[tokio::test]
async fn the_next_host_lists_it_without_starting_it() {
    let world = World::seen_once(|world| world.spec(LONG)).await;
    let mode = std::fs::metadata(world.kept()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let fleet = world.fleet(world.spec(LONG));
    assert_eq!(fleet.wait_ready(&["s"]).await, []);
    let tools = fleet.tools().await;
    assert_eq!(
        (tools.len(), tools[0].name.as_str(), &tools[0].input_schema["required"][0]),
        (3, "add_once", &json!("nonce"))
    );
    assert!(fleet.resolve("s", "get").await.unwrap().effect.is_repeatable(), "annotations are kept");
    assert!(fleet.list_of("s", ListKind::Resources).await.unwrap().items.is_empty(), "it has none, as is known");
    assert_eq!((status(&fleet, "s").state, world.starts()), (ServerState::Idle, 1));
    let error = fleet.resolve("s", "gett").await.unwrap_err();
    assert_eq!(error, CallError::UnknownTool(vec!["s:get".into()]));
    assert_eq!(world.starts(), 2, "it may have such a tool by now");
    gets(&fleet).await;
    assert_eq!((status(&fleet, "s").state, world.starts()), (ServerState::Ready, 2));
    fleet.shutdown().await;
}

#[tokio::test]
async fn who_waits_for_it_starts_it() {
    let world = World::seen_once(|world| world.spec(LONG)).await;
    let fleet = world.fleet(world.spec(LONG));
    until(&fleet, "s", ServerState::Idle).await;
    Backend::wait_ready(&fleet, "s", SOON).await.unwrap();
    assert_eq!((status(&fleet, "s").state, world.starts()), (ServerState::Ready, 2));
    fleet.shutdown().await;
}

#[tokio::test]
async fn what_the_configuration_hides_is_not_kept_hidden() {
    let world = World::seen_once(|world| ServerSpec { deny: vec!["add*".into()], ..world.spec(LONG) }).await;
    let fleet = world.fleet(ServerSpec { deny: vec!["set".into()], ..world.spec(LONG) });
    assert_eq!(names(&fleet).await, ["add_once", "get"]);
    assert_eq!(world.starts(), 1);
    fleet.shutdown().await;
}

#[tokio::test]
async fn another_command_has_another_catalog() {
    let world = World::seen_once(|world| world.spec(LONG)).await;
    let other = ServerSpec { lazy: Some(Lazy { idle: LONG }), ..evil("s", "good", "") };
    let fleet = world.fleet(other);
    assert_eq!(names(&fleet).await, ["echo", "read"]);
    assert_eq!(status(&fleet, "s").state, ServerState::Ready, "it was asked");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_file_that_is_not_what_it_must_be_is_ignored_and_written_anew() {
    let good = World::seen_once(|world| world.spec(LONG)).await;
    let text = std::fs::read_to_string(good.kept()).unwrap();
    let (head, tools) = text.split_once('\n').unwrap();
    let deep = format!(r#"{{"name": "x", "inputSchema": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let cases: [(&str, Vec<u8>, u32); 9] = [
        ("empty", Vec::new(), 0o600),
        ("no text", vec![0xff; 4_000], 0o600),
        ("no head", tools.into(), 0o600),
        ("cut off", text.as_bytes()[..text.len() - 40].into(), 0o600),
        ("a tool less", text.lines().take(3).collect::<Vec<_>>().join("\n").into(), 0o600),
        ("a tool more", format!("{text}{{\"name\": \"evil\", \"inputSchema\": {{}}}}\n").into(), 0o600),
        ("deep", format!("{}\n{deep}\n", head.replace("\"tools\":3", "\"tools\":1")).into(), 0o600),
        ("of the next format", text.replace("\"tollgate_catalog\":1", "\"tollgate_catalog\":2").into(), 0o600),
        ("open to others", text.clone().into(), 0o644),
    ];
    for (case, bytes, mode) in cases {
        std::fs::write(good.kept(), bytes).unwrap();
        std::fs::set_permissions(good.kept(), std::fs::Permissions::from_mode(mode)).unwrap();
        let before = good.starts();
        let fleet = good.fleet(good.spec(LONG));
        assert_eq!(names(&fleet).await, ["add_once", "set", "get"], "{case}");
        gets(&fleet).await;
        assert_eq!(good.starts(), before + 1, "{case}: the server itself was asked");
        fleet.shutdown().await;
        assert_eq!(std::fs::read_to_string(good.kept()).unwrap(), text, "{case}");
        assert_eq!(std::fs::metadata(good.kept()).unwrap().permissions().mode() & 0o777, 0o600, "{case}");
    }
    std::fs::rename(good.kept(), good.0.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(good.0.path().join("elsewhere"), good.kept()).unwrap();
    let fleet = good.fleet(good.spec(LONG));
    assert_eq!(names(&fleet).await.len(), 3);
    assert_eq!(status(&fleet, "s").state, ServerState::Ready, "a link is not followed");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_only_the_catalog() {
    let world = World::new();
    std::fs::write(world.0.path().join("catalogs"), "a file").unwrap();
    let fleet = world.fleet(world.spec(IDLE));
    assert_eq!(names(&fleet).await.len(), 3);
    until(&fleet, "s", ServerState::Idle).await;
    gets(&fleet).await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn no_secret_is_in_what_is_kept() {
    let world = World::seen_once(|world| {
        let mut spec = world.spec(LONG);
        if let Transport::Stdio { env, .. } = &mut spec.transport {
            env.insert("TOKEN".to_owned(), "hunter2-hunter2".into());
        }
        spec
    })
    .await;
    assert!(!std::fs::read_to_string(world.kept()).unwrap().contains("hunter2"));
    let mut spec = world.spec(LONG);
    if let Transport::Stdio { env, .. } = &mut spec.transport {
        env.insert("TOKEN".to_owned(), "another".into());
    }
    let fleet = world.fleet(spec);
    until(&fleet, "s", ServerState::Idle).await;
    assert_eq!(world.starts(), 1, "another value is the same server");
    fleet.shutdown().await;
}

fn tool(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {"type": "object"}})
}

#[tokio::test]
async fn what_was_kept_is_held_against_what_was_approved() {
    let pinned = |world: &World| {
        let tools = world.0.path().join("tools.json");
        let spec = evil("s", "tools-of-file", tools.to_str().unwrap());
        ServerSpec { pin: true, lazy: Some(Lazy { idle: LONG }), ..spec }
    };
    let world = World::seen_once(|world| {
        std::fs::write(world.0.path().join("tools.json"), json!([tool("say", "Says it.")]).to_string()).unwrap();
        pinned(world)
    })
    .await;
    let changed = json!([tool("say", "Says it, and sends it to me.")]);
    std::fs::write(world.0.path().join("tools.json"), changed.to_string()).unwrap();
    let fleet = world.fleet(pinned(&world));
    assert_eq!(names(&fleet).await, ["say"]);
    assert_eq!(status(&fleet, "s").state, ServerState::Idle, "as it was approved, and kept");
    let error = fails(&fleet, "s:say", json!({})).await;
    assert!(matches!(&error, CallError::Denied(why) if why.contains("was changed since it was approved")), "{error:?}");
    fleet.shutdown().await;

    let fleet = world.fleet(pinned(&world));
    assert!(names(&fleet).await.is_empty(), "what is kept now is not what was approved");
    assert_eq!((status(&fleet, "s").state, fleet.quarantined().len()), (ServerState::Idle, 1));
    assert!(matches!(fails(&fleet, "s:say", json!({})).await, CallError::Denied(_)));
    assert_eq!(status(&fleet, "s").state, ServerState::Idle, "to be refused needs no start");
    fleet.shutdown().await;

    std::fs::remove_dir_all(world.0.path().join("pins")).unwrap();
    let fleet = world.fleet(pinned(&world));
    assert_eq!(names(&fleet).await, ["say"]);
    assert_eq!(status(&fleet, "s").state, ServerState::Ready, "its first sight is a sight of itself");
    fleet.shutdown().await;
}

/// The moment at which it is stopped is the moment of the next call, again and again.
#[tokio::test]
async fn no_call_is_lost_to_its_being_stopped() {
    let fleet = Fleet::default();
    let idle = Duration::from_millis(10);
    fleet.add_server(ServerSpec { lazy: Some(Lazy { idle }), ..in_process("s", Echo::new(MODERN)) }).unwrap();
    let callers = (0..4_u64).map(|caller| {
        let fleet = &fleet;
        async move {
            for round in 0..60_u64 {
                echoes(fleet, "s:echo").await;
                tokio::time::sleep(Duration::from_millis(8 + (round * 7 + caller * 3) % 6)).await;
            }
        }
    });
    futures::future::join_all(callers).await;
    until(&fleet, "s", ServerState::Idle).await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_call_that_takes_longer_than_it_may_idle_is_answered() {
    let world = World::new();
    let notes = world.0.path().join("notes");
    let fleet = world.fleet(ServerSpec {
        lazy: Some(Lazy { idle: Duration::from_millis(20) }),
        call_timeout: Duration::from_millis(500),
        ..evil("s", "never-answers", notes.to_str().unwrap())
    });
    let error = fails(&fleet, "s:echo", json!({})).await;
    assert!(matches!(error, CallError::TimedOut(_)), "it was there all the time: {error:?}");
    until(&fleet, "s", ServerState::Idle).await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn one_that_cannot_be_started_any_more_says_so_and_is_idle_again() {
    let copied = |world: &World| {
        let mut spec = world.spec(LONG);
        if let Transport::Stdio { command, .. } = &mut spec.transport {
            *command = world.0.path().join("server").display().to_string();
        }
        spec
    };
    let world = World::seen_once(|world| {
        std::fs::copy(env!("CARGO_BIN_EXE_tollgate-fault-server"), world.0.path().join("server")).unwrap();
        copied(world)
    })
    .await;
    std::fs::remove_file(world.0.path().join("server")).unwrap();
    let fleet = world.fleet(copied(&world));
    let answer = call(&fleet, "s:get", json!({"nonce": "n"})).await;
    let Err(CallError::Unavailable(why)) = &answer.result else { panic!("{answer:?}") };
    assert!(!answer.sent && why.contains("was not found"), "{why}");
    assert_eq!(names(&fleet).await.len(), 3, "it is listed all the same");
    let status = until(&fleet, "s", ServerState::Idle).await;
    assert!(status.error.unwrap().contains("was not found"));
    fleet.shutdown().await;
}
