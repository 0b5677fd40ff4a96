//! Builds the plugins, so that the binary carries the demo's components.

use std::env::var;
use std::process::Command;
use tollgate_guest_build::Guests;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Guests::new("../../plugins").watch("../../guest-sdk/rust").watch("../../wit").build()?.embed("plugins.rs")?;
    pack_relocations();
    Ok(())
}

/// Has the binary's relocations packed: 50 KB in place of 2.5 MB that every start reads and that stay in memory. Only
/// where this machine's C library can read them; a binary asks for one as new as that of the machine it is built on anyway.
fn pack_relocations() {
    let is = |name: &str, value: &str| var(name).is_ok_and(|set| set == value);
    let is_here = var("HOST").is_ok() && var("HOST") == var("TARGET");
    if is_here && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && glibc() >= Some((2, 36)) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's C library.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
