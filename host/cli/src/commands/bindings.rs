//! `tollgate bindings`.

use crate::args::{Bindings, Global};
use crate::exit::{ERROR, Failure};
use crate::{print, setup};
use tollgate::ScriptLanguage;
use tollgate_surface::{Language, bindings as write, rust_bindings};

pub(crate) async fn bindings(global: &Global, args: Bindings) -> Result<u8, Failure> {
    // None is Rust, which is no language of scripts.
    let language = match args.lang.as_str() {
        "rust" | "rs" => None,
        lang => {
            let unknown = |error| Failure::usage(format!("--lang: {error}; typed calls are also written for rust"));
            Some(match lang.parse().map_err(unknown)? {
                ScriptLanguage::JavaScript | ScriptLanguage::TypeScript => Language::TypeScript,
                ScriptLanguage::Python => Language::Python,
            })
        }
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
    let files = match language {
        Some(language) => write(&tools, language),
        None => vec![rust_bindings(&tools)],
    };
    for (name, text) in files {
        let path = args.out.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
        print::out(path.display())?;
    }
    Ok(0)
}
