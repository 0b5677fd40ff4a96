//! The configuration file of Tollgate: read, checked, explained, trusted.
//!
//! A file is YAML, TOML or JSON by its extension; the `mcpServers` JSON of other MCP clients works unchanged. Every
//! error names file, line and key, and all errors of a file are reported at once, save that a file which is not of its
//! format has one. Files are untrusted: a hostile one is refused, and makes nothing panic, hang or grow without bound.
//!
//! ```
//! use tollgate_config::{Format, parse_bytes};
//!
//! let error = parse_bytes(Format::Yaml, b"servers:\n  crm: {url: https://example.com/mcp, timeot: 30}").unwrap_err();
//! assert_eq!(error.to_string(), "config:2: servers.crm.timeot: unknown key; did you mean `timeout`?");
//! ```
//!
//! # Layout
//!
//! - [`model`]: what a configuration says, typed. [`load`] makes it of a file, [`parse`] of its bytes.
//! - `tree`: what the formats have in common, a tree of values with their lines; `yaml`, `toml`, `json` make it.
//! - `read`: from the tree to types, by tables of keys that give the parser and the schema. `values`: how single values
//!   are written, `ranged` those with bounds. `decode`: the keys of the file, and what they mean together. `auth`, `models`,
//!   `orchestration`, `outgoing`, `policy`, `routing`, `secrets`, `serve`: some of them. `secret_text`: what looks like a secret.
//! - [`route()`]: what routing is told of a server, with all defaults filled in.
//! - [`schema()`]: the JSON Schema of the file.
//! - [`template`]: `${env:NAME}` and `${secret:NAME}`; [`resolve()`] fills them in. [`dotenv`]: `envFile`.
//! - [`discover()`]: which file, when none is named. [`trust`]: whether that one may start something.
//! - [`lock`]: the lock file, which pins what a configuration runs. [`permissions`]: what a component may do, in words.
//! - [`import()`]: other programs' configurations, made into this one's. [`edit`]: adding a server to a file.
//! - [`diagnostic`]: errors and warnings.

mod auth;
mod callers;
mod decode;
pub mod diagnostic;
pub mod discover;
pub mod dotenv;
pub mod edit;
pub mod import;
mod json;
pub mod lock;
pub mod model;
mod models;
mod orchestration;
mod outgoing;
pub mod permissions;
mod policy;
mod ranged;
mod read;
pub mod resolve;
pub mod route;
mod routing;
pub mod schema;
mod secret_text;
mod secrets;
mod serve;
pub mod template;
mod toml;
mod tree;
pub mod trust;
mod values;
mod yaml;

pub use diagnostic::{ConfigError, Diagnostic};
pub use discover::{Folders, discover};
pub use import::{ImportKind, ImportOptions, Imported, import};
pub use model::{Config, Digest, Server};
pub use policy::unknown_shipped;
pub use read::suggest;
pub use resolve::{AuthSecret, resolve, resolve_auth};
pub use route::route;
pub use schema::schema;
pub use template::Source;
pub use trust::{TrustError, TrustStore};

use crate::decode::fit_name;
use crate::diagnostic::Report;
use crate::dotenv::{ENV_FILE_MAX_BYTES, parse_env_file};
use crate::model::Transport;
use crate::read::{Cx, Key};
use crate::tree::Node;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::Path;

/// The largest configuration file, in bytes.
pub const FILE_MAX_BYTES: u64 = 4 << 20;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2: `.yaml`, `.yml`.
    Yaml,
    /// TOML: `.toml`.
    Toml,
    /// JSON with comments and trailing commas: `.json`.
    Json,
}

