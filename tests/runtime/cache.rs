//! The compile cache holds machine code, so it believes nothing that somebody else could have put there.

use crate::runtime::support::{Tools, guest, new_runtime, output, setup};
use sha2::{Digest as _, Sha256};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tollgate_core::Limits;
use tollgate_runtime::{Digest, Runtime, RuntimeConfig};

/// Compiles in a moment.
const GUEST: &str = "evil_instances";

/// A new host with the cache in this folder.
fn host(root: &Path) -> Arc<Runtime> {
    new_runtime(RuntimeConfig { max_runs: 4, cache_dir: Some(root.to_owned()), ..RuntimeConfig::default() })
}

/// Has the host use the guest, and checks that it runs.
async fn use_guest(host: &Arc<Runtime>) {
    let program = host.prepare(guest(GUEST)).await.unwrap();
    let limits = Limits { instances: 64, ..Limits::default() };
    let end = host.run_policy(&program, "null", setup(&Tools::new(), limits), std::future::pending()).await;
    assert_eq!(output(end), serde_json::Value::Null);
}

fn entry(host: &Runtime) -> PathBuf {
    host.cached(Digest::of(&guest(GUEST))).unwrap()
}

/// Which file stands there: an entry that is used stays, one that is replaced is another file.
fn identity(entry: &Path) -> (u64, i64, i64) {
    let meta = fs::symlink_metadata(entry).unwrap();
    (meta.ino(), meta.mtime(), meta.mtime_nsec())
}

/// A cache with one good entry.
async fn filled() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let host = host(root.path());
    use_guest(&host).await;
    let entry = entry(&host);
    assert!(entry.is_file());
    (root, entry)
}

