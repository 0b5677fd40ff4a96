//! `tollgate config` and `tollgate trust`.

use crate::args::{ConfigCommand, Global, Trust};
use crate::exit::Failure;
use crate::print;
use crate::setup;
use std::path::PathBuf;
use tollgate::config::Config;
use tollgate::config::model::{AdapterCode, Code, Document, Transport};

pub(crate) fn config(global: &Global, command: ConfigCommand) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Schema => print::out(format_args!("{:#}", tollgate::config::schema()))?,
        ConfigCommand::Check { file } => {
            // It starts nothing, so it needs no trust.
            let config = setup::load(&named_or_found(file.or_else(|| global.config.clone()))?)?;
            let mut summary = config.summary();
            summary.warnings += warn_of_missing(&config) + warn_of_unbound(&config);
            print::out(format_args!("{}: {summary}", config.file.display()))?;
        }
    }
    Ok(0)
}

/// Says which components and documents are not there, and how many. It is no error: they may be built later.
fn warn_of_missing(config: &Config) -> usize {
    let adapters = config.enabled().filter_map(|server| match &server.transport {
        Transport::Adapter(adapter) => match &adapter.code {
            AdapterCode::Component(file) => Some((format!("{}.component", server.key), file.line, &file.value)),
            AdapterCode::OpenApi(api) => match &api.document.value {
                Document::File(file) => Some((format!("{}.openapi", server.key), api.document.line, file)),
                Document::Url(_) => None,
            },
        },
        _ => None,
    });
    let policies = config.policies.iter().filter_map(|policy| match &policy.code {
        Code::Component(file) => Some((format!("policies.{}.component", policy.name.value), file.line, &file.value)),
        Code::Script { .. } | Code::Shipped(_) => None,
    });
    let missing = adapters.chain(policies).filter(|(.., file)| !file.is_file());
    let mut count = 0;
    for (key, line, path) in missing {
        count += 1;
        let (file, path) = (config.file.display(), path.display());
        print::warn(format_args!("{file}:{line}: {key}: there is no file {path}; build it, or mend the path"));
    }
    count
}

/// Says which secrets of APIs go to nobody, and how many: only the document, which nobody has read yet, says where its API is.
fn warn_of_unbound(config: &Config) -> usize {
    let mut count = 0;
    for server in config.enabled() {
        let Transport::Adapter(adapter) = &server.transport else { continue };
        for used in adapter.secrets.iter().filter(|used| used.hosts.is_empty()) {
            count += 1;
            let (file, line, name) = (config.file.display(), used.secret.line, &used.secret.value);
            print::warn(format_args!(
                "{file}:{line}: {}.secrets.{name}: nobody says which hosts may get it, so the server fails; add `hosts: [api.example.com]`, with the API's own",
                server.key
            ));
        }
    }
    count
}

pub(crate) fn trust(global: &Global, args: Trust) -> Result<u8, Failure> {
    let config = setup::load(&named_or_found(args.file.or_else(|| global.config.clone()))?)?;
    setup::trust(&config)?;
    print::out(format_args!("trusted {} as it is now; any change asks again", config.file.display()))?;
    for line in config.would_start() {
        print::out(format_args!("  it starts {line}"))?;
    }
    Ok(0)
}

fn named_or_found(file: Option<PathBuf>) -> Result<PathBuf, Failure> {
    match file {
        Some(file) => Ok(file),
        None => setup::discovered()?.ok_or_else(|| {
            Failure::usage(
                "there is no tollgate.yaml, .toml or .json here or in the user's configuration folder; name a file",
            )
        }),
    }
}
