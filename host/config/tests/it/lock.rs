//! The lock file: what it refuses, how it is written, what is wrong in one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tollgate_config::lock::{Kind, LOCK_MAX_BYTES, Lock, LockError, Pin, Source, components};

fn empty() -> Lock {
    Lock::new(Lock::beside(Path::new("/etc/gate/tollgate.yaml")))
}

fn pinned() -> Lock {
    let mut lock = empty();
    let pricing = lock.path(Path::new("/etc/gate/./adapters/pricing.wasm")).unwrap();
    lock.pin(Kind::Component, pricing, Pin::of(b"one"));
    let far = lock.path(Path::new("/usr/share/a \"b\".wasm")).unwrap();
    lock.pin(Kind::Component, far, Pin::of(b"two"));
    lock.pin(Kind::Document, Source::Url("https://api.example.com/openapi.json".into()), Pin::of(b"{}"));
    lock
}

#[test]
fn what_is_as_pinned_runs_and_what_is_not_says_what_to_do() {
    let lock = pinned();
    let pricing = Source::Path("adapters/pricing.wasm".into());
    assert_eq!(lock.check(Kind::Component, &pricing, b"one"), Ok(()));
    let changed = lock.check(Kind::Component, &pricing, b"three").unwrap_err();
    let missing = lock.check(Kind::Component, &Source::Path("new.wasm".into()), b"one").unwrap_err();
    // The same name as another kind is another entry.
    let kind = lock.check(Kind::Document, &pricing, b"one").unwrap_err();
    assert!(matches!(kind, LockError::Missing { .. }));
    insta::assert_snapshot!(format!("{changed}\n\n{missing}"));
}

#[test]
fn digests_that_look_alike_are_shown_whole() {
    let mut digest = Pin::of(b"one");
    digest.digest.0[31] ^= 1;
    let said = pinned().check_pin(Kind::Component, &Source::Path("adapters/pricing.wasm".into()), digest).unwrap_err();
    let text = said.to_string();
    assert!(text.contains(&format!("sha256:{} now", digest.digest)) && !text.contains('…'), "{text}");
}

#[test]
fn the_text_is_the_same_whatever_the_order_and_reads_back() {
    let lock = pinned();
    let mut other = empty();
    other.pin(Kind::Document, Source::Url("https://api.example.com/openapi.json".into()), Pin::of(b"{}"));
    other.pin(Kind::Component, Source::Path("/usr/share/a \"b\".wasm".into()), Pin::of(b"two"));
    other.pin(Kind::Component, Source::Path("adapters/pricing.wasm".into()), Pin::of(b"one"));
    assert_eq!(lock.to_text(), other.to_text());
    assert_eq!(Lock::parse(lock.file(), lock.to_text().as_bytes()).unwrap(), lock);
    insta::assert_snapshot!(lock.to_text());
}

#[test]
fn an_update_is_told_line_by_line() {
    let mut after = pinned();
    after.pin(Kind::Component, Source::Path("adapters/pricing.wasm".into()), Pin::of(b"changed"));
    after.pin(Kind::Document, Source::Path("petstore.yaml".into()), Pin::of(b"new"));
    let mut before = pinned();
    before.pin(Kind::Component, Source::Path("old.wasm".into()), Pin::of(b"old"));
    let lines: Vec<_> = before.changes(&after).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(after.changes(&after).is_empty());
}

#[test]
fn a_file_is_written_whole_and_others_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = Lock::beside(&folder.path().join("tollgate.toml"));
    assert_eq!(Lock::load(&file), Ok(None), "without a lock file nothing is checked");
    let mut lock = Lock::new(file.clone());
    lock.write().unwrap();
    lock.pin(Kind::Component, Source::Path("a.wasm".into()), Pin::of(b"a"));
    lock.write().unwrap();
    assert_eq!(Lock::load(&file).unwrap(), Some(lock));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    let nowhere = Lock::new(PathBuf::from("/proc/no/such/tollgate.lock"));
    assert!(nowhere.write().is_err());
}

#[test]
fn every_component_of_a_configuration_is_named_once_for_each_use() {
    let config = crate::config(
        "tollgate.yaml",
        "servers: {a: {component: ./a.wasm}, off: {component: /far/b.wasm, disabled: true}, c: {command: x}}\n\
         policies: {p: {component: p.wasm}, s: {script: s.js}}",
    );
    let lock = empty();
    let named: Vec<_> = components(&config).map(|path| lock.path(path).unwrap().to_string()).collect();
    assert_eq!(named, ["a.wasm", "/far/b.wasm", "p.wasm"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let digest = "0".repeat(64);
    let table = [
        "version = 2\n[[future]]\nx = 1".to_owned(),
        "[[component]]\npath = \"a\"".to_owned(),
        "version = 1\n[[component]]\npath = \"a\"\nurl = \"b\"".to_owned(),
        "version = 1\n[[component]]\npath = 1".to_owned(),
        "version = 1\n[[component]]\npath = \"a\"\ndigest = \"md5:00\"\nsize = 1".to_owned(),
        "version = 1\n[[component]]\npath = \"a\"\nsize = -1".to_owned(),
        format!("version = 1\n[[component]]\npath = \"a\"\ndigest = \"sha256:{digest}\""),
        format!(
            "version = 1\n{0}\n{0}",
            format_args!("[[component]]\npath = \"a\"\ndigest = \"sha256:{digest}\"\nsize = 1")
        ),
        "version = 1\ncomponent = 1".to_owned(),
        "version = 1\ncomponent = [1]".to_owned(),
        "version = 1\ncomponents = []\n\"\\u001b[31m\" = 1".to_owned(),
        "version = 1\n[[component]\n".to_owned(),
        "version = 1\nversion = 1".to_owned(),
        "<<<<<<< HEAD\nversion = 1".to_owned(),
    ];
    let mut said = String::new();
    for text in table {
        let error = Lock::parse(Path::new("tollgate.lock"), text.as_bytes()).unwrap_err();
        said.push_str(&format!("{error}\n\n"));
    }
    assert!(!said.contains('\u{1b}'));
    insta::assert_snapshot!(said);
}

#[test]
fn large_files_and_files_that_are_no_text_are_refused() {
    let large = vec![b'#'; usize::try_from(LOCK_MAX_BYTES).unwrap() + 1];
    for bytes in [&large[..], b"\xff\xfe"] {
        assert!(Lock::parse(Path::new("tollgate.lock"), bytes).is_err());
    }
    assert!(Lock::load(Path::new("/dev/null")).is_err(), "a device is no lock file");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(version = 1\n)?((\\[\\[component\\]\\]|\\[\\[document\\]\\]|path = \"[a-z]\"|size = [0-9]|digest = \"sha256:[0-9a-f]{64}\"|.{0,10})\n){0,12}") {
        if let Ok(lock) = Lock::parse(Path::new("tollgate.lock"), text.as_bytes()) {
            proptest::prop_assert_eq!(Lock::parse(lock.file(), lock.to_text().as_bytes()), Ok(lock));
        }
    }

    #[test]
    fn any_path_reads_back(path in "[^\u{0}]{1,20}") {
        let mut lock = empty();
        lock.pin(Kind::Component, Source::Path(path), Pin::of(b"x"));
        proptest::prop_assert_eq!(Lock::parse(lock.file(), lock.to_text().as_bytes()), Ok(lock));
    }
}