#[tokio::test]
async fn a_good_entry_is_private_and_used_again() {
    let (root, entry) = filled().await;
    assert_eq!(fs::metadata(&entry).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(entry.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let before = identity(&entry);
    use_guest(&host(root.path())).await;
    assert_eq!(identity(&entry), before, "it was compiled again");
}

#[tokio::test]
async fn an_entry_that_is_not_to_be_trusted_is_compiled_anew() {
    type Damage = fn(&Path);
    fn rewrite(entry: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(entry).unwrap();
        change(&mut bytes);
        fs::write(entry, bytes).unwrap();
    }
    let table: [(&str, Damage); 13] = [
        ("empty", |entry| rewrite(entry, Vec::clear)),
        ("cut off by a byte", |entry| rewrite(entry, |bytes| bytes.truncate(bytes.len() - 1))),
        ("cut off in the middle", |entry| rewrite(entry, |bytes| bytes.truncate(bytes.len() / 2))),
        ("only its trailer", |entry| rewrite(entry, |bytes| drop(bytes.drain(..bytes.len() - 40)))),
        ("a byte longer", |entry| rewrite(entry, |bytes| bytes.push(0))),
        ("one bit different in the code", |entry| {
            rewrite(entry, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        }),
        ("one bit different in the checksum", |entry| {
            rewrite(entry, |bytes| {
                let at = bytes.len() - 40;
                bytes[at] ^= 1;
            });
        }),
        ("of another format", |entry| {
            rewrite(entry, |bytes| {
                let at = bytes.len() - 1;
                bytes[at] = b'0';
            });
        }),
        ("written by the group", |entry| fs::set_permissions(entry, Permissions::from_mode(0o620)).unwrap()),
        ("written by all", |entry| fs::set_permissions(entry, Permissions::from_mode(0o602)).unwrap()),
        ("a link to a good entry", |entry| {
            let aside = entry.with_extension("aside");
            fs::rename(entry, &aside).unwrap();
            symlink(&aside, entry).unwrap();
        }),
        ("a link to nothing", |entry| {
            fs::remove_file(entry).unwrap();
            symlink("nowhere", entry).unwrap();
        }),
        ("a pipe that nobody writes to", |entry| {
            fs::remove_file(entry).unwrap();
            assert!(Command::new("mkfifo").arg("-m600").arg(entry).status().unwrap().success());
        }),
    ];
    for (name, damage) in table {
        let (root, entry) = filled().await;
        damage(&entry);
        let before = identity(&entry);
        use_guest(&host(root.path())).await;
        assert_ne!(identity(&entry), before, "{name}: it was not replaced");
        let mended = identity(&entry);
        use_guest(&host(root.path())).await;
        assert_eq!(identity(&entry), mended, "{name}: what replaced it is no good");
    }
}

#[tokio::test]
async fn an_entry_of_another_user_is_compiled_anew() {
    let (root, entry) = filled().await;
    let nobody = Some(65_534);
    if let Err(error) = std::os::unix::fs::chown(&entry, nobody, None) {
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
        eprintln!("skipped: only a privileged user can give a file away");
        return;
    }
    let before = identity(&entry);
    use_guest(&host(root.path())).await;
    assert_ne!(identity(&entry), before);
}

#[tokio::test]
async fn an_entry_that_cannot_be_replaced_does_no_harm() {
    let (root, entry) = filled().await;
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    fs::write(entry.join("in the way"), "").unwrap();
    use_guest(&host(root.path())).await;
    assert!(entry.is_dir());
}

#[tokio::test]
async fn whole_code_of_an_engine_with_other_settings_is_compiled_anew() {
    let (root, entry) = filled().await;
    let mut config = wasmtime::Config::new();
    config.wasm_component_model_async(true);
    let other = wasmtime::Engine::new(&config).unwrap();
    let mut bytes = other.precompile_component(&guest(GUEST)).unwrap();
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(b"TGCACHE1");
    fs::write(&entry, bytes).unwrap();
    let before = identity(&entry);
    use_guest(&host(root.path())).await;
    assert_ne!(identity(&entry), before);
}

#[tokio::test]
async fn a_folder_is_named_by_the_engines_settings() {
    let (root, entry) = filled().await;
    let folder = entry.parent().unwrap();
    assert_eq!(folder.parent(), Some(root.path()));
    // The same entry in the folder of other settings is another host's matter.
    let elsewhere = root.path().join("0123456789abcdef");
    fs::rename(folder, &elsewhere).unwrap();
    use_guest(&host(root.path())).await;
    assert!(entry.is_file());
    assert!(elsewhere.join(entry.file_name().unwrap()).is_file());
}

#[tokio::test]
async fn a_folder_that_is_a_link_is_not_used() {
    let (root, entry) = filled().await;
    let folder = entry.parent().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir_all(folder).unwrap();
    symlink(elsewhere.path(), folder).unwrap();
    let host = host(root.path());
    use_guest_without_cache(&host).await;
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "it wrote through the link");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_done_without() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    use_guest_without_cache(&host(&file)).await;
}

async fn use_guest_without_cache(host: &Arc<Runtime>) {
    assert!(host.cached(Digest::of(b"")).is_none());
    use_guest(host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_race_in_one_process_all_succeed() {
    let root = tempfile::tempdir().unwrap();
    let hosts: Vec<_> = (0..8).map(|_| host(root.path())).collect();
    let mut racing = tokio::task::JoinSet::new();
    for host in &hosts {
        let host = host.clone();
        racing.spawn(async move { use_guest(&host).await });
    }
    while let Some(done) = racing.join_next().await {
        done.unwrap();
    }
    assert_one_good_entry(root.path(), &entry(&hosts[0])).await;
}

/// The folder of the cache, for the process that [`processes_that_race_all_succeed`] starts.
const CHILD: &str = "TOLLGATE_TEST_CACHE_FOLDER";

#[tokio::test]
async fn processes_that_race_all_succeed() {
    if let Some(root) = std::env::var_os(CHILD) {
        return use_guest(&host(Path::new(&root))).await;
    }
    let root = tempfile::tempdir().unwrap();
    // The guests are built before the race.
    let entry = entry(&host(root.path()));
    let this = std::env::current_exe().unwrap();
    let start = || {
        let mut child = Command::new(&this);
        child.args(["--exact", "runtime::cache::processes_that_race_all_succeed"]).env(CHILD, root.path());
        child.spawn().unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_one_good_entry(root.path(), &entry).await;
}

async fn assert_one_good_entry(root: &Path, entry: &Path) {
    let names: Vec<_> =
        fs::read_dir(entry.parent().unwrap()).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert_eq!(names, [entry.file_name().unwrap()], "something was left behind");
    let before = identity(entry);
    use_guest(&host(root)).await;
    assert_eq!(identity(entry), before, "the entry is no good");
}
