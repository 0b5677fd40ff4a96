//! `tollgate lock`.

use crate::args::{Global, Lock as Args};
use crate::exit::{ERROR, Failure};
use crate::{print, setup};
use serde_json::json;
use tollgate::config::lock::Lock;

pub(crate) async fn lock(global: &Global, args: Args) -> Result<u8, Failure> {
    let config = setup::needed_configuration(global)?;
    let file = Lock::beside(&config.file);
    let before = Lock::load(&file)?;
    let is_new = before.is_none();
    let before = before.unwrap_or_else(|| Lock::new(file.clone()));
    let now = tollgate::locked(&config, &file).await.map_err(|error| Failure::usage(error.to_string()))?;
    let changes = before.changes(&now);
    if args.json {
        let list: Vec<_> = changes.iter().map(ToString::to_string).collect();
        print::json(&json!({"file": file, "changes": list, "written": args.update}))?;
    } else {
        for change in &changes {
            print::out(change)?;
        }
    }
    if args.update {
        now.write().map_err(|error| Failure::usage(format!("{} cannot be written: {error}", file.display())))?;
        if !args.json {
            print::note(format_args!("{} pins {}", file.display(), now.summary()));
        }
        return Ok(0);
    }
    if !args.json {
        match (is_new, changes.is_empty()) {
            (true, _) => {
                print::note("there is no lock file, so nothing is checked; `tollgate lock --update` writes one")
            }
            (false, true) => print::note("everything is as it was pinned"),
            (false, false) => print::note("what changed is refused until `tollgate lock --update`"),
        }
    }
    Ok(if is_new || changes.is_empty() { 0 } else { ERROR })
}
