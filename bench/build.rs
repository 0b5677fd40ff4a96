//! Builds the plugins: the demo's servers are measured as adapters and as processes.

use tollgate_guest_build::Guests;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Guests::new("../plugins").watch("../guest-sdk/rust").watch("../wit").build()?;
    Ok(())
}
