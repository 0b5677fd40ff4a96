//! `tollgate config` and `tollgate trust`.

use crate::args::{ConfigCommand, Global, Trust};
use crate::exit::Failure;
use crate::print;
use crate::setup;
use std::path::PathBuf;

pub(crate) fn config(global: &Global, command: ConfigCommand) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Schema => print::out(format_args!("{:#}", tollgate::config::schema()))?,
        ConfigCommand::Check { file } => {
            // It starts nothing, so it needs no trust.
            let config = setup::load(&named_or_found(file.or_else(|| global.config.clone()))?)?;
            print::out(format_args!("{}: {}", config.file.display(), config.summary()))?;
        }
    }
    Ok(0)
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
