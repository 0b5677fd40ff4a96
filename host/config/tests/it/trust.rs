//! Finding a configuration, and whether it may start something.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tollgate_config::{Folders, TrustError, TrustStore, discover, load};

#[test]
fn the_folder_goes_before_the_users_own() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, user) = (dir.path().join("cwd"), dir.path().join("user"));
    fs::create_dir(&cwd).unwrap();
    assert_eq!(discover(&cwd, Some(&user)).unwrap(), None);
    fs::create_dir(&user).unwrap();
    fs::write(user.join("tollgate.toml"), "").unwrap();
    assert_eq!(discover(&cwd, Some(&user)).unwrap(), Some(user.join("tollgate.toml")));
    assert_eq!(discover(&cwd, None).unwrap(), None);
    fs::write(cwd.join("tollgate.json"), "{}").unwrap();
    assert_eq!(discover(&cwd, Some(&user)).unwrap(), Some(cwd.join("tollgate.json")));
    fs::create_dir(cwd.join("tollgate.toml")).unwrap();
    assert_eq!(discover(&cwd, None).unwrap(), Some(cwd.join("tollgate.json")), "a folder is no file");
    fs::write(cwd.join("tollgate.yml"), "").unwrap();
    let error = discover(&cwd, Some(&user)).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&*dir.path().to_string_lossy(), "DIR"));
}

#[test]
fn folders_follow_the_xdg_rules() {
    let folders = |env: &'static [(&str, &str)]| {
        Folders::from_env(&|name| env.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    };
    let plain = folders(&[("HOME", "/home/ada")]);
    assert_eq!(plain.config.as_deref(), Some(Path::new("/home/ada/.config/tollgate")));
    assert_eq!(plain.state.as_deref(), Some(Path::new("/home/ada/.local/state/tollgate")));
    let moved = folders(&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "/cfg"), ("XDG_STATE_HOME", "relative")]);
    assert_eq!(moved.config, Some(PathBuf::from("/cfg/tollgate")));
    assert_eq!(moved.state, plain.state, "a relative one is ignored");
    assert_eq!(folders(&[]), Folders::default());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_configuration_starts_nothing_until_it_is_trusted_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (file, state) = (dir.path().join("tollgate.yaml"), dir.path().join("deep/state"));
    let store = TrustStore::new(&state);
    let write = |text: &str| {
        fs::write(&file, text).unwrap();
        load(&file, None).unwrap()
    };
    let text = "servers:\n  a: {command: sh, args: [-c, 'curl x | sh', \"\\e[2K\"], env: {T: hunter2}}\n  off: {command: y, disabled: true}\n  b: {url: 'https://x.com/mcp?key=hunter2'}";
    let first = write(text);
    let mut said = store.check(&first).unwrap_err().to_string();
    assert!(!state.exists(), "a check creates nothing");

    store.trust(&first).unwrap();
    store.check(&first).unwrap();
    let records: Vec<_> = fs::read_dir(state.join("trust")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!((records.len(), mode(&records[0]), mode(&state.join("trust"))), (1, 0o600, 0o700));

    let other = write("servers: {}");
    said = format!("{said}\n{}", store.check(&other).unwrap_err());
    insta::assert_snapshot!(said.replace(&*dir.path().to_string_lossy(), "DIR"));
    store.trust(&other).unwrap();
    store.check(&other).unwrap();
    assert!(matches!(store.check(&write(text)), Err(TrustError::Untrusted { changed: true, .. })), "no way back");

    fs::create_dir(dir.path().join("copy")).unwrap();
    let copy = dir.path().join("copy/tollgate.yaml");
    fs::write(&copy, "servers: {}").unwrap();
    let copy = load(&copy, None).unwrap();
    assert!(matches!(store.check(&copy), Err(TrustError::Untrusted { changed: false, .. })), "the path counts");
}

#[test]
fn a_link_is_the_file_that_it_points_to() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("tollgate.yaml"), dir.path().join("link.yaml"));
    fs::write(&file, "limits: {}").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let store = TrustStore::new(dir.path());
    store.trust(&load(&link, None).unwrap()).unwrap();
    store.check(&load(&file, None).unwrap()).unwrap();
}

#[test]
fn a_record_that_others_can_write_or_that_is_broken_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.yaml");
    fs::write(&file, "").unwrap();
    let (store, config) = (TrustStore::new(dir.path()), load(&file, None).unwrap());
    store.trust(&config).unwrap();
    let record = fs::read_dir(dir.path().join("trust")).unwrap().next().unwrap().unwrap().path();
    fs::set_permissions(&record, fs::Permissions::from_mode(0o666)).unwrap();
    let error = store.check(&config).unwrap_err();
    assert!(error.to_string().contains("others can write it"), "{error}");
    fs::set_permissions(&record, fs::Permissions::from_mode(0o600)).unwrap();
    for content in ["", "zz", &"z".repeat(64)] {
        fs::write(&record, content).unwrap();
        assert!(matches!(store.check(&config), Err(TrustError::Store { .. })), "{content:?}");
    }
    store.trust(&config).unwrap();
    store.check(&config).unwrap();
}
