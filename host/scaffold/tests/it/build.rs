//! Every template, built for real. Fetches compilers and packages from their registries, so it runs only where asked:
//!
//! ```sh
//! cargo test -p tollgate-scaffold --test it -- --ignored --nocapture
//! ```
//!
//! `TOLLGATE_LANGUAGES=js,c` chooses languages; `TOLLGATE_PROJECTS=FOLDER` keeps the projects there, and what was fetched.

use crate::new::every_project;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use tollgate_scaffold::{Cancel, Event, Kind, Language, PROJECT_FILE, build, new};

#[test]
#[ignore = "fetches compilers from registries"]
fn every_template_builds_and_its_test_passes() {
    let temp = tempfile::tempdir().unwrap();
    let folder = projects(temp.path());
    for (kind, language) in every_project().filter(|(_, language)| is_chosen(*language)) {
        let name = format!("hello-{language}-{kind}");
        let project = folder.join(&name);
        if !project.exists() {
            new(kind, &name, language, &project, b"crm").unwrap();
        }
        let mut fetched = false;
        let cold = build(&project, &Cancel::new(), &mut |event| fetched |= matches!(event, Event::Fetching(_)))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let warm =
            build(&project, &Cancel::new(), &mut |event| assert!(!matches!(event, Event::Fetching(_)), "{name}"))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        let first = if fetched { "with its tools" } else { "cold" };
        println!("{name}: {} bytes; {first} {:.1?}, warm {:.1?}", cold.bytes, cold.took, warm.took);
        println!("{name}: imports {}", cold.world.imports.join(" "));
        assert_eq!(cold.world.kind, kind);
        assert!(!cold.world.imports.iter().any(|import| import.starts_with("wasi:http/")), "{name}");
        assert_eq!(cold.path, project.canonicalize().unwrap().join(format!("{name}.wasm")));
        author_test(&project, kind, language);
    }
}

/// What the packages have beside tools, in the languages whose components import all that their world has.
#[test]
#[ignore = "fetches compilers from registries"]
fn projects_with_every_interface_build() {
    let temp = tempfile::tempdir().unwrap();
    let folder = projects(temp.path());
    for language in [Language::TypeScript, Language::Python].into_iter().filter(|language| is_chosen(*language)) {
        let name = format!("interfaces-{language}");
        let project = folder.join(&name);
        if !project.exists() {
            new(Kind::Policy, &name, language, &project, b"crm").unwrap();
        }
        let extension = if language == Language::Python { "py" } else { "ts" };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/projects/interfaces.{extension}"));
        fs::copy(source, project.join(format!("src/policy.{extension}"))).unwrap();
        let file = project.join(PROJECT_FILE);
        let text = fs::read_to_string(&file).unwrap().replace("http = true\n", "");
        fs::write(&file, &text).unwrap();
        let error = build(&project, &Cancel::new(), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("write `http = true`"), "{name}: {error}");
        fs::write(&file, text + "http = true\n").unwrap();
        let built = build(&project, &Cancel::new(), &mut |_| {}).unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {} bytes; imports {}", built.bytes, built.world.imports.join(" "));
        assert!(built.world.imports.iter().any(|import| import.starts_with("wasi:http/outgoing-handler@0.2.")));
    }
}

/// Where the projects are made.
fn projects(temp: &Path) -> PathBuf {
    env::var_os("TOLLGATE_PROJECTS").map_or_else(|| temp.to_owned(), PathBuf::from)
}

fn is_chosen(language: Language) -> bool {
    env::var("TOLLGATE_LANGUAGES")
        .map_or(true, |list| list.split(',').any(|it| it.parse().is_ok_and(|it: Language| it == language)))
}

/// The test that comes with the template, by the command in its README or with the tools that were fetched.
fn author_test(project: &Path, kind: Kind, language: Language) {
    let tools = project.join(".tollgate/tools/python/bin");
    let mut command = match language {
        Language::Rust => Command::new("cargo"),
        Language::JavaScript | Language::TypeScript => Command::new("npm"),
        Language::Python => Command::new("python3"),
        Language::Go => Command::new(tools.join("go")),
        Language::C => Command::new(tools.join("python")),
    };
    match language {
        // Not the target folder of the tests that run now: it is locked.
        Language::Rust => command.args(["test", "--quiet", "--locked"]).env("CARGO_TARGET_DIR", project.join("target")),
        Language::JavaScript | Language::TypeScript => command.arg("test"),
        Language::Python => command.args(["-m", "unittest"]),
        Language::Go => command.args(["test", "./..."]).env("GOCACHE", project.join(".tollgate/tools/go-cache")),
        Language::C => {
            let sources = [format!("src/{kind}.c"), format!("test/{kind}_test.c")];
            command.args(["-m", "ziglang", "cc"]).args(host_flags("tollgate/guest-sdk/c")).args(sources)
        }
    };
    run(command.current_dir(project));
    if language == Language::C {
        run(&mut Command::new(project.join(".tollgate/build/test")));
        // The helper package's own test, now that there is a compiler.
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/c");
        let sdk = sdk.to_str().unwrap();
        let mut command = Command::new(tools.join("python"));
        command.args(["-m", "ziglang", "cc", "-fsanitize=undefined", "-fno-sanitize-recover"]).args(host_flags(sdk));
        run(command.arg(format!("{sdk}/tests/json_test.c")).current_dir(project));
        run(&mut Command::new(project.join(".tollgate/build/test")));
    }
}

/// How a test in C is compiled for this machine.
fn host_flags(sdk: &str) -> Vec<String> {
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-lm", "-o", ".tollgate/build/test", "-I", sdk];
    let files = ["json.c", "check.c", "answer.c", "testing.c"].map(|file| format!("{sdk}/{file}"));
    flags.map(str::to_owned).into_iter().chain(files).collect()
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said));
}
