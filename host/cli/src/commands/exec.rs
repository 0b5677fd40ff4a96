//! `tollgate exec`.

use crate::args::{self, Exec, Global};
use crate::commands::run::show;
use crate::exit::Failure;
use crate::setup;
use crate::timeline::{Detail, Timeline};
use std::sync::Arc;
use tollgate::{Principal, RunRequest, Script, ScriptLanguage};

pub(crate) async fn exec(global: &Global, exec: Exec) -> Result<u8, Failure> {
    let input = setup::json_argument("input", &exec.input).await?;
    let grants = args::grants(&exec.grants)?;
    let code = std::fs::read_to_string(&exec.file).map_err(|e| Failure::usage(format!("{}: {e}", exec.file)))?;
    let language = match exec.lang.as_deref().or(exec.file.rsplit('.').next()) {
        Some("py" | "python") => ScriptLanguage::Python,
        Some("ts") => ScriptLanguage::TypeScript,
        _ => ScriptLanguage::JavaScript,
    };
    let config = setup::configuration(global)?;
    let config_file = config.as_ref().map(|c| c.file.clone());
    let timeline = Arc::new(Timeline::new(if exec.trace { Detail::EachCall } else { Detail::Live }));
    let host = setup::builder(vec![timeline.clone()], exec.journal.as_deref())?;
    let host = host.config(config.unwrap_or_default()).build().await?;
    let request = RunRequest::script(Script { language, code, file: exec.file.clone() });
    let request = exec
        .limits
        .0
        .iter()
        .fold(request, |request, &(kind, value)| request.limit(kind, value))
        .input(input)
        .grants(grants)
        .principal(Principal::new("cli"));
    let report = tokio::select! {
        report = host.run_until(request, setup::interrupted()) => report?,
        () = setup::reload_on_hangup(host.clone(), config_file) => return Ok(crate::exit::ERROR),
    };
    timeline.close();
    show(&host, &report, exec.json)?;
    host.shutdown().await;
    Ok(report.status.exit_code())
}