impl Format {
    /// The format that a file's extension tells.
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads a file, and the `envFile` of each server that is not disabled. `home` is what `~/` stands for.
///
/// # Errors
/// Everything that is wrong in these files.
pub fn load(file: &Path, home: Option<&Path>) -> Result<Config, ConfigError> {
    let bytes = read_file(file, FILE_MAX_BYTES).map_err(|message| Diagnostic::of_file(file, message))?;
    let mut config = parse(file, home, &bytes)?;
    let mut errors = Vec::new();
    for server in config.servers.iter_mut().filter(|server| !server.disabled) {
        let Transport::Process(process) = &mut server.transport else { continue };
        let Some(env_file) = &mut process.env_file else { continue };
        let line = env_file.line;
        let env_file = &mut env_file.value;
        let read = read_file(&env_file.path, ENV_FILE_MAX_BYTES).and_then(|bytes| {
            let both = Sha256::new_with_prefix(config.digest.0).chain_update(Sha256::digest(&bytes));
            config.digest = Digest(both.finalize().into());
            String::from_utf8(bytes).map_err(|_| "not UTF-8 text".into())
        });
        match read.map(|text| parse_env_file(&env_file.path, &text)) {
            Ok(Ok(variables)) => env_file.variables = variables,
            Ok(Err(wrong)) => errors.extend(wrong),
            Err(message) => {
                let message = format!("{}: {message}", env_file.path.display());
                errors.push(Diagnostic::at(file, line, format_args!("{}.envFile", server.key), message));
            }
        }
    }
    if !errors.is_empty() {
        return Err(ConfigError { errors, warnings: config.warnings });
    }
    Ok(config)
}

/// Reads the content of a file; its name tells the format and the folder that paths are relative to. Nothing else is
/// opened, so the digest is that of these bytes.
///
/// # Errors
/// Everything that is wrong in it.
pub fn parse(file: &Path, home: Option<&Path>, bytes: &[u8]) -> Result<Config, ConfigError> {
    let format = Format::of(file).ok_or_else(|| {
        Diagnostic::of_file(file, "not a configuration by its name").help("name it *.yaml, *.yml, *.toml or *.json")
    })?;
    parse_as(format, file, home, bytes)
}

/// Reads bytes of a format, as [`parse`] does of a file `config` without a folder.
///
/// # Errors
/// Everything that is wrong in them.
pub fn parse_bytes(format: Format, bytes: &[u8]) -> Result<Config, ConfigError> {
    parse_as(format, Path::new("config"), None, bytes)
}

fn parse_as(format: Format, file: &Path, home: Option<&Path>, bytes: &[u8]) -> Result<Config, ConfigError> {
    let mut cx = Cx { file, home, foreign: false, errors: Report::default(), warnings: Report::default() };
    let root = tree_of(format, bytes, &mut cx)?;
    let foreign_file = format == Format::Json && root.get("mcpServers").is_some();
    let config = decode::config(&root, foreign_file, &mut cx);
    let warnings = cx.warnings.into_list();
    match config {
        Some(config) if cx.errors.is_empty() => {
            let digest = Digest(Sha256::digest(bytes).into());
            Ok(Config { file: file.to_owned(), digest, warnings, ..config })
        }
        _ => Err(ConfigError { errors: cx.errors.into_list(), warnings }),
    }
}

/// The tree of a file, with what is wrong in any file refused.
fn tree_of(format: Format, bytes: &[u8], cx: &mut Cx<'_>) -> Result<Node, ConfigError> {
    let file = cx.file;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(Diagnostic::of_file(file, too_large(FILE_MAX_BYTES)).into());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Diagnostic::at(file, tree::line_number(line), "", "not UTF-8 text").help("save it as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = match format {
        Format::Yaml => yaml::parse(text),
        Format::Toml => toml::parse(text),
        Format::Json => json::parse(text),
    };
    let root = root.map_err(|error| Diagnostic::at(file, error.line, "", error.message))?;
    tree::check(&root, &Key::Root, 0, cx);
    // Keys that come twice make further errors misleading.
    if cx.errors.is_empty() {
        return Ok(root);
    }
    Err(ConfigError { errors: std::mem::take(&mut cx.errors).into_list(), warnings: Vec::new() })
}

fn read_file(file: &Path, max: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let opened = resolve::open_regular(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    opened.take(max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max { Err(too_large(max)) } else { Ok(bytes) }
}

fn too_large(max: u64) -> String {
    format!("larger than {} MiB", max >> 20)
}
