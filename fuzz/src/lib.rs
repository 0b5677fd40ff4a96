//! What is fuzzed: every parser of untrusted bytes, a function each. None may panic or hang, whatever the bytes.
//!
//! `fuzz/targets` has the libFuzzer programs (`cargo +nightly fuzz run --fuzz-dir fuzz/targets config fuzz/corpus/config`);
//! the corpora under `fuzz/corpus` are replayed by this crate's tests, on stable. The reader of API documents is a guest, whose
//! workspace knows other versions than this one: its function is `adapter_openapi::fuzz`, and its own tests replay
//! `fuzz/corpus/openapi`.

mod http;
mod types;
mod uri;

pub use http::http;
pub use uri::uri;

use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;
use tollgate::{Access, Host, Rules};
use tollgate_config::dotenv::parse_env_file;
use tollgate_config::lock::Lock;
use tollgate_config::{Format, ImportOptions};
use tollgate_core::limits::{Unit, parse_value};
use tollgate_core::{Approvals, EffectClass, Grant, Tool, ToolName, TraceContext, json};
use tollgate_model::{Dialect, Provider, adapt_schema, read_stream};
use tollgate_script::{Language, Output, ScriptError, detect, prepare};
use tollgate_server::{Front, Options};
use tollgate_surface::{self as surface, Detail, Index, Naming, Query, Signatures};
use tollgate_upstream::{Fleet, ServerSpec, Transport};

/// Lets panics pass that the product turns into errors: those of parsers that have a thread of their own. libFuzzer's hook ends
/// the process on any panic.
pub fn pass_over_caught_panics() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !matches!(std::thread::current().name(), Some("component-types" | "strip-types")) {
            end(panic);
        }
    }));
}

/// A configuration file, in each format.
pub fn config(data: &[u8]) {
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        if let Err(error) = tollgate_config::parse_bytes(format, data) {
            drop(error.to_string());
        }
    }
}

/// Another program's configuration, in each format. What is made of it must be a configuration.
pub fn import(data: &[u8]) {
    for file in ["servers.yaml", "servers.toml", "servers.json"] {
        let imported = tollgate_config::import(file.as_ref(), data, &ImportOptions::default());
        match imported {
            Ok(imported) => match tollgate_config::parse_bytes(Format::Yaml, imported.text.as_bytes()) {
                Ok(_) => {}
                // The target reads without a home folder, so `~/` is an error here alone.
                Err(error) => assert!(error.to_string().contains("no home folder is known"), "{error}"),
            },
            Err(error) => drop(error.to_string()),
        }
    }
}

/// The files beside a configuration: a lock file, and a dotenv file.
pub fn files(data: &[u8]) {
    let file = Path::new("tollgate.lock");
    match Lock::parse(file, data) {
        Ok(lock) => {
            assert_eq!(Lock::parse(file, lock.to_text().as_bytes()).map(|lock| lock.to_text()), Ok(lock.to_text()))
        }
        Err(error) => drop(error.to_string()),
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(errors) = parse_env_file(Path::new(".env"), text) {
        errors.iter().for_each(|error| drop(error.to_string()));
    }
}

/// A language model's answer as a stream of events, read the same in pieces of any size.
pub fn completion(data: &[u8]) {
    let Some((&piece_bytes, stream)) = data.split_first() else { return };
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let whole = read_stream(provider, stream, stream.len());
        assert_eq!(read_stream(provider, stream, usize::from(piece_bytes)), whole);
    }
}

/// A server's tools, as a list of them comes from it: their names for a language model, their signatures, a search among them.
pub fn signature(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(Value::Array(listed)) = serde_json::from_str(text) else { return };
    let tools: Vec<Arc<Tool>> = listed.iter().take(8).filter_map(tool).map(Arc::new).collect();
    let exposed = Naming::default().expose(tools.iter().map(|tool| tool_name(tool)));
    for tool in &tools {
        let name = exposed.name_of(&tool_name(tool));
        assert_eq!(name.and_then(|name| exposed.tool_of(name)), Some(&tool_name(tool)));
    }
    for language in [surface::Language::TypeScript, surface::Language::Python] {
        let signatures = Signatures::new(&tools, language);
        for detail in [Detail::Brief, Detail::Full] {
            drop(signatures.document(&tools, detail));
        }
        for tool in &tools {
            let path = signatures.path_of(&tool_name(tool));
            assert_eq!(path.and_then(|(server, name)| signatures.tool_at(server, name)), Some(&tool_name(tool)));
        }
        drop(signatures.summaries(&tools));
    }
    // Declarations only: text from outside that ended a comment or a string would be more than types.
    let document = surface::typescript(&tools, Detail::Full);
    assert!(prepare(Language::TypeScript, &document).is_ok(), "these are no declarations:\n{document}");
    drop(surface::rust_bindings(&tools));
    drop(Index::new(&tools).search(&Query::new(text.get(..64).unwrap_or(text))));
}

/// A tool of `{"server", "name", "description", "input", "output"}`.
fn tool(listed: &Value) -> Option<Tool> {
    let text = |key: &str| listed.get(key).and_then(Value::as_str).unwrap_or_default();
    let Value::Object(_) = listed.get("input")? else { return None };
    Some(Tool {
        server: text("server").into(),
        name: text("name").into(),
        title: None,
        description: text("description").into(),
        input_schema: listed.get("input")?.clone(),
        output_schema: listed.get("output").cloned(),
        annotations: None,
        other: Default::default(),
        effect: EffectClass::Read,
    })
}

fn tool_name(tool: &Tool) -> ToolName {
    ToolName { server: tool.server.clone(), tool: tool.name.clone() }
}

