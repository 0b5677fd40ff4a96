//! `tollgate build` as a program of its own, to try the crate by hand: `cargo run -p tollgate-scaffold --example build FOLDER`.

use std::path::PathBuf;
use tollgate_scaffold::{Cancel, Event, build};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut say = |event| match event {
        Event::Fetching(what) => eprintln!("fetching {what}"),
        Event::Step(what) => eprintln!("{what}"),
    };
    match build(&folder, &Cancel::new(), &mut say) {
        Ok(built) => println!("{} ({} bytes, {:.1?})", built.path.display(), built.bytes, built.took),
        // In its own words, not as a program's debug output.
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
    Ok(())
}
