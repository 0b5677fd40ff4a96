//! `tollgate bindings`.

use crate::args::{Bindings, Global};
use crate::exit::{ERROR, Failure};
use crate::{print, setup};
use tollgate::ScriptLanguage;
use tollgate_surface::{Language, bindings as write};

pub(crate) async fn bindings(global: &Global, args: Bindings) -> Result<u8, Failure> {
    let language: ScriptLanguage = args.lang.parse().map_err(|error| Failure::usage(format!("--lang: {error}")))?;
    let language = match language {
        ScriptLanguage::JavaScript | ScriptLanguage::TypeScript => Language::TypeScript,
        ScriptLanguage::Python => Language::Python,
    };
    let config = setup::needed_configuration(global)?;
    let host = setup::builder(vec![], None)?.config(config).build().await?;
    let tools = tokio::select! {
        tools = host.tools() => tools,
        () = setup::interrupted() => {
            host.shutdown().await;
            return Err(Failure::cancelled("cancelled; nothing was written"));
        }
    };
    // Their tools are missing in what is written.
    setup::warn_of_failed(&host);
    host.shutdown().await;
    let failed = |path: &std::path::Path, error: std::io::Error| Failure {
        code: ERROR,
        message: format!("{} cannot be written: {error}", path.display()),
    };
    std::fs::create_dir_all(&args.out).map_err(|error| failed(&args.out, error))?;
    for (name, text) in write(&tools, language) {
        let path = args.out.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
        print::out(path.display())?;
    }
    Ok(0)
}
