//! The components that the tests run: a constant with the path of each, by its name in capitals. A name
//! that no guest has does not compile.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
include!(concat!(env!("OUT_DIR"), "/texts.rs"));

/// The folder that holds them all, for tests that choose by name.
pub const FOLDER: &str = env!("OUT_DIR");
