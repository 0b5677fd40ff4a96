//! Makes a project of every kind in every language, builds each twice, and says how large the components are, how long
//! it took, and what they import. Fetches the tools from their registries.
//!
//! ```sh
//! cargo run -p tollgate-scaffold --example projects [FOLDER] [LANGUAGE]…
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr as _;
use tollgate_scaffold::{Cancel, Kind, Language, build, new};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(|| std::env::temp_dir().join("tollgate-projects"), PathBuf::from);
    let chosen = args.map(|name| Language::from_str(&name)).collect::<Result<Vec<_>, _>>()?;
    let mut failed = 0_u32;
    for language in Language::ALL.into_iter().filter(|it| chosen.is_empty() || chosen.contains(it)) {
        for kind in [Kind::Policy, Kind::Adapter].into_iter().filter(|kind| language.has(*kind)) {
            let name = format!("hello-{language}-{kind}");
            let project = folder.join(&name);
            if !project.exists() {
                new(kind, &name, language, &project)?;
            }
            let cancel = Cancel::new();
            let both = build(&project, &cancel, &mut |event| println!("{name}: {event:?}"))
                .and_then(|cold| Ok((cold, build(&project, &cancel, &mut |_| {})?)));
            match both {
                Ok((cold, warm)) => {
                    println!("{name}: {} bytes; cold {:.1?}, warm {:.1?}", cold.bytes, cold.took, warm.took);
                    println!("{name}: imports {}", cold.world.imports.join(" "));
                    println!("{name}: exports {}", cold.world.exports.join(" "));
                }
                Err(error) => {
                    failed += 1;
                    eprintln!("{name}: {error}");
                }
            }
        }
    }
    if failed > 0 { Err(format!("{failed} projects do not build").into()) } else { Ok(()) }
}
