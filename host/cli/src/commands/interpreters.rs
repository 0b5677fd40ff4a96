//! `tollgate interpreters`.

use crate::args::{Interpreters, InterpretersCommand};
use crate::exit::{ERROR, Failure};
use crate::{print, setup};

pub(crate) async fn interpreters(args: Interpreters) -> Result<u8, Failure> {
    let host = setup::builder(vec![], None)?.build().await?;
    match args.command {
        Some(InterpretersCommand::Compile { from, to }) => {
            let to = to.or_else(setup::own_interpreters);
            let to =
                to.ok_or_else(|| Failure::usage("there is no home folder to keep them in; name one with --to DIR"))?;
            let compiled = host.compile_interpreters(from.as_deref(), &to);
            let files = compiled.map_err(|error| Failure { code: ERROR, message: error.to_string() })?;
            if args.json {
                print::json(&files)?;
            } else {
                for file in files {
                    print::out(file.display())?;
                }
            }
        }
        None => {
            let found = host.interpreters().await;
            if args.json {
                print::json(&found)?;
            } else {
                for one in &found {
                    let file = one.file.as_ref().map_or_else(|| "-".to_owned(), |file| file.display().to_string());
                    let state = one.error.as_deref().unwrap_or("ready");
                    print::out(format_args!("{:<12} {file}  {state}", one.name))?;
                }
            }
        }
    }
    Ok(0)
}
