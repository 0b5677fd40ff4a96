//! Writing projects.

use std::fs;
use std::path::{Path, PathBuf};
use tollgate_scaffold::{Created, Error, Kind, Language, Project, new};

pub(crate) fn every_project() -> impl Iterator<Item = (Kind, Language)> {
    let kinds = [Kind::Policy, Kind::Adapter].into_iter();
    kinds.flat_map(|kind| Language::ALL.into_iter().filter(move |it| it.has(kind)).map(move |it| (kind, it)))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn there_are_policies_in_six_languages_and_adapters_in_four() {
    assert_eq!(every_project().count(), 10);
}

#[test]
fn a_project_is_whole_and_is_read_back() {
    for (kind, language) in every_project() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("renewal-report");
        let Created { files: own, next_steps, .. } = new(kind, "renewal-report", language, &folder, b"crm").unwrap();
        let project = Project::open(&folder).unwrap();
        assert_eq!((project.kind, project.language, &*project.name), (kind, language, "renewal-report"));
        assert!(project.component().ends_with("renewal-report.wasm"));
        assert!(next_steps.iter().any(|step| step == "tollgate build"), "{next_steps:?}");
        for file in ["README.md", ".gitignore", "tollgate-project.toml"] {
            assert!(own.iter().any(|path| path == Path::new(file)), "{language} {kind}: {file}");
        }
        assert!(own.iter().any(|path| path.to_string_lossy().contains("test") || language == Language::Rust));
        assert!(folder.join("tollgate/wit/worlds.wit").is_file());
        assert!(folder.join("tollgate/wit/deps/tools/tools.wit").is_file());
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.contains("tollgate build") && readme.contains(&next_steps[0]), "{readme}");
        for path in files(&folder) {
            // What is left of a placeholder; the helper packages have none.
            let text = fs::read_to_string(&path).unwrap();
            let ours = path.strip_prefix(&folder).unwrap().starts_with("tollgate");
            assert!(ours || !text.contains("{{name}}"), "{}", path.display());
        }
    }
}

#[test]
fn only_the_helper_package_of_its_language_comes_with_a_project() {
    for (kind, language) in every_project() {
        let temp = tempfile::tempdir().unwrap();
        new(kind, "hello", language, temp.path(), b"crm").unwrap();
        let packages = fs::read_dir(temp.path().join("tollgate/guest-sdk")).unwrap();
        assert_eq!(packages.count(), 1, "{language} {kind}");
        for path in files(temp.path()) {
            let left_out = ["target", "node_modules", "__pycache__"];
            let stray = path.components().any(|part| left_out.iter().any(|name| part.as_os_str() == *name));
            assert!(!stray, "{}", path.display());
        }
    }
}

/// The promise of the guide.
#[test]
fn a_hello_policy_has_less_than_twenty_lines() {
    for language in Language::ALL {
        let temp = tempfile::tempdir().unwrap();
        new(Kind::Policy, "hello", language, temp.path(), b"crm").unwrap();
        let file = match language {
            Language::Rust => "src/lib.rs",
            Language::JavaScript => "src/policy.js",
            Language::TypeScript => "src/policy.ts",
            Language::Python => "src/policy.py",
            Language::Go => "policy.go",
            Language::C => "src/policy.c",
        };
        let source = fs::read_to_string(temp.path().join(file)).unwrap();
        // Rust's tests stand in the same file.
        let policy = source.split("#[cfg(test)]").next().unwrap().trim_end();
        assert!(policy.lines().count() < 20, "{language}: {policy}");
    }
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("notes.txt");
    fs::write(&file, "mine").unwrap();
    let error = new(Kind::Policy, "hello", Language::Rust, temp.path(), b"crm").unwrap_err();
    assert!(matches!(error, Error::Exists(_)) && error.to_string().contains("nothing was written"), "{error}");
    let error = new(Kind::Policy, "hello", Language::Rust, &file, b"crm").unwrap_err();
    assert!(matches!(error, Error::Exists(_)), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_is_filled() {
    let temp = tempfile::tempdir().unwrap();
    new(Kind::Policy, "hello", Language::C, temp.path(), b"crm").unwrap();
    assert!(temp.path().join("src/policy.c").is_file());
}

#[test]
fn an_adapter_in_go_or_c_is_refused_before_anything_is_written() {
    for language in [Language::Go, Language::C] {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("hello");
        let error = new(Kind::Adapter, "hello", language, &folder, b"crm").unwrap_err().to_string();
        assert!(error.contains("rust, js, ts or python"), "{error}");
        assert!(!folder.exists());
    }
}

#[test]
fn languages_are_named_as_people_do() {
    for (text, language) in [("rs", Language::Rust), ("TypeScript", Language::TypeScript), ("py", Language::Python)] {
        assert_eq!(text.parse::<Language>().unwrap(), language);
    }
    let error = "cobol".parse::<Language>().unwrap_err().to_string();
    assert_eq!(error, "`cobol` is no language of projects: use rust, js, ts, python, go or c");
}

#[test]
fn the_lock_files_of_rust_projects_have_what_the_sdk_needs() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/rust/Cargo.toml");
    let sdk: toml::Table = fs::read_to_string(sdk).unwrap().parse().unwrap();
    let is_optional = |dependency: &toml::Value| dependency.get("optional").is_some_and(|o| o.as_bool() == Some(true));
    let needed: Vec<&String> =
        sdk["dependencies"].as_table().unwrap().iter().filter(|(_, d)| !is_optional(d)).map(|(name, _)| name).collect();
    assert!(needed.len() > 5, "{needed:?}");
    for kind in [Kind::Policy, Kind::Adapter] {
        let temp = tempfile::tempdir().unwrap();
        new(kind, "hello", Language::Rust, temp.path(), b"crm").unwrap();
        let lock: toml::Table = fs::read_to_string(temp.path().join("Cargo.lock")).unwrap().parse().unwrap();
        let packages = lock["package"].as_array().unwrap();
        let locked = packages.iter().find(|package| package["name"].as_str() == Some("tollgate-sdk")).unwrap();
        let locked: Vec<&str> =
            locked["dependencies"].as_array().unwrap().iter().filter_map(|d| d.as_str()?.split(' ').next()).collect();
        for name in &needed {
            assert!(
                locked.contains(&name.as_str()),
                "{kind:?}: {name} is not locked: `cargo update --workspace` in a project"
            );
        }
    }
}
