//! `tollgate new`, `tollgate build`.

use crate::args::{Build, New};
use crate::exit::Failure;
use crate::print::{self, BOLD, DIM, styled};
use crate::setup;
use tollgate_scaffold::{Cancel, Event};

pub(crate) fn new(args: New) -> Result<u8, Failure> {
    let folder = args.dir.unwrap_or_else(|| args.name.clone().into());
    let created = tollgate_scaffold::new(args.kind, &args.name, args.lang, &folder, setup::plugins::ADAPTER_CRM)
        .map_err(|error| Failure::usage(error.to_string()))?;
    print::out(format_args!("{} in {}", styled(BOLD, &args.name), created.folder.display()))?;
    for file in &created.files {
        print::out(format_args!("  {}", file.display()))?;
    }
    print::out("next:")?;
    print::out(format_args!("  cd {}", created.folder.display()))?;
    for step in &created.next_steps {
        print::out(format_args!("  {step}"))?;
    }
    Ok(0)
}

pub(crate) async fn build(args: Build) -> Result<u8, Failure> {
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let mut work = tokio::task::spawn_blocking(move || {
        tollgate_scaffold::build(&args.dir, &stop, &mut |event| {
            let (Event::Fetching(what) | Event::Step(what)) = event;
            let verb = if matches!(event, Event::Fetching(_)) { "fetching" } else { "building" };
            print::note(styled(DIM, format_args!("{verb} {what}")));
        })
    });
    let built = tokio::select! {
        built = &mut work => built,
        () = setup::interrupted() => {
            cancel.cancel();
            // Its processes end first.
            drop(work.await);
            return Err(Failure::cancelled("cancelled; nothing was built"));
        }
    };
    let built = built.map_err(|error| Failure::error(error.to_string()))?;
    let built = built.map_err(|error| Failure::error(error.to_string()))?;
    print::out(format_args!(
        "{} {}, {}, in {}",
        built.path.display(),
        print::bytes(built.bytes as u64),
        built.world.kind,
        print::duration(built.took)
    ))?;
    Ok(0)
}
