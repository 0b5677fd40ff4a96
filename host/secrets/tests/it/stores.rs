use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::Secret;
use tollgate_secrets::command::{CommandError, output};
use tollgate_secrets::{Chain, FolderStore, MemoryStore, Place, PlacedStore, SecretStore, StoreError};

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).into()
}

fn read(place: &Place) -> Result<String, String> {
    let environment = |name: &str| (name == "TOKEN").then(|| "t0ken\n".to_owned());
    place.read(&environment).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn a_variable_is_taken_as_it_is() {
    assert_eq!(read(&Place::Env("TOKEN".into())).unwrap(), "t0ken\n");
    assert!(read(&Place::Env("GONE".into())).unwrap_err().contains("`GONE` is not set"));
}

#[test]
fn a_file_must_be_this_users_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let place = Place::File(file.clone());
    assert!(read(&place).unwrap_err().contains("not there"));
    for (content, want) in [("hush", "hush"), ("hush\n", "hush"), ("hush\r\n", "hush"), ("a\nb\n\n", "a\nb\n")] {
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&place).unwrap(), want);
    }
    for mode in [0o640, 0o604, 0o620, 0o644, 0o660] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let error = read(&place).unwrap_err();
        assert!(error.contains("chmod 600") && !error.contains("hush"), "{mode:o} {error}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(read(&Place::File(dir.path().to_owned())).unwrap_err().contains("not a regular file"));
    assert!(read(&Place::File("/dev/zero".into())).is_err());
    fs::write(&file, b"hush\xff").unwrap();
    let error = read(&place).unwrap_err();
    assert!(error.contains("not UTF-8") && !error.contains("hush"), "{error}");
    fs::write(&file, vec![b'x'; (64 << 10) + 1]).unwrap();
    assert!(read(&place).unwrap_err().contains("more than"));
}

#[test]
fn a_link_is_followed_and_the_file_behind_it_is_what_counts() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let put = |folder: &str, value: &str, mode| {
        fs::create_dir(at(folder)).unwrap();
        fs::write(at(folder).join("token"), value).unwrap();
        fs::set_permissions(at(folder).join("token"), fs::Permissions::from_mode(mode)).unwrap();
    };
    // As Kubernetes mounts a secret, and puts a new one in its place.
    put("..2026_01", "old", 0o400);
    symlink("..2026_01", at("..data")).unwrap();
    symlink("..data/token", at("token")).unwrap();
    let place = Place::File(at("token"));
    assert_eq!(read(&place).unwrap(), "old");
    put("..2026_02", "new", 0o400);
    symlink("..2026_02", at("..next")).unwrap();
    fs::rename(at("..next"), at("..data")).unwrap();
    assert_eq!(read(&place).unwrap(), "new");

    // A link's own mode is 0777, and says nothing.
    for mode in [0o440, 0o404, 0o644] {
        fs::set_permissions(at("..2026_02/token"), fs::Permissions::from_mode(mode)).unwrap();
        let error = read(&place).unwrap_err();
        assert!(error.contains(&format!("open to others (mode {mode:04o})")), "{error}");
    }
    fs::set_permissions(at("..2026_02/token"), fs::Permissions::from_mode(0o400)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(at("..2026_02/token"), Some(65534), None).unwrap();
        assert!(read(&place).unwrap_err().contains("belongs to another user"));
    }
    for (name, target, why) in [
        ("folder", "..data", "not a regular file"),
        ("device", "/dev/zero", "not a regular file"),
        ("nowhere", "gone", "is not there"),
        ("circle", "circle", "a link to itself"),
    ] {
        symlink(target, at(name)).unwrap();
        let error = read(&Place::File(at(name))).unwrap_err();
        assert!(error.contains(why), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_link_among_what_the_program_keeps_itself_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let store = FolderStore::new(dir.path().join("secrets"));
    store.set("a", Secret::from("x")).await.unwrap();
    symlink("a", dir.path().join("secrets/b")).unwrap();
    let error = store.get("b").await.unwrap_err().to_string();
    assert!(error.contains("a link, which is not followed"), "{error}");
}

#[test]
fn a_pipe_in_a_files_place_does_not_block() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(read(&Place::File(pipe)).is_err());
}

#[test]
fn a_command_gives_what_it_prints_without_a_shell_or_our_environment() {
    assert_eq!(read(&Place::Command(shell("echo hush"))).unwrap(), "hush");
    let argv = ["printf", "%s", "$HOME; a b"].map(str::to_owned).into();
    assert_eq!(read(&Place::Command(argv)).unwrap(), "$HOME; a b");
    // Cargo sets this for tests, and it is not among what commands get.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    assert_eq!(read(&Place::Command(shell("echo x${CARGO_MANIFEST_DIR}x"))).unwrap(), "xx");
    assert_eq!(read(&Place::Command(shell("cat; echo done"))).unwrap(), "done", "nothing on its standard input");
}

