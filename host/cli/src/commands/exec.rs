//! `tollgate exec`: scripts. `tollgate run FILE.py` comes here too.

use crate::args::{self, Exec, Global};
use crate::commands::run::show;
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::timeline::{Detail, Timeline};
use crate::{print, setup};
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use tollgate::{Grants, Principal, RunRequest, Script, ScriptLanguage, detect_language};

pub(crate) async fn exec(global: &Global, exec: Exec) -> Result<u8, Failure> {
    if exec.file == "-" && exec.input == "-" {
        return Err(Failure::usage(
            "both the script and its input would be read from stdin; name a file for one of them",
        ));
    }
    let (file, code) = source(&exec.file).await?;
    let path = (exec.file != "-").then(|| Path::new(&exec.file));
    let language = detect_language(exec.lang.as_deref(), path, &code);
    let language = language.map_err(|error| Failure::usage(error.to_string()))?;
    let input = setup::json_argument("input", &exec.input).await?;
    let mut grants = args::grants(&exec.flags.grants)?;
    let config = setup::configuration(global)?;
    let config_file = config.as_ref().map(|config| config.file.clone());

    let timeline = Arc::new(Timeline::new(if exec.flags.trace { Detail::EachCall } else { Detail::Live }));
    let host = setup::builder(vec![timeline.clone()], exec.flags.journal.as_deref())?;
    let host = host.config(config.unwrap_or_default()).build().await?;
    if grants.is_empty() && !host.servers().is_empty() {
        grants = asked_grants(&file).await?;
    }
    let request = RunRequest::script(Script { language, code, file });
    let request = exec
        .flags
        .limits
        .0
        .iter()
        .fold(request, |request, &(kind, value)| request.limit(kind, value))
        .input(input)
        .grants(grants)
        .principal(Principal::new("cli"))
        .approvals(args::approvals(&exec.flags.approve)?)
        .client(Terminal::new(!exec.flags.json, timeline.clone()));
    let report = tokio::select! {
        report = host.run_until(request, setup::stopped()) => report?,
        () = setup::reload_on_hangup(host.clone(), global, config_file) => return Ok(crate::exit::ERROR),
    };
    timeline.close();
    show(&host, &report, exec.flags.json, true)?;
    host.shutdown().await;
    Ok(report.status.exit_code())
}

/// The language of a file that `run` was given, where it is a script.
pub(crate) fn language_of(file: &str) -> Option<ScriptLanguage> {
    ScriptLanguage::of_path(Path::new(file))
}

/// A script's name and text.
async fn source(file: &str) -> Result<(String, String), Failure> {
    use tokio::io::AsyncReadExt as _;
    /// More than a script may have: what is too long is told by its own message.
    const MAX_BYTES: u64 = 2 << 20;
    let mut bytes = Vec::new();
    let (name, read) = if file == "-" {
        if std::io::stdin().is_terminal() {
            print::note("Reading the script from the terminal; Ctrl-D ends it.");
        }
        ("<stdin>".to_owned(), tokio::io::stdin().take(MAX_BYTES).read_to_end(&mut bytes).await)
    } else {
        let opened = tokio::fs::File::open(file).await;
        let read = match opened {
            Ok(opened) => opened.take(MAX_BYTES).read_to_end(&mut bytes).await,
            Err(error) => Err(error),
        };
        (Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned(), read)
    };
    read.map_err(|error| Failure::usage(format!("{file} cannot be read: {error}")))?;
    let code = String::from_utf8(bytes);
    Ok((name, code.map_err(|_| Failure::usage(format!("{file} is not UTF-8 text, so it is no script")))?))
}

/// A script does not say what it asks for, so the person at the terminal decides about all tools at once. Without a terminal
/// nothing is granted, and a warning says how.
async fn asked_grants(file: &str) -> Result<Grants, Failure> {
    const HOW: &str = "grant it with --grant 'SERVER:*', or --grant read-only";
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        print::warn(format_args!("{file} has no grants, so it can call no tool; {HOW}"));
        return Ok(Grants::default());
    }
    match setup::answers_yes(&format!("May {file} call every tool of the configuration in this run? [y/N] ")).await {
        Some(true) => Ok(Grants::all()),
        Some(false) => Ok(Grants::default()),
        None => Err(Failure::cancelled("cancelled; nothing ran")),
    }
}
