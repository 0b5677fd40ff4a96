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
