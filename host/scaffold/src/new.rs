//! Writing a new project.

use crate::files::{self, File};
use crate::{Error, Kind, Language, PROJECT_FILE, check_name};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A project that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its folder.
    pub folder: PathBuf,
    /// The author's own files, relative to the folder. What lies under `tollgate/` is not among them.
    pub files: Vec<PathBuf>,
    /// The commands to go on with, in their order, as for a shell in the project's folder.
    pub next_steps: Vec<String>,
}

/// Writes a project into `folder`, which it makes; there may be an empty folder, but nothing in it. `crm` is the component of the server
/// that the example of a policy calls, so that it runs at once.
///
/// # Errors
/// Where the name or the kind will not do, where something is there already (then nothing is written), and where a file
/// cannot be written.
pub fn new(kind: Kind, name: &str, language: Language, folder: &Path, crm: &[u8]) -> Result<Created, Error> {
    check_name(name)?;
    if !language.has(kind) {
        return Err(Error::Kind { kind, language });
    }
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Error::Exists(folder.to_owned()));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(Error::Exists(folder.to_owned())),
        Err(error) => return Err(Error::io("read", folder, error)),
    }
    let own = [project_file(kind, name, language), servers(kind, name), readme(kind, name, language)];
    let own: Vec<File> = own.into_iter().chain(files::template(kind, language, name)).collect();
    let example = (kind == Kind::Policy).then(|| File { path: CRM.to_owned(), contents: crm.to_owned() });
    for file in own.iter().chain(&files::vendored(language)).chain(&example) {
        write(folder, file)?;
    }
    let mut listed: Vec<PathBuf> = own.into_iter().map(|file| file.path.into()).collect();
    listed.sort();
    let next_steps = vec![test_command(kind, language), "tollgate build".to_owned(), run_command(kind, name)];
    Ok(Created { folder: folder.to_owned(), files: listed, next_steps })
}

/// Writes a file that is not there yet.
fn write(folder: &Path, file: &File) -> Result<(), Error> {
    let path = folder.join(&file.path);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| Error::io("made", parent, error))?;
    let written = OpenOptions::new().write(true).create_new(true).open(&path);
    written.and_then(|mut open| open.write_all(&file.contents)).map_err(|error| Error::io("written", &path, error))
}

fn project_file(kind: Kind, name: &str, language: Language) -> File {
    let text =
        format!("# What `tollgate build` reads.\nname = \"{name}\"\nkind = \"{kind}\"\nlanguage = \"{language}\"\n");
    File { path: PROJECT_FILE.to_owned(), contents: text.into_bytes() }
}

fn test_command(kind: Kind, language: Language) -> String {
    match language {
        Language::Rust => "cargo test".into(),
        Language::JavaScript | Language::TypeScript => "npm ci --ignore-scripts && npm test".into(),
        Language::Python => "python3 -m unittest".into(),
        Language::Go => "go test ./...".into(),
        Language::C => {
            let sdk = format!("{}/guest-sdk/c", files::VENDOR);
            format!(
                "cc -std=c11 -I{sdk} src/{kind}.c test/{kind}_test.c {sdk}/json.c {sdk}/check.c {sdk}/answer.c {sdk}/testing.c -lm -o .test && ./.test; rm -f .test"
            )
        }
    }
}

/// The configuration of a new project.
const CONFIG: &str = "tollgate.yaml";
/// The component of the server that a policy's example calls.
const CRM: &str = "tollgate/crm.wasm";

/// The configuration with which the project runs as it was made.
fn servers(kind: Kind, name: &str) -> File {
    let text = match kind {
        Kind::Policy => format!(
            "# The servers whose tools the policy may call, each as far as `--grant` says.\nservers:\n  # An example, with six customers. Put your own servers beside it or in its place.\n  crm:\n    component: {CRM}\n"
        ),
        Kind::Adapter => format!("# The adapter as a server.\nservers:\n  {name}:\n    component: ./{name}.wasm\n"),
    };
    File { path: CONFIG.to_owned(), contents: text.into_bytes() }
}

fn run_command(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Policy => {
            format!(
                "tollgate --config {CONFIG} run ./{name}.wasm --input '{{\"name\":\"John\"}}' --grant crm:search_customers"
            )
        }
        Kind::Adapter => {
            format!("tollgate --config {CONFIG} call {name}:count_words '{{\"text\":\"to be or not\"}}'")
        }
    }
}

fn readme(kind: Kind, name: &str, language: Language) -> File {
    let source = match language {
        Language::Rust => "src/lib.rs".to_owned(),
        Language::JavaScript => format!("src/{kind}.js"),
        Language::TypeScript => format!("src/{kind}.ts"),
        Language::Python => format!("src/{kind}.py"),
        Language::Go => format!("{kind}.go"),
        Language::C => format!("src/{kind}.c"),
    };
    let needs = match language {
        Language::Rust => "Needs Rust (rustup) with the target `wasm32-wasip2`, which `rust-toolchain.toml` names.",
        Language::JavaScript | Language::TypeScript => {
            "Needs Node 20 or later. `package-lock.json` pins the tools; they are fetched into `node_modules`."
        }
        Language::Python => {
            "Needs Python 3.11 or later. `tollgate/requirements.txt` pins the tools; they are fetched into `.tollgate/tools`."
        }
        Language::Go | Language::C => {
            "Needs Python 3.11 or later, which fetches the compiler: `tollgate/requirements.txt` pins it, and it goes into `.tollgate/tools`."
        }
    };
    let test = test_command(kind, language);
    let test_note = match language {
        Language::Go => {
            "\nWithout Go on your machine: `.tollgate/tools/python/bin/go test ./...` after the first build.\n"
        }
        Language::C => {
            "\nWithout a C compiler on your machine: `.tollgate/tools/python/bin/python -m ziglang cc` instead of `cc`, after the first build.\n"
        }
        Language::TypeScript => "\n`npm run check` checks the types alone; a build does so too.\n",
        _ => "",
    };
    let run = run_command(kind, name);
    let use_it = match kind {
        Kind::Policy => format!(
            "```sh\ntollgate check ./{name}.wasm\n{run}\n```\n\nIt calls the tool `crm:search_customers` of the example server in `{CONFIG}`; put your own servers there."
        ),
        Kind::Adapter => format!("It is a server in `{CONFIG}`:\n\n```sh\ntollgate check ./{name}.wasm\n{run}\n```"),
    };
    let text = format!(
        "# {name}\n\nA Tollgate {kind}. Its code is `{source}`.\n\n## Test\n\n```sh\n{test}\n```\n{test_note}\nThe test needs no host: the helper package stands in for it.\n\n## Build\n\n```sh\ntollgate build\n```\n\nMakes `{name}.wasm`. {needs}\n\n## Use\n\n{use_it}\n\n## What is here\n\n`tollgate/` holds the helper package and the host's interfaces (WIT), as they belong to the release that made this\nproject. Commit it; a build reads nothing else of Tollgate's.\n"
    );
    File { path: "README.md".to_owned(), contents: text.into_bytes() }
}
