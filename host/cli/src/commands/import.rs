//! `tollgate import`: another program's configuration as one of ours.

use crate::args::Import;
use crate::exit::Failure;
use crate::print;
use std::io::Write as _;
use tollgate::config::import;

/// The longest file, in bytes.
const MAX_BYTES: u64 = 4 << 20;

pub(crate) async fn import(args: Import) -> Result<u8, Failure> {
    let shown = args.file.display();
    let unreadable = |error: std::io::Error| Failure::usage(format!("{shown} cannot be read: {error}"));
    if std::fs::metadata(&args.file).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(Failure::usage(format!("{shown} is over 4 MiB")));
    }
    let text = std::fs::read(&args.file).map_err(unreadable)?;
    let text = String::from_utf8(text).map_err(|_| Failure::usage(format!("{shown} is not UTF-8 text")))?;
    let imported = import::import(&args.file, &text)?;
    match &args.out {
        None => print::out(imported.text.trim_end())?,
        Some(out) => {
            // It may name programs to start: for this user alone, and never in place of what is there.
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
        print::note(note);
    }
    if let Some(out) = &args.out {
        let file = out.display();
        print::note(format_args!("wrote {file}; look at it, then: tollgate --config {file} servers"));
    }
    Ok(0)
}
