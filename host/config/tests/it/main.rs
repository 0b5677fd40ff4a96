//! The configuration from outside: what is accepted, every error as its reader sees it, hostile files, trust.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accepted;
mod dotenv;
mod errors;
mod hostile;
mod import;
mod lock;
mod orchestration;
mod permissions;
mod resolve;
mod schema;
mod trust;

use std::path::Path;
use tollgate_config::{Config, ConfigError, parse};

/// Reads text as a file in `/etc/gate`, whose home is `/home/ada`.
fn read(name: &str, text: &str) -> Result<Config, ConfigError> {
    parse(&Path::new("/etc/gate").join(name), Some(Path::new("/home/ada")), text.as_bytes())
}

/// As [`read`], when the file must be right.
#[track_caller]
fn config(name: &str, text: &str) -> Config {
    read(name, text).unwrap_or_else(|error| panic!("{name} must be right:\n{text}\n{error}"))
}

fn lines(list: &[tollgate_config::Diagnostic]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
