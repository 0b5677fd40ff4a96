//! `tollgate import`: another program's configuration as one of ours.

use crate::args::Import;
use crate::exit::Failure;
use crate::print;
use std::io::{Read as _, Write as _};
use tollgate::config::FILE_MAX_BYTES;
use tollgate::config::import::{ImportOptions, import};

pub(crate) fn run(args: Import) -> Result<u8, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("{} cannot be read: {error}", args.file.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&args.file).map_err(unreadable)?;
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let imported = import(&args.file, &bytes, &ImportOptions { kind: None, keep_secrets: args.keep_secrets })?;
    match &args.out {
        None => print::out(print::visible(imported.text.trim_end()))?,
        Some(out) => {
            // It names programs to start: for this user alone, and never in place of what is there.
            use std::os::unix::fs::OpenOptionsExt as _;
            let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
            let mut file = opened.map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Failure::usage(format!("{} is there already; choose another --out", out.display()))
                }
                _ => Failure::usage(format!("{} cannot be written: {error}", out.display())),
            })?;
            file.write_all(imported.text.as_bytes())
                .map_err(|error| Failure::usage(format!("{} cannot be written: {error}", out.display())))?;
        }
    }
    for note in &imported.notes {
        print::warn(note);
    }
    for secret in &imported.secrets {
        print::note(format_args!("set the secret {secret} with: tollgate secrets set {secret}"));
    }
    if let Some(out) = &args.out {
        let file = out.display();
        let servers = if imported.servers == 1 { "server" } else { "servers" };
        print::note(format_args!(
            "wrote {} {servers} to {file}; look at it, then: tollgate --config {file} servers",
            imported.servers
        ));
    }
    Ok(0)
}
