//! Builds the guests of the tests, and names their files.

use tollgate_guest_build::Guests;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Guests::new("../guests").watch("../../guest-sdk/rust").watch("../../wit").build()?.paths("guests.rs")?;
    Ok(())
}