/// A tool's schema on its way to a language model, and an answer on its way back.
pub fn schema(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(Value::Object(schema)) = serde_json::from_str(text) else { return };
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        if let Ok(adapted) = adapt_schema(&schema, dialect) {
            drop(adapted.unadapt(text));
        }
    }
}

/// A file that should be a component.
pub fn inspect(data: &[u8]) {
    if let Err(error) = tollgate_runtime::inspect::inspect(data) {
        drop(error.to_string());
    }
}

/// The types of a plain component: the tools that they become, and arguments of these on their way to values and back. The
/// first byte says how many bytes are for the arguments; the component is what comes after them.
pub fn types(data: &[u8]) {
    let Some((&length, rest)) = data.split_first() else { return };
    let Some((choices, component)) = rest.split_at_checked(usize::from(length)) else { return };
    let derived = match tollgate_component_tools::derive(component) {
        Ok(derived) => derived,
        Err(error) => return drop(error.to_string()),
    };
    derived.refused.iter().for_each(|refused| drop(refused.to_string()));
    let mut choices = types::Choices::new(choices);
    for tool in derived.tools.iter().take(16) {
        types::call(tool, &mut choices);
    }
}

/// The small texts of the command line and the configuration, and JSON of guests.
pub fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = text.parse::<ToolName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    if let Ok(grant) = text.parse::<Grant>() {
        assert_eq!(grant.to_string().parse(), Ok(grant));
    }
    for unit in [Unit::Count, Unit::Bytes, Unit::Millis] {
        drop(parse_value(unit, text));
    }
    drop(json::check(text));
    if let Ok(plain) = json::unambiguous(text) {
        assert_eq!(json::unambiguous(&plain).ok(), Some(plain));
    }
    drop(Approvals::parse([text]));
    let _ = text.parse::<TraceContext>();
}

/// A script, and what an interpreter says of one: its types are stripped line by line, its errors shown.
pub fn script(data: &[u8]) {
    let Ok(code) = std::str::from_utf8(data) else { return };
    drop(detect(None, None, code));
    if let Ok(prepared) = prepare(Language::TypeScript, code) {
        let plain = prepare(Language::JavaScript, code).map(|plain| plain.code.lines().count());
        assert_eq!(plain, Ok(prepared.code.lines().count()));
    }
    drop(Output::read(code));
    drop(ScriptError::read(code, Some(code)).render(code, code));
}

/// What a server says: the bytes come from its side of a connection, whatever it was asked.
pub fn server(data: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let fleet = Fleet::default();
        let mut spec = ServerSpec::new("fuzzed", Transport::stream(ours));
        spec.connect_timeout = Duration::from_millis(200);
        if fleet.add_server(spec).is_err() {
            return;
        }
        // It hangs up when all is said, so that nothing waits for more.
        drop(theirs.write_all(data).await);
        drop(theirs);
        drop(fleet.wait_ready(&["fuzzed"]).await);
        drop(fleet.statuses());
        fleet.shutdown().await;
    });
}

/// What an agent's client says, first or in a session that has begun.
pub fn client(data: &[u8]) {
    const BEGINNING: &str = concat!(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
        r#""clientInfo":{"name":"fuzz","version":"1"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        "\n"
    );
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let answered = runtime.block_on(async {
        let Ok(host) = Host::builder().build().await else { return 0 };
        let mut answered = 0;
        let front = Front::new(Access::new(host, &Rules::default()), Options::default());
        for beginning in ["", BEGINNING] {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let (read, write) = tokio::io::split(ours);
            let serving = front.serve(read, write, CancellationToken::new());
            let (mut answers, mut says) = tokio::io::split(theirs);
            let saying = async {
                drop(says.write_all(beginning.as_bytes()).await);
                drop(says.write_all(data).await);
                drop(says.shutdown().await);
            };
            let mut nowhere = tokio::io::sink();
            let reading = tokio::io::copy(&mut answers, &mut nowhere);
            let (_, (), read) = tokio::join!(serving, saying, reading);
            answered += read.unwrap_or_default();
        }
        answered
    });
    assert!(answered > 0, "the session that begins as it should is not answered");
}

#[cfg(test)]
mod tests {
    /// Replays a corpus. An empty one proves nothing, so it fails.
    fn replay(name: &str, target: fn(&[u8])) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            target(&std::fs::read(&file).unwrap());
        }
    }

    #[test]
    fn the_corpus_of_configurations_replays() {
        replay("config", super::config);
    }

    #[test]
    fn the_corpus_of_imports_replays() {
        replay("import", super::import);
    }

    #[test]
    fn the_corpus_of_schemas_replays() {
        replay("schema", super::schema);
    }

    #[test]
    fn the_corpus_of_components_replays() {
        replay("inspect", super::inspect);
    }

    #[test]
    fn the_corpus_of_component_types_replays() {
        replay("types", super::types);
    }

    #[test]
    fn the_corpus_of_files_beside_configurations_replays() {
        replay("files", super::files);
    }

    #[test]
    fn the_corpus_of_completions_replays() {
        replay("completion", super::completion);
    }

    #[test]
    fn the_corpus_of_tools_to_be_signed_replays() {
        replay("signature", super::signature);
    }

    #[test]
    fn the_corpus_of_uris_replays() {
        replay("uri", super::uri);
    }

    #[test]
    fn the_corpus_of_http_requests_replays() {
        replay("http", super::http);
    }

    #[test]
    fn the_corpus_of_texts_replays() {
        replay("text", super::text);
    }

    #[test]
    fn the_corpus_of_scripts_replays() {
        replay("script", super::script);
    }

    #[test]
    fn the_corpus_of_what_clients_say_replays() {
        replay("client", super::client);
    }

    #[test]
    fn the_corpus_of_what_servers_say_replays() {
        replay("server", super::server);
    }
}
