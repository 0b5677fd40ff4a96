use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::SystemTime;
use tollgate_core::{Principal, Tenant};
use tollgate_script::{Language, Library, LibraryError, NewScript, SavedScript};

fn save(
    library: &Library,
    name: &str,
    code: &str,
    schema: Option<&Value>,
    overwrite: bool,
) -> Result<SavedScript, LibraryError> {
    let (principal, tenant) = (Principal::new("agent"), Tenant::default());
    let script = NewScript {
        name,
        language: Language::TypeScript,
        code,
        description: "Sums.",
        input_schema: schema,
        principal: &principal,
        tenant: &tenant,
        overwrite,
    };
    library.save(&script, SystemTime::UNIX_EPOCH)
}

#[test]
fn a_script_is_saved_listed_read_and_deleted() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("scripts");
    let library = Library::new(&folder);
    assert!(library.list().unwrap().is_empty() && !library.delete("sum").unwrap());
    assert!(matches!(library.get("sum"), Err(LibraryError::Unknown(_))));
    let saved = save(&library, "sum", "1 + 1", None, false).unwrap();
    assert_eq!(library.get("sum").unwrap(), (saved.clone(), "1 + 1".to_owned()));
    assert_eq!(library.list().unwrap().into_iter().map(Result::unwrap).collect::<Vec<_>>(), [saved]);
    assert!(matches!(save(&library, "sum", "2", None, false), Err(LibraryError::Exists(_))));
    save(&library, "sum", "2", None, true).unwrap();
    assert_eq!(library.get("sum").unwrap().1, "2");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("sum.ts")), mode(&folder.join("sum.json"))), (0o700, 0o600, 0o600));
    assert!(library.delete("sum").unwrap() && library.list().unwrap().is_empty());
}

#[test]
fn a_script_that_was_changed_or_swapped_for_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(folder.path());
    save(&library, "sum", "1", None, false).unwrap();
    fs::write(folder.path().join("sum.ts"), "evil").unwrap();
    assert!(matches!(library.get("sum"), Err(LibraryError::Changed(_))));
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "1").unwrap();
    fs::remove_file(folder.path().join("sum.ts")).unwrap();
    symlink(secret.path(), folder.path().join("sum.ts")).unwrap();
    assert!(matches!(library.get("sum"), Err(LibraryError::File { .. })));
    fs::write(folder.path().join("sum.json"), "{").unwrap();
    assert!(matches!(library.get("sum"), Err(LibraryError::Damaged(..))));
    assert!(library.list().unwrap()[0].is_err());
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(folder.path().join("in"));
    for bad in ["", "../x", "/etc/passwd", "a/b", "A", "-a", ".", ".lock", "a.ts", "é", "a\0", &"a".repeat(65)] {
        assert!(matches!(save(&library, bad, "1", None, true), Err(LibraryError::Name(_))), "{bad:?}");
        assert!(matches!(library.get(bad), Err(LibraryError::Name(_))), "{bad:?}");
        assert!(matches!(library.delete(bad), Err(LibraryError::Name(_))), "{bad:?}");
    }
    save(&library, &"a".repeat(64), "1", None, false).unwrap();
}

#[test]
fn an_input_is_held_against_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(folder.path());
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let saved = save(&library, "sum", "1", Some(&schema), false).unwrap();
    saved.check_input(r#"{"n": 1}"#).unwrap();
    let said = saved.check_input(r#"{"n": "x"}"#).unwrap_err().to_string();
    assert!(said.contains("/n") && said.contains("integer"), "{said}");
    assert!(saved.check_input("{").is_err());
    let mut deep = json!({});
    for _ in 0..100 {
        deep = json!({"items": deep});
    }
    for bad in [
        json!(1),
        json!({"type": 3}),
        json!({"$ref": "#"}),
        json!({"pattern": "("}),
        deep,
        json!({"enum": ["x".repeat(70_000)]}),
    ] {
        assert!(matches!(save(&library, "bad", "1", Some(&bad), false), Err(LibraryError::Schema(_))));
    }
}

fn of(principal: &str, root: &std::path::Path) -> Library {
    Library::new(root.join(principal)).sharing(root.join("shared"))
}

#[test]
fn a_shared_script_is_named_by_all_that_it_is_and_cannot_be_changed() {
    let root = tempfile::tempdir().unwrap();
    let (ada, bob) = (of("ada", root.path()), of("bob", root.path()));
    save(&ada, "sum", "1", None, false).unwrap();
    let name = ada.share("sum").unwrap();
    assert!(name.starts_with("sha256:") && name.len() == 71, "{name}");
    assert_eq!(ada.share("sum").unwrap(), name, "the same is the same");
    assert_eq!(bob.get(&name).unwrap().1, "1");
    assert_eq!(bob.shared().unwrap()[0].name, name);
    assert!(matches!(bob.get("sum"), Err(LibraryError::Unknown(_))), "a name is its owner's");
    let schema = json!({"type": "object"});
    save(&ada, "sum", "1", Some(&schema), true).unwrap();
    let other = ada.share("sum").unwrap();
    assert_ne!(other, name, "the schema is a part of it");
    // Whoever writes the files changes nothing under the digest.
    let about = root.path().join("shared").join(format!("{}.json", &name[7..]));
    let text = fs::read_to_string(&about).unwrap().replace("Sums.", "Does something else.");
    fs::write(&about, text).unwrap();
    assert!(matches!(bob.get(&name), Err(LibraryError::Changed(_))));
    for none in ["sha256:", "sha256:../ada/sum", "sha256:sum", &format!("sha256:{}", "0".repeat(64))] {
        assert!(matches!(bob.get(none), Err(LibraryError::Unknown(_))), "{none}");
    }
    assert!(matches!(Library::new(root.path().join("ada")).share("sum"), Err(LibraryError::NotShared)));
}

#[test]
fn one_principal_shares_so_many_and_leaves_room_for_others() {
    let root = tempfile::tempdir().unwrap();
    let ada = of("ada", root.path());
    for n in 0..=tollgate_script::library::SHARED_MAX {
        save(&ada, "sum", &n.to_string(), None, true).unwrap();
        assert_eq!(ada.share("sum").is_ok(), n < tollgate_script::library::SHARED_MAX, "{n}");
    }
}

#[test]
fn what_was_saved_before_goes_to_whoever_saved_it() {
    let root = tempfile::tempdir().unwrap();
    let old = Library::new(root.path());
    save(&old, "sum", "1", None, false).unwrap();
    let agent = of("agent", root.path());
    agent.adopt(root.path(), &Principal::new("somebody else")).unwrap();
    assert!(agent.list().unwrap().is_empty());
    agent.adopt(root.path(), &Principal::new("agent")).unwrap();
    assert_eq!(agent.get("sum").unwrap().1, "1");
    assert!(old.list().unwrap().is_empty(), "it is there no more");
}