#[test]
fn a_command_that_fails_says_so_and_nothing_that_it_printed() {
    for script in ["echo hunter2; exit 3", "echo hunter2 >&2; exit 3", "printf 'hunter2\\377'"] {
        let error = read(&Place::Command(shell(script))).unwrap_err();
        assert!(error.contains("`sh`") && !error.contains("hunter2"), "{error}");
    }
    assert!(read(&Place::Command(shell("true"))).unwrap_err().contains("printed nothing"));
    assert!(read(&Place::Command(vec!["/nowhere/at-all".into()])).unwrap_err().contains("cannot be started"));
    assert!(read(&Place::Command(Vec::new())).unwrap_err().contains("empty"));
}

#[test]
fn a_command_that_does_not_end_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    // A grandchild that holds the pipe.
    let script = format!("sleep 60 & echo $! > {}; exit 0", pid_file.display());
    let started = Instant::now();
    let result = output(&shell(&script), Duration::from_secs(2), 100);
    assert!(matches!(result, Err(CommandError::Late(..))), "{:?}", result.err());
    assert!(started.elapsed() < Duration::from_secs(20));
    let pid = fs::read_to_string(&pid_file).unwrap();
    let gone = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    let waited = (0..100).any(|_| {
        gone() || {
            std::thread::sleep(Duration::from_millis(20));
            false
        }
    });
    assert!(waited, "the grandchild is still there");
}

#[test]
fn a_command_that_prints_without_end_is_stopped() {
    let result = output(&shell("yes hunter2"), Duration::from_secs(20), 1000);
    assert!(matches!(result, Err(CommandError::TooLong(_, 1000))), "{:?}", result.err());
}

#[tokio::test]
async fn a_folder_keeps_what_is_set_for_this_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = FolderStore::new(dir.path().join("secrets"));
    assert!(store.list().await.unwrap().is_empty());
    assert_eq!(store.get("a").await.unwrap_err(), StoreError::Missing("a".into()));
    for value in ["one", "two\n", "drei ü"] {
        store.set("api.key", Secret::from(value)).await.unwrap();
        assert_eq!(store.get("api.key").await.unwrap().expose(), value);
    }
    store.set("b", Secret::from("x")).await.unwrap();
    assert_eq!(store.list().await.unwrap(), ["api.key", "b"]);
    let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("secrets"), mode("secrets/b")), (0o700, 0o600));
    for name in ["", "../b", "a/b", ".hidden", "-x", "a\0b", "x.", "ü", "a.tmp", &"x".repeat(101)] {
        assert!(matches!(store.set(name, Secret::from("hunter2")).await, Err(StoreError::Name(_))), "{name:?}");
    }
    for value in ["", "hunter2\0", &"hunter2".repeat(10_000)] {
        let error = store.set("c", Secret::from(value)).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    fs::set_permissions(dir.path().join("secrets/b"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(store.get("b").await, Err(StoreError::Unusable { .. })));
    fs::set_permissions(dir.path().join("secrets"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(store.set("d", Secret::from("x")).await.unwrap_err().to_string().contains("chmod 700"));
}

#[tokio::test]
async fn a_chain_reads_the_first_that_knows_and_writes_what_no_place_has() {
    let places = PlacedStore::new([
        ("cmd".to_owned(), Place::Command(shell("echo from-command"))),
        ("gone".to_owned(), Place::Env("TOLLGATE_TEST_NOT_SET".to_owned())),
    ]);
    let memory = Arc::new(MemoryStore::default());
    let chain = Chain::new([Arc::new(places) as Arc<dyn SecretStore>, memory.clone()]);
    assert_eq!(chain.get("cmd").await.unwrap().expose(), "from-command");
    assert!(matches!(chain.get("gone").await, Err(StoreError::Place(..))), "its place is what counts");
    chain.set("mine", Secret::from("value")).await.unwrap();
    assert_eq!(chain.get("mine").await.unwrap().expose(), "value");
    assert!(matches!(chain.set("cmd", Secret::from("x")).await, Err(StoreError::ReadOnly(_))));
    assert_eq!(chain.list().await.unwrap(), ["cmd", "gone", "mine"]);
    assert!(matches!(chain.get("nobody").await, Err(StoreError::Missing(_))));
}
