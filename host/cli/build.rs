//! Builds the plugins, so that the binary carries the demo's components.

use tollgate_guest_build::Guests;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Guests::new("../../plugins").watch("../../guest-sdk/rust").watch("../../wit").build()?.embed("plugins.rs")?;
    Ok(())
}
