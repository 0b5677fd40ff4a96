//! The file that a build reads.

use std::fs;
use tollgate_scaffold::{Cancel, Error, PROJECT_FILE, Project, build};

fn error(text: &str) -> String {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join(PROJECT_FILE), text).unwrap();
    Project::open(temp.path()).unwrap_err().to_string()
}

#[test]
fn a_folder_without_a_project_says_how_to_make_one() {
    let temp = tempfile::tempdir().unwrap();
    let error = build(temp.path(), &Cancel::new(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::NoProject(_)) && error.to_string().contains("tollgate new policy"), "{error}");
}

#[test]
fn a_file_that_is_wrong_says_where() {
    for (text, part) in [
        ("", "missing field `name`"),
        ("name = \"x\"\nkind = \"policy\"\nlanguage = \"cobol\"", "line 3"),
        ("name = \"x\"\nkind = \"plugin\"\nlanguage = \"c\"", "line 2"),
        ("name = \"x\"\nkind = \"policy\"\nlanguage = \"c\"\ncommand = \"rm\"", "unknown field `command`"),
        ("name = \"../x\"\nkind = \"policy\"\nlanguage = \"c\"", "cannot name a project"),
        ("name = \"x\"\nkind = \"adapter\"\nlanguage = \"go\"", "adapters are written in"),
        ("name = \"x\"\nkind = \"policy\"\nlanguage = \"rust\"\nhttp = true", "features = [\"http\"]"),
        ("name = \"x\"\nkind = \"policy\"\nlanguage = \"c\"\nhttp = true", "for js, ts and python"),
        ("name = \"x\"\nkind = \"policy\"\nlanguage = \"js\"\nhttp = \"yes\"", "line 4"),
        ("name = [", "line 1"),
    ] {
        let error = error(text);
        assert!(error.contains(PROJECT_FILE) && error.contains(part), "{text:?}: {error}");
    }
    assert!(error(&"#".repeat(100_000)).contains("missing field"));
}

#[test]
fn a_project_says_that_it_sends_requests() {
    let temp = tempfile::tempdir().unwrap();
    for (line, http) in [("", false), ("http = false", false), ("http = true", true)] {
        let text = format!("name = \"x\"\nkind = \"policy\"\nlanguage = \"python\"\n{line}\n");
        fs::write(temp.path().join(PROJECT_FILE), text).unwrap();
        assert_eq!(Project::open(temp.path()).unwrap().http, http, "{line}");
    }
}
